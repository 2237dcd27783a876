"""Machine-learning efficacy: train on synthetic rows, test on real ones.

    synthetic rows -> features -> four models -> score of each on held-out real rows -> the best

The protocol of Ling et al., MALLM-GAN, 2024 (https://arxiv.org/abs/2406.10521), tables 2 and 7.
"""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from types import ModuleType
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
from sdmetrics.goal import Goal
from sdmetrics.single_table.base import SingleTableMetric
from sklearn.compose import ColumnTransformer
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression, LogisticRegression
from sklearn.metrics import f1_score, r2_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder, StandardScaler
from sklearn.svm import SVC
from sklearn.tree import DecisionTreeRegressor

from sdv_llmgan.metrics.encoding import (
    NUMBER_SDTYPES,
    as_levels,
    as_numbers,
    check_columns,
    check_rows,
    column_sdtypes,
    datetime_formats,
)
from sdv_llmgan.table.types import SDVMetadata

BOOSTING: dict[str, Any] = {'n_estimators': 100, 'max_depth': 3, 'learning_rate': 0.1, 'n_jobs': 1}

#: Encoded rows, shape (n_rows, n_features): an array or a sparse matrix of scipy's.
Features: TypeAlias = Any


class MLEfficacy(SingleTableMetric):
    """How well models that were trained on synthetic rows predict real ones.

    A categorical target is classified (logistic regression, random forest of depth 3, support
    vectors, XGBoost) and scored by the weighted F1, in [0, 1]; a numerical one is regressed
    (linear, decision tree of depth 3, XGBoost) and scored by R², in (-inf, 1]. Higher is better.
    The best of the models counts, as the paper has it: so the figure is somewhat too good, for
    every synthesizer and for real training rows alike.

    Features are scaled and one-hot by the synthetic rows alone; a category that only the real rows
    have is no feature, and a class that only they have cannot be predicted. Needs XGBoost.
    """

    name = 'ML efficacy'
    goal = Goal.MAXIMIZE
    min_value = -np.inf
    max_value = 1.0

    @classmethod
    def compute(
        cls,
        real_data: pd.DataFrame,
        synthetic_data: pd.DataFrame,
        metadata: SDVMetadata = None,
        *,
        target: str,
        seed: int = 0,
    ) -> float:
        """The metric; arguments and errors are those of ``compute_breakdown``."""
        return cls.compute_breakdown(real_data, synthetic_data, metadata, target=target, seed=seed)[
            'score'
        ]

    @classmethod
    def compute_breakdown(
        cls,
        real_data: pd.DataFrame,
        synthetic_data: pd.DataFrame,
        metadata: SDVMetadata = None,
        *,
        target: str,
        seed: int = 0,
    ) -> dict[str, float]:
        """The metric, and the score of each model.

        Args:
            real_data: Held-out real rows to predict, shape (n_real, n_columns).
            synthetic_data: Rows to train on, shape (n_synthetic, n_columns).
            metadata: A metadata ``dict`` or object of one table; ``None``: by dtypes.
            target: The column to predict.
            seed: Of the trees.

        Returns:
            ``score``, and by model ``linear``, ``forest``, ``svc``, ``xgboost`` for classes,
            ``linear``, ``tree``, ``xgboost`` for numbers.

        Raises:
            ImportError: XGBoost is not installed.
            ValueError: A table is empty, the tables' columns differ, or the target is no column
                that can be predicted, is the only one, or is known in no row (a number: in fewer
                than two real rows).
        """
        check_rows([real_data, synthetic_data])
        check_columns([real_data, synthetic_data], metadata)
        shared = [name for name in synthetic_data.columns if name in real_data.columns]
        sdtypes = column_sdtypes(synthetic_data[shared], metadata)
        if target not in sdtypes:
            raise ValueError(
                f'The target must be a column with values to learn, got {target!r}. '
                f'It can be: {", ".join(map(str, sdtypes))}.'
            )
        if len(sdtypes) == 1:
            raise ValueError(
                f'ML efficacy needs a column to predict {target!r} from, found no other one: take '
                'another metric, or tables of more columns.'
            )
        is_number = sdtypes[target] in NUMBER_SDTYPES
        formats = datetime_formats(metadata)
        train, train_target = _split(synthetic_data, sdtypes, formats, target)
        test, test_target = _split(real_data, sdtypes, formats, target)
        _check_known('synthetic', train_target, 1)
        _check_known('real', test_target, 2 if is_number else 1)
        models = _regressors(seed) if is_number else _classifiers(seed)
        features = _features({name: kind for name, kind in sdtypes.items() if name != target})
        train_features, test_features = features.fit_transform(train), features.transform(test)
        if is_number:
            scores = _regress(models, train_features, train_target, test_features, test_target)
        else:
            scores = _classify(models, train_features, train_target, test_features, test_target)
        return {'score': max(scores.values()), **scores}


def _regress(
    models: Mapping[str, Any],
    train_features: Features,
    train_target: np.ndarray,
    test_features: Features,
    test_target: np.ndarray,
) -> dict[str, float]:
    # R2 knows no unit, but models do: XGBoost has 32 bits, and trees take 1e-9 for nothing.
    mean, spread = train_target.mean(), train_target.std() or 1.0
    train_target, test_target = ((part - mean) / spread for part in (train_target, test_target))
    return {
        name: r2_score(test_target, model.fit(train_features, train_target).predict(test_features))
        for name, model in models.items()
    }


def _classify(
    models: Mapping[str, Any],
    train_features: Features,
    train_target: np.ndarray,
    test_features: Features,
    test_target: np.ndarray,
) -> dict[str, float]:
    classes, codes = np.unique(train_target, return_inverse=True)
    scores = {}
    for name, model in models.items():
        # One class only is all that can be learned from such rows, and no model takes it.
        model = model if len(classes) > 1 else DummyClassifier()
        with warnings.catch_warnings():
            warnings.simplefilter('ignore', ConvergenceWarning)
            model.fit(train_features, codes)
        predicted = classes[model.predict(test_features)]
        scores[name] = float(
            f1_score(test_target, predicted, average='weighted', zero_division=0.0)
        )
    return scores


def _split(
    table: pd.DataFrame,
    sdtypes: Mapping[Any, str],
    formats: Mapping[Any, str | None],
    target: str,
) -> tuple[pd.DataFrame, np.ndarray[Any, Any]]:
    """Features and target of the rows whose target is known."""
    table = table[table[target].notna()]
    columns = {
        name: as_numbers(table[name], sdtype, formats.get(name))
        if sdtype in NUMBER_SDTYPES
        else as_levels(table[name]).to_numpy()
        for name, sdtype in sdtypes.items()
    }
    target_values = columns.pop(target)
    return pd.DataFrame(columns), target_values


def _check_known(role: str, target: np.ndarray[Any, Any], least: int) -> None:
    if len(target) < least:
        raise ValueError(
            f'ML efficacy needs at least {least} of the {role} rows with a known target, found '
            f'{len(target)}: take another target, or more rows.'
        )


def _features(sdtypes: Mapping[Any, str]) -> ColumnTransformer:
    numbers = [name for name, sdtype in sdtypes.items() if sdtype in NUMBER_SDTYPES]
    levels = [name for name in sdtypes if name not in numbers]
    return ColumnTransformer([
        (
            'numbers',
            make_pipeline(SimpleImputer(keep_empty_features=True), StandardScaler()),
            numbers,
        ),
        ('levels', OneHotEncoder(handle_unknown='ignore', sparse_output=False), levels),
    ])


def _classifiers(seed: int) -> dict[str, Any]:
    return {
        'linear': LogisticRegression(max_iter=1000),
        'forest': RandomForestClassifier(max_depth=3, random_state=seed),
        'svc': SVC(),
        'xgboost': _xgboost().XGBClassifier(**BOOSTING, random_state=seed),
    }


def _regressors(seed: int) -> dict[str, Any]:
    return {
        'linear': LinearRegression(),
        'tree': DecisionTreeRegressor(max_depth=3, random_state=seed),
        'xgboost': _xgboost().XGBRegressor(**BOOSTING, random_state=seed),
    }


def _xgboost() -> ModuleType:
    try:
        import xgboost
    except ImportError as error:
        raise ImportError(
            'ML efficacy compares four models, and XGBoost is one of them; it is not installed. '
            "Install it: pip install 'sdv-llmgan[benchmark]'."
        ) from error
    return xgboost
