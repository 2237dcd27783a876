"""What a discriminator is: it learns from batch after batch, and says how well it can tell."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from sklearn.metrics import balanced_accuracy_score, log_loss, roc_auc_score

from sdv_llmgan.analysis import Diagnostics
from sdv_llmgan.errors import PluginError
from sdv_llmgan.formats.saved_json import SLACK
from sdv_llmgan.providers.base import Provider
from sdv_llmgan.table.column import MetadataDetail
from sdv_llmgan.table.features import Features
from sdv_llmgan.table.schema import TableSchema


@dataclass(frozen=True)
class Verdict:
    """What a discriminator says about one synthetic batch, on rows it did not learn from.

    Attributes:
        p_real: Probability that each synthetic row is real, shape (n_synthetic,), in [0, 1].
        score: How well real and synthetic were told apart, in [0, 1]. 0 is chance. Lower is
            better.
        accuracy: Share of rows judged right, both kinds weighing the same, in [0, 1]; 0.5 is
            chance.
        log_loss: Mean negative log-likelihood of the labels in nats, >= 0; ln 2 is chance.
        feedback: Reasons in plain words, handed to the optimizer unchanged; may be empty.
        is_real: Whether the rows pass for real as a whole; ``None`` where that was not asked.
            ``True`` ends a fit.
        diagnostics: The analyzer's statistics, where the discriminator looked at them.
        note: What went otherwise than planned; may be empty.
        standard_error: Of the score, >= 0; ``None`` where it is not known, as from one batch.
    """

    p_real: np.ndarray
    score: float
    accuracy: float
    log_loss: float
    feedback: str = ''
    is_real: bool | None = None
    diagnostics: Diagnostics | None = None
    note: str = ''
    standard_error: float | None = None

    def __post_init__(self) -> None:
        """Refuse figures out of range; NaN is what a saved history says nothing of.

        Raises:
            PluginError: A figure is no number or out of its range, or ``p_real`` is no vector.
        """
        figures = {
            'score': (self.score, 1.0),
            'accuracy': (self.accuracy, 1.0),
            'log_loss': (self.log_loss, math.inf),
            'standard_error': (self.standard_error or 0.0, math.inf),
            'p_real': (self.p_real, 1.0),
        }
        for name, (value, most) in figures.items():
            values = np.asarray(value)
            is_figure = values.dtype.kind in 'iuf' and values.ndim == (name == 'p_real')
            if not is_figure or ((values < -SLACK) | (values > most + SLACK)).any():
                shape = 'probabilities, one a row,' if name == 'p_real' else 'a number'
                raise PluginError(
                    f'The {name} of a verdict must be {shape} from 0 to {most:g}, got {value!r}.'
                )


class Discriminator(ABC):
    """Tells real rows from synthetic ones. Tables are plain (see ``schema``).

    Attributes:
        provider: The model named by ``discriminator_llm``, for a discriminator that asks one.
        target: The column to predict later, if the user named one.
        detail: How much of the columns a model may be told.
        pool: Numbers of the training rows that a model may be shown, shape (n_shown,); ``None``:
            all of them.
        features: The training rows as numbers; ``None``: who reads numbers makes them.
        asks_model: Whether it asks a model at all.
        learns: Whether it learns from batches. If not, no rows are held out from ``judge`` for
            ``update`` to learn from.
    """

    provider: Provider | None = None
    target: str | None = None
    detail: MetadataDetail = 'summary'
    pool: np.ndarray | None = None
    features: Features | None = None
    asks_model: bool = False
    learns: bool = True

    def prepare(
        self,
        provider: Provider | None = None,
        *,
        target: str | None = None,
        detail: MetadataDetail = 'summary',
        pool: np.ndarray | None = None,
        features: Features | None = None,
    ) -> None:
        """Take what there is to work with; called before ``start``. See the attributes."""
        self.provider, self.target, self.detail = provider, target, detail
        self.pool, self.features = pool, features

    @abstractmethod
    def start(self, training: pd.DataFrame, schema: TableSchema, seed: int) -> None:
        """Forget everything and get ready for a table.

        Args:
            training: All training rows, shape (n_rows, n_columns).
            schema: Their columns.
            seed: Makes all that follows repeatable.
        """

    @abstractmethod
    def update(self, real: pd.DataFrame, synthetic: pd.DataFrame) -> None:
        """Learn from one more batch, on top of those before it.

        Args:
            real: Real rows, shape (n_real, n_columns), n_real >= 1.
            synthetic: Synthetic rows, shape (n_synthetic, n_columns), n_synthetic >= 1.
        """

    @abstractmethod
    def judge(self, real: pd.DataFrame, synthetic: pd.DataFrame) -> Verdict:
        """Score rows that ``update`` has not seen; called after at least one ``update``.

        Args:
            real: Real rows, shape (n_real, n_columns), n_real >= 1.
            synthetic: Synthetic rows, shape (n_synthetic, n_columns), n_synthetic >= 1.
        """

    def cross_fit(
        self,
        training: pd.DataFrame,
        schema: TableSchema,
        rows: tuple[pd.DataFrame, pd.DataFrame],
        folds: tuple[np.ndarray, np.ndarray],
        seed: int,
    ) -> tuple[np.ndarray, np.ndarray]:
        """Judge every row by a discriminator that learned from the other folds alone.

        It starts anew for each fold, and forgets what it has learned before.

        Args:
            training: What ``start`` is given.
            schema: Likewise.
            rows: Some of the training rows, with their labels, shape (n_real, n_columns), and
                synthetic ones.
            folds: Fold of each real row in each repeat, shape (n_repeats, n_real), and of each
                synthetic one, counted from 0. Each fold has rows of both kinds, and there are at
                least two.
            seed: What ``start`` is given.

        Returns:
            Probability of being real, for each real row in each repeat, shape
            (n_repeats, n_real), and for each synthetic one.
        """
        p_real = (np.empty(folds[0].shape), np.empty(folds[1].shape))
        for repeat, held in held_out(folds):
            self.start(training, schema, seed)
            self.update(*(table[~out] for table, out in zip(rows, held, strict=True)))
            real, synthetic = (table[out] for table, out in zip(rows, held, strict=True))
            # A verdict has probabilities of the rows that are called synthetic only.
            judged = verdict_of(self, real, pd.concat([real, synthetic])).p_real
            p_real[0][repeat, held[0]] = judged[: len(real)]
            p_real[1][repeat, held[1]] = judged[len(real) :]
        return p_real


def held_out(folds: tuple[np.ndarray, np.ndarray]) -> Iterator[tuple[int, list[np.ndarray]]]:
    """Each fold of each repeat: which repeat, and which real and synthetic rows are held out.

    Args:
        folds: See ``Discriminator.cross_fit``.
    """
    for repeat, numbers in enumerate(zip(*folds, strict=True)):
        for fold in range(int(numbers[0].max()) + 1):
            yield repeat, [places == fold for places in numbers]


def verdict_of(
    discriminator: Discriminator, real: pd.DataFrame, synthetic: pd.DataFrame
) -> Verdict:
    """What a discriminator says, checked; arguments are those of ``judge``.

    Raises:
        PluginError: It is no verdict on these rows; the error names the discriminator.
    """
    name = type(discriminator).__name__
    try:
        verdict = discriminator.judge(real, synthetic)
    except PluginError as error:
        raise PluginError(f'{name}: {error}') from error
    if not isinstance(verdict, Verdict):
        raise PluginError(f'{name}: judge must return a Verdict, got {verdict!r}.')
    if len(verdict.p_real) != len(synthetic):
        raise PluginError(
            f'{name}: p_real of a verdict must have one probability for each of the '
            f'{len(synthetic)} synthetic rows, got {len(verdict.p_real)}.'
        )
    figures = [verdict.score, verdict.accuracy, verdict.log_loss, *verdict.p_real]
    if not np.isfinite(figures).all():
        raise PluginError(
            f'{name}: all figures of a verdict must be finite, got the score {verdict.score}, the '
            f'accuracy {verdict.accuracy}, the log loss {verdict.log_loss} and the probabilities '
            f'{verdict.p_real}.'
        )
    return verdict


def verdict_from_probabilities(
    p_real_of_real: np.ndarray, p_real_of_synthetic: np.ndarray
) -> Verdict:
    """Score a discriminator by what it thought of held-out rows.

    The score is ``|2 AUC - 1|``, with AUC the area under the ROC curve. MALLM-GAN takes plain
    accuracy, which rewards a generator for rows on which the discriminator is always wrong, as
    if that were better than chance; here always right and always wrong both score 1.

    Args:
        p_real_of_real: Probability of being real, for each real row, shape (n_real,), in [0, 1].
        p_real_of_synthetic: Likewise for each synthetic row, shape (n_synthetic,), in [0, 1].
    """
    labels = np.concatenate([
        np.ones(len(p_real_of_real)),
        np.zeros(len(p_real_of_synthetic)),
    ])
    p_real = np.concatenate([p_real_of_real, p_real_of_synthetic])
    weights = np.where(labels == 1, 0.5 / len(p_real_of_real), 0.5 / len(p_real_of_synthetic))
    return Verdict(
        p_real=p_real_of_synthetic,
        score=float(abs(2 * roc_auc_score(labels, p_real) - 1)),
        accuracy=float(balanced_accuracy_score(labels, p_real > 0.5)),
        log_loss=float(log_loss(labels, p_real, sample_weight=weights, labels=[0, 1])),
    )
