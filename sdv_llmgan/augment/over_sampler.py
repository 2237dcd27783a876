"""Over-samplers with the interface of imbalanced-learn, for its pipelines.

    X, y -> table with y as a column -> synthesizer, fitted on all classes -> rows of the rare ones

Chawla et al., SMOTE, 2002 (https://doi.org/10.1613/jair.953), draws between neighbours of a class;
here a class borrows what all rows say of how columns go together.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import sdv
from sdv.metadata import Metadata
from sklearn.base import BaseEstimator
from sklearn.utils import check_array, check_random_state
from sklearn.utils.validation import check_X_y, validate_data

from sdv_llmgan.augment.augmented import augmented
from sdv_llmgan.synthesizer.presets import WITHOUT_LLM
from sdv_llmgan.synthesizer.synthesizer import LLMGANSynthesizer

try:
    from imblearn.over_sampling.base import BaseOverSampler
    from imblearn.utils import check_target_type
    from imblearn.utils._tags import Tags
except ImportError as error:
    raise ImportError(
        "Over-samplers need imbalanced-learn: pip install 'sdv-llmgan[augment]'."
    ) from error

TABLE = 'table'
#: A table or array, as scikit-learn takes it.
ArrayLike: TypeAlias = Any
#: SDV 2 takes ``{name: table}``, SDV 1.38 the table itself.
TAKES_DICT = int(sdv.__version__.split('.')[0]) >= 2


class LLMGANOverSampler(BaseOverSampler):  # type: ignore[misc]  # imbalanced-learn has no types
    """Draws rows of rare classes.

    Args:
        sampling_strategy: How many rows each class is to have, as imbalanced-learn has it:
            ``'auto'``, ``'minority'``, a share, rows in all by class, or a function of ``y``.
        random_state: Seeds the fit and the rows.
        settings: Arguments of ``LLMGANSynthesizer``, such as ``llm`` and ``knowledge``; ``None``:
            the local sampler alone, which asks no model.

    Attributes:
        sampling_strategy_: Rows to be drawn, by class.
        synthesizer_: Fitted on the last ``X`` and ``y``.
    """

    def __init__(
        self,
        *,
        sampling_strategy: str | float | Mapping[Any, int] | Callable[..., Any] = 'auto',
        random_state: int | np.random.RandomState | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__(sampling_strategy=sampling_strategy)
        self.random_state = random_state
        self.settings = settings

    def _check_X_y(self, X: ArrayLike, y: ArrayLike) -> tuple[ArrayLike, ArrayLike, bool]:  # noqa: N802, N803
        """Features as they are: categories and gaps are welcome, sparse matrices are not."""
        y, binarize_y = check_target_type(y, indicate_one_vs_all=True)
        if not isinstance(X, pd.DataFrame):
            X = check_array(X, dtype=None, ensure_all_finite='allow-nan')
        validate_data(self, X=X, y=y, reset=True, skip_check_array=True)
        return X, y, binarize_y

    def _fit_resample(self, X: ArrayLike, y: ArrayLike) -> tuple[ArrayLike, ArrayLike]:  # noqa: N803
        counts = dict(zip(*np.unique(y, return_counts=True), strict=True))
        totals = {kind: counts[kind] + more for kind, more in self.sampling_strategy_.items()}
        table, target = _joined(X, y)
        table[target] = table[target].astype(object)  # classes, numbers among them
        self.synthesizer_ = _fitted(table, target, self.random_state, self.settings)
        return _parted(augmented(self.synthesizer_, table, target, totals), X, y, target)

    def __sklearn_tags__(self) -> Tags:
        """What it takes: categories and missing values, no sparse matrices."""
        tags = super().__sklearn_tags__()
        taken = replace(tags.input_tags, sparse=False, string=True, allow_nan=True)
        return replace(tags, input_tags=taken)


class LLMGANRangeOverSampler(BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    """Draws rows whose target is in rare ranges, for regression.

    Args:
        ranges: Rows in all that there are to be, by range (low, high) of the target; ``None``
            leaves an end open.
        random_state: Seeds the fit and the rows.
        settings: As of ``LLMGANOverSampler``.

    Attributes:
        synthesizer_: Fitted on the last ``X`` and ``y``.
    """

    def __init__(
        self,
        ranges: Mapping[tuple[float | None, float | None], int] | None = None,
        *,
        random_state: int | np.random.RandomState | None = None,
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        self.ranges = ranges
        self.random_state = random_state
        self.settings = settings

    def fit_resample(self, X: ArrayLike, y: ArrayLike) -> tuple[ArrayLike, ArrayLike]:  # noqa: N803
        """The rows, then the drawn ones.

        Args:
            X: Features, shape (n_rows, n_features).
            y: Numbers, shape (n_rows,).

        Raises:
            ValueError: There are no ranges, or more rows in one than are asked for.
        """
        if not self.ranges:
            raise ValueError('ranges must say rows in all by range, such as {(None, 10): 50}.')
        if not isinstance(X, pd.DataFrame):
            X, _ = check_X_y(X, y, dtype=None, ensure_all_finite='allow-nan', y_numeric=True)
        table, target = _joined(X, y)
        self.synthesizer_ = _fitted(table, target, self.random_state, self.settings)
        return _parted(augmented(self.synthesizer_, table, target, self.ranges), X, y, target)

    def fit(self, X: ArrayLike, y: ArrayLike) -> LLMGANRangeOverSampler:  # noqa: N803
        """Nothing is learned before rows are drawn; pipelines call ``fit_resample``."""
        return self


def _joined(X: ArrayLike, y: ArrayLike) -> tuple[pd.DataFrame, str]:  # noqa: N803
    """Features and target as one table, and the target's name there."""
    table = pd.DataFrame(X).reset_index(drop=True)
    dense = {
        name: values.sparse.to_dense()
        for name, values in table.items()
        if isinstance(values.dtype, pd.SparseDtype)
    }
    table = table.assign(**dense).set_axis([str(name) for name in table], axis=1)
    target = 'target'
    while target in table:
        target += '_'
    return table.assign(**{target: np.asarray(y).ravel()}), target


def _fitted(
    table: pd.DataFrame,
    target: str,
    random_state: int | np.random.RandomState | None,
    settings: Mapping[str, Any] | None,
) -> LLMGANSynthesizer:
    """A synthesizer of features and target, whose dtypes say what the columns are."""
    columns = {name: {'sdtype': _sdtype(values)} for name, values in table.items()}
    metadata = Metadata.load_from_dict({'tables': {TABLE: {'columns': columns}}})
    seed = int(check_random_state(random_state).randint(2**31))
    given = {**(WITHOUT_LLM if settings is None else settings), 'target': target, 'seed': seed}
    synthesizer = LLMGANSynthesizer(metadata, **given)
    synthesizer.fit({TABLE: table} if TAKES_DICT else table)
    return synthesizer


def _sdtype(values: pd.Series) -> str:
    if pd.api.types.is_bool_dtype(values):
        return 'boolean'
    if pd.api.types.is_datetime64_any_dtype(values):
        return 'datetime'
    return 'numerical' if pd.api.types.is_numeric_dtype(values) else 'categorical'


def _parted(
    table: pd.DataFrame, X: ArrayLike, y: ArrayLike, target: str
) -> tuple[ArrayLike, ArrayLike]:  # noqa: N803
    """Features and target of a table, of the kinds that they were given as."""
    features, classes = table.drop(columns=target), table[target].to_numpy()
    if isinstance(X, pd.DataFrame):
        features = features.set_axis(X.columns, axis=1).astype(X.dtypes.to_dict())
    else:
        features = features.to_numpy().astype(X.dtype)
    classes = classes.astype(np.asarray(y).dtype)
    return features, pd.Series(classes, name=y.name) if isinstance(y, pd.Series) else classes
