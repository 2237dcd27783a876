"""Which of two sources of rows teaches more of the real ones.

real rows -> three parts -> a local sampler that knows nothing of a part -> rows
the model's rows | those rows -> forest, linear model -> predict the columns of that part -> errors

All real rows judge, and none that a source has learned from. The cheaper source wins ties, which
are differences within one standard error; two would leave the model's rows hardly a chance.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
from sklearn.base import BaseEstimator
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier, RandomForestRegressor
from sklearn.linear_model import LogisticRegression, RidgeCV

from sdv_llmgan.egress.table_view import View
from sdv_llmgan.samplers.distillation import Distillation
from sdv_llmgan.table.features import Features
from sdv_llmgan.table.training_set import GeneratedRows, nearest_shown

#: Fewer rows of a source say nothing.
MIN_COMPARED = 10
#: More real rows say nothing new.
MAX_COMPARED = 1_000
FOLDS = 3
#: Cross-fitted so often at most, and no more where the difference is beyond two standard errors.
REPEATS = 3
#: Rows that a local sampler draws for each part.
DRAWN = 300
#: Columns that are predicted where there is no target, at most.
MAX_PREDICTED = 6
#: A gain below this, or below its standard error, is not worth the model's calls.
TIE = 0.01
#: A forest and a linear model predict each column.
MODELS = 2

Floats = npt.NDArray[np.float64]
#: Plain rows, and the same as features, shape (n_rows, n_features).
Encoded = tuple[pd.DataFrame, Floats]


@dataclass(frozen=True)
class Comparison:
    """How badly real rows are predicted by what was trained on rows of two sources.

    Errors are shares of wrong predictions of a category, and squared errors of a number by its
    variance: 0 is best, a constant guess of a number has 1. They are of the target, or the mean of
    some columns, each given all others, and of the better of a random forest and a linear model.

    Attributes:
        llm: The error with rows that the model wrote, >= 0. ``None``: there were too few rows, or
            held-out real rows do not trust them.
        distilled: Likewise with rows of a local sampler that had not seen the real rows.
        error: The standard error of their difference.
        num_rows: Real rows that were predicted.
    """

    llm: float | None
    distilled: float | None
    error: float
    num_rows: int

    @property
    def gain(self) -> float:
        """How much smaller the error with the model's rows is; 0 where nothing was compared."""
        if self.llm is None or self.distilled is None:
            return 0.0
        return self.distilled - self.llm

    @property
    def chosen(self) -> Literal['llm', 'distilled']:
        """The source of the smaller error; the one without calls where both are about alike."""
        return 'llm' if self.gain > max(TIE, self.error) else 'distilled'

    @property
    def reason(self) -> str:
        """What it was decided by, in words."""
        if self.llm is None or self.distilled is None:
            return 'the model has no rows that could be better'
        return (
            f'error of predicting {self.num_rows} real rows: from rows of the model '
            f'{self.llm:.2f}, of the distilled sampler {self.distilled:.2f}, standard error of the '
            f'difference {self.error:.2f}'
        )

    def __str__(self) -> str:
        return f'sampler: {self.chosen} ({self.reason})'


NOT_COMPARED = Comparison(None, None, 0.0, 0)


def compare(distillation: Distillation, view: View, written: Sequence[GeneratedRows]) -> Comparison:
    """Compare the model's rows with those of local samplers, by repeated cross-fitting.

    Args:
        distillation: Fits local samplers.
        view: What the model saw of the table. Sources are compared by that part: what is completed
            here is so whatever the source.
        written: The model's rows, in the columns of the view, and which real ones each was written
            after; the same in all as those that local samplers learn from, if they do.
    """
    training = distillation.training
    real = view.table(training.rows)
    if not written or min(len(real), sum(len(part.rows) for part in written)) < MIN_COMPARED:
        return NOT_COMPARED
    generated = GeneratedRows.joined(written)
    encode = view.features.encode
    asked, own = (real, encode(real)), (generated.rows, encode(generated.rows))
    nearest = nearest_shown(own[1], asked[1], generated.shown)
    rng = np.random.default_rng(training.seed)
    predictors = Predictors(view.features, _predicted(view, training.target, rng))
    repeats: list[Floats] = []
    while len(repeats) < REPEATS:
        losses = np.full((2, MODELS, len(real)), np.nan)
        for held_out in np.array_split(rng.permutation(len(real))[:MAX_COMPARED], FOLDS):
            kept = ~np.isin(nearest, held_out)
            kept |= kept.sum() < MIN_COMPARED
            drawn = view.table(distillation.rows_of(held_out, nearest, DRAWN))
            for source, rows in enumerate((_part(own, kept), (drawn, encode(drawn)))):
                losses[source][:, held_out] = predictors.losses(rows, _part(asked, held_out))
        repeats.append(losses)
        comparison = _compared(np.mean(repeats, axis=0))
        if abs(comparison.gain) > 2 * comparison.error:
            break
    return comparison


def _part(rows: Encoded, chosen: npt.NDArray[Any]) -> Encoded:
    """Some rows, by number or by mask."""
    return rows[0].iloc[chosen], rows[1][chosen]


def _predicted(view: View, target: str | None, rng: np.random.Generator) -> list[str]:
    """The target, or some columns where there is none that the model saw."""
    names = [column.name for column in view.schema if column.kind != 'text']
    if target in names:
        return [str(target)]
    return list(rng.permutation(names)[:MAX_PREDICTED])


def _compared(losses: Floats) -> Comparison:
    """From the errors of each source, model and real row; the better model of each counts."""
    best = [source[np.nanmean(source, axis=1).argmin()] for source in losses]
    known = ~np.isnan(best[0] - best[1])
    llm, distilled = (errors[known] for errors in best)
    error = float(np.std(llm - distilled) / np.sqrt(max(1, known.sum())))
    return Comparison(float(llm.mean()), float(distilled.mean()), error, int(known.sum()))


@dataclass(frozen=True)
class Predictors:
    """A random forest and a linear model for each of some columns, given all other columns.

    Attributes:
        features: What rows are encoded with.
        columns: What is predicted.
    """

    features: Features
    columns: Sequence[str]

    def losses(self, learned: Encoded, asked: Encoded) -> Floats:
        """Mean errors over the columns, shape (MODELS, n_real); NaN where no value is known.

        Args:
            learned: Rows to learn from.
            asked: Real rows to predict.
        """
        (rows, train), (real, test) = learned, asked
        errors = np.full((len(self.columns), MODELS, len(real)), np.nan)
        for number, name in enumerate(self.columns):
            own = self.features.owned(name)
            known, there = rows[name].notna().to_numpy(), real[name].notna().to_numpy()
            if not known.any() or own.all():
                continue
            is_number = self.features.schema[name].kind in ('integer', 'number', 'datetime')
            if is_number:
                place = int(own.argmax())
                values, truth = train[known, place], test[there, place]
            else:
                values = rows[name][known].astype(str).to_numpy()
                truth = real[name][there].astype(str).to_numpy()
            for model, predictor in enumerate(_models(is_number=is_number, values=values)):
                with warnings.catch_warnings():
                    warnings.simplefilter('ignore')  # a rare category is none to its user
                    predictor.fit(train[known][:, ~own], values)
                predicted = predictor.predict(test[there][:, ~own])
                wrong = (predicted - truth) ** 2 if is_number else predicted != truth
                errors[number, model, there] = wrong
        with warnings.catch_warnings():
            warnings.simplefilter('ignore', RuntimeWarning)  # no value of a row is known
            means: Floats = np.nanmean(errors, axis=0)
        return means


def _models(*, is_number: bool, values: npt.NDArray[Any]) -> tuple[BaseEstimator, ...]:
    """As many as ``MODELS``."""
    if is_number:
        forest = RandomForestRegressor(100, min_samples_leaf=3, random_state=0)
        return forest, RidgeCV(np.logspace(-2, 3, 12))
    if len(set(values)) == 1:
        return DummyClassifier(), DummyClassifier()
    forest = RandomForestClassifier(100, min_samples_leaf=3, random_state=0)
    return forest, LogisticRegression(C=0.3, max_iter=500)
