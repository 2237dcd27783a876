"""The protocols by name: which tables, which metrics.

``mallm-gan``: Ling et al., MALLM-GAN, 2024, tables 2 and 7. https://arxiv.org/abs/2406.10521
``synthia``: SYNTHIA, 2025, the tables on alpha-precision and beta-recall, C2ST, and DCR share.
"""

from __future__ import annotations

from dataclasses import dataclass

from sdv_llmgan.benchmark.tables import Source

SIZES = (25, 50, 100, 200, 400, 800)
ASIA = (
    'visit to Asia',
    'tuberculosis',
    'smoke',
    'lung cancer',
    'bronchitis',
    'either tuberculosis or lung cancer',
    'chest X-ray',
    'Dyspnea',
)
CONTEXTS = {
    'adult': 'Working people in the US census of 1994, one row a person.',
    'magic': 'Showers of particles in the images of a Cherenkov gamma-ray telescope, one row an '
    'image: g is a gamma ray (signal), h a hadron (background).',
    'asia': 'Patients of a chest clinic: where they have been, whether they smoke, which diseases '
    'of the lung they have and what was found, one row a patient.',
    'insurance': 'Medical costs that a US health insurer billed in a year, one row a person.',
    'default': 'Credit card clients of a Taiwanese bank in 2005: limits, bills, payments, and '
    'whether they defaulted the month after, one row a client.',
    'shoppers': 'Visits to an online shop and whether they ended in a purchase, one row a session.',
    'heart': 'Patients of a heart clinic in Cleveland, their findings, and whether a narrowed '
    'artery was found, one row a patient.',
}


@dataclass(frozen=True)
class Protocol:
    """A named benchmark.

    Attributes:
        name: As on the command line.
        sources: Its tables.
        metrics: Names of what is measured (see ``scores.METRICS``).
        seeds: How many replicates the paper has, or is measured here by default.
        synthesizers: What is measured by default.
        draws: Numbers of rows that are drawn beside as many as were trained on.
    """

    name: str
    sources: tuple[Source, ...]
    metrics: tuple[str, ...]
    seeds: int
    synthesizers: tuple[str, ...] = ('real', 'gaussian-copula')
    draws: tuple[int, ...] = ()


def _sizes(table: str, target: str, **more: object) -> list[Source]:
    files = [(f'mallm_gan/{table}_{n}_train.csv', f'mallm_gan/{table}_{n}_test.csv') for n in SIZES]
    if table == 'asia':
        # Of the paper's own rows only the two smallest sets are public.
        files = files[:2]
    context = CONTEXTS[table.removesuffix('_cpt')]
    return [Source(table, train, test, target, context, **more) for train, test in files]  # type: ignore[arg-type]


MALLM_GAN = Protocol(
    'mallm-gan',
    (
        *_sizes('adult', 'Income'),
        *_sizes('magic', 'gamma (signal), hadron (background)'),
        *_sizes('asia', 'Dyspnea', categorical=ASIA),
        # Drawn from the published probabilities: other rows than the paper's, the same source.
        *_sizes('asia_cpt', 'Dyspnea', printed_as='asia'),
        *_sizes('insurance', 'charges'),
    ),
    ('mle', 'alpha_precision', 'beta_recall', 'dcr_share', 'copied_rows'),
    seeds=5,
)
SYNTHIA = Protocol(
    'synthia',
    (
        Source(
            'adult',
            'synthia/adult_train.csv',
            'synthia/adult_test.csv',
            'income',
            CONTEXTS['adult'],
        ),
        Source(
            'default',
            'synthia/default_train.csv',
            'synthia/default_test.csv',
            'default payment next month',
            CONTEXTS['default'],
            (
                *('SEX', 'EDUCATION', 'MARRIAGE', 'default payment next month'),
                *('PAY_0', 'PAY_2', 'PAY_3', 'PAY_4', 'PAY_5', 'PAY_6'),
            ),
        ),
        Source(
            'shoppers',
            'synthia/shoppers.csv',
            None,
            'Revenue',
            CONTEXTS['shoppers'],
            ('OperatingSystems', 'Browser', 'Region', 'TrafficType'),
        ),
        Source('magic', 'synthia/magic.csv', None, 'class', CONTEXTS['magic']),
        Source(
            'heart',
            'synthia/heart.csv',
            None,
            'disease',
            CONTEXTS['heart'],
            ('sex', 'cp', 'fbs', 'restecg', 'exang', 'slope', 'thal'),
        ),
    ),
    ('alpha_precision', 'beta_recall', 'c2st', 'dcr_share', 'copied_rows'),
    seeds=1,
)
#: What each part adds, on MALLM-GAN's smallest tables: a language model matters there.
ABLATION = Protocol(
    'ablation',
    tuple(
        source
        for source in MALLM_GAN.sources
        if source.table != 'asia' and source.train.split('_')[-2] in ('25', '50', '100')
    ),
    ('mle', 'dcr_share'),
    seeds=3,
    synthesizers=('ablation',),
    draws=(300,),
)
PROTOCOLS = {protocol.name: protocol for protocol in (MALLM_GAN, SYNTHIA, ABLATION)}
