"""Imports go one way: a module imports only from those above it in this list."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parent.parent / 'sdv_llmgan'

ORDER = [
    'formats.words',
    'formats.csv_text',
    'formats.csv_layout',
    'formats.csv_cells',
    'formats.private_files',
    'formats.csv_files',
    'formats.markdown',
    'formats.saved_json',
    'errors',
    'providers.forks',
    'providers.usage',
    'calls.budget',
    'providers.prices',
    'table.allowed',
    'egress.rounding',
    'table.dates',
    'table.column',
    'table.plain',
    'table.learn_column',
    'table.schema',
    'egress.policy',
    'rules.conditions',
    'process.causal_graph',
    'process.hill_climb',
    'process.generation_process',
    'formats.spans',
    'formats.reply_json',
    'table.rows',
    'table.repeats',
    'table.copies',
    'rules.words',
    'rules.constraints',
    'egress.ranges',
    'egress.column_view',
    'egress.table_view',
    'analysis.coded',
    'analysis.statistics',
    'analysis.columns',
    'analysis.pairs',
    'analysis.missing',
    'analysis.copies',
    'analysis.findings',
    'analysis.diagnostics',
    'analysis.__init__',
    'providers.base',
    'providers.faults',
    'providers.transport',
    'providers.settings',
    'providers.json_schema',
    'providers.batch_api',
    'providers.hosted',
    'providers.openai_batches',
    'providers.anthropic_batches',
    'providers.openai',
    'providers.anthropic',
    'calls.folder',
    'calls.batch_ledger',
    'calls.retries',
    'calls.batches',
    'roles.prompts',
    'providers.scripted',
    'calls.sharing',
    'calls.cache',
    'calls.audit',
    'calls.gate',
    'calls.threads',
    'calls.tokens',
    'calls.metered',
    'calls.rehearsal',
    'calls.estimate',
    'discriminators.base',
    'table.features',
    'table.missing',
    'table.strata',
    'discriminators.incremental',
    'discriminators.logistic',
    'discriminators.mlp',
    'discriminators.analyzer',
    'discriminators.llm',
    'discriminators.panel',
    'hookspecs',
    'registry',
    'process.changes',
    'loop.step',
    'loop.story',
    'loop.history',
    'loop.callbacks',
    'loop.progress',
    'roles.optimizer',
    'roles.interpreter',
    'roles.examples',
    'roles.generator',
    'roles.row_writer',
    'samplers.base',
    'samplers.llm',
    'samplers.distilled.evidence',
    'samplers.distilled.uniforms',
    'samplers.distilled.thinning',
    'samplers.distilled.marginal',
    'samplers.distilled.grid',
    'samplers.distilled.coding',
    'samplers.distilled.nearness',
    'samplers.distilled.standoff',
    'samplers.distilled.candidates',
    'samplers.distilled.leaves',
    'samplers.distilled.categorical',
    'samplers.distilled.numerical',
    'samplers.distilled.sampler',
    'samplers.local',
    'samplers.completing',
    'loop.settings',
    'loop.comparison',
    'loop.fitted_model',
    'loop.choose_sampler',
    'loop.loop',
    'synthesizer.presets',
    'synthesizer.arguments',
    'calls.preview',
    'metrics.encoding',
    'metrics.fidelity',
    'metrics.privacy',
    'metrics.efficacy',
    'metrics.__init__',
    'report.content',
    'report.charts',
    'report.inputs',
    'report.columns',
    'report.whole_rows',
    'report.likeness',
    'report.usefulness',
    'report.attacks',
    'report.privacy',
    'report.origin',
    'report.result',
    'report.make',
    'report.__init__',
    'synthesizer.results',
    'synthesizer.sampling',
    'synthesizer.synthesizer',
    '__init__',
    'plots.look',
    'plots.steps',
    'plots.graphs',
    'plots.tables',
    'plots.__init__',
    'benchmark.tables',
    'benchmark.protocols',
    'benchmark.baselines',
    'benchmark.synthesizers',
    'benchmark.origin',
    'benchmark.scores',
    'benchmark.runner',
    'benchmark.printed',
    'benchmark.report',
    'benchmark.targets',
    'benchmark.pairs',
    'benchmark.plots',
    'benchmark.cli',
    'benchmark.__main__',
    '__main__',
]
#: Packages that are imported by their own name.
MODULES = {name: f'{name}.__init__' for name in ('analysis', 'metrics', 'plots', 'report')}
PACKAGES_WITHOUT_CODE = [
    'providers.__init__',
    'discriminators.__init__',
    'samplers.__init__',
    'benchmark.__init__',
]


def modules() -> dict[str, Path]:
    return {
        '.'.join(path.relative_to(PACKAGE).with_suffix('').parts): path
        for path in PACKAGE.rglob('*.py')
    }


def imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding='utf-8'))):
        if isinstance(node, ast.ImportFrom) and (node.module or '').split('.')[0] == 'sdv_llmgan':
            module = (node.module or '').removeprefix('sdv_llmgan').lstrip('.')
            found |= {MODULES.get(module, module)} if module else {a.name for a in node.names}
    return found


def test_every_module_has_its_place():
    inits = {name for name in modules() if name.endswith('__init__')}
    assert set(ORDER) - inits == set(modules()) - inits


@pytest.mark.parametrize('module', ORDER)
def test_a_module_imports_only_from_those_above_it(module):
    allowed = ORDER[: ORDER.index(module)]
    assert imported(modules()[module]) <= set(allowed)


@pytest.mark.parametrize('module', PACKAGES_WITHOUT_CODE)
def test_a_folder_is_only_a_folder(module):
    assert not imported(modules()[module])


def test_vendors_are_imported_only_when_they_are_used():
    heavy = {'openai', 'anthropic', 'pgmpy', 'torch', 'transformers'}
    for path in PACKAGE.rglob('*.py'):
        tree = ast.parse(path.read_text(encoding='utf-8'))
        top = [node for node in tree.body if isinstance(node, (ast.Import, ast.ImportFrom))]
        names = {alias.name for node in top if isinstance(node, ast.Import) for alias in node.names}
        names |= {node.module for node in top if isinstance(node, ast.ImportFrom)}
        assert not heavy & names, path
