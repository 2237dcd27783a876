"""Pictures of rows: how near synthetic ones are to real ones, and where they lie among them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np
import pandas as pd
import plotly.graph_objects as go
from sdv.sampling import Condition
from sklearn.decomposition import PCA

from sdv_llmgan.metrics.encoding import EncodedTable, Numbers, encode
from sdv_llmgan.metrics.privacy import DCRShare, nearest_distances
from sdv_llmgan.plots.look import GROUPS, LEGEND_LINE, PALE, REAL, SYNTHETIC, dress, label
from sdv_llmgan.rules.conditions import RangeCondition, to_allowed
from sdv_llmgan.table.schema import TableSchema
from sdv_llmgan.table.types import SDVMetadata

#: Points drawn of each table, at most: enough to see, few enough for a page.
MAX_POINTS = 2_000
CURVE_POINTS = 400
#: UMAP's own default; it takes no more than there are other rows.
UMAP_NEIGHBORS = 15
OTHER = 'other'


#: A table, or ``{name: table}`` as SDV 2 takes and gives it.
Table = pd.DataFrame | Mapping[str, pd.DataFrame]


def _one(table: Table) -> pd.DataFrame:
    if isinstance(table, Mapping) and len(table) == 1:
        [table] = table.values()
    if not isinstance(table, pd.DataFrame):
        raise ValueError(f'A DataFrame, or {{name: DataFrame}}, is needed, got {table!r}.')
    return table


def get_dcr_plot(
    train: Table,
    synthetic: Table,
    held_out: Table,
    metadata: SDVMetadata = None,
    seed: int = 0,
) -> go.Figure:
    """Distance of synthetic rows to the closest record: of the training rows, and of held-out ones.

    Each curve gives the share of synthetic rows that have a record so near or nearer. One curve
    upon the other is ideal; a curve of the training rows that lies *above* the other, most of all
    on the left, shows rows that were copied or nearly so. Of the larger of both tables as many
    rows are drawn as the smaller one has, for more rows are nearer by chance. The share in the
    note is ``metrics.DCRShare``, whose distances these are.

    Args:
        train: The rows that the synthesizer was fitted on, shape (n_train, n_columns).
        synthetic: Shape (n_synthetic, n_columns).
        held_out: Real rows that it was not fitted on, shape (n_held_out, n_columns).
        metadata: A metadata ``dict`` or object of one table; ``None``: by dtypes.
        seed: Of the draw.

    Raises:
        ValueError: The tables' columns differ, or one table is empty.
    """
    train, synthetic, held_out = map(_one, (train, synthetic, held_out))
    share = DCRShare.compute(train, synthetic, metadata, held_out_data=held_out)
    encoded = encode([train, synthetic, held_out], metadata)
    num_rows = min(len(train), len(held_out))
    rng = np.random.default_rng(seed)
    figure, farthest = go.Figure(), 0.0
    for name, color, table in (
        ('to training rows', SYNTHETIC, encoded[0]),
        ('to held-out rows', REAL, encoded[2]),
    ):
        distances = nearest_distances(encoded[1], _drawn(table, num_rows, rng))
        # From the point (0, 0) on; of many rows not every one needs a point of its own.
        kept = np.linspace(0, len(distances), min(len(distances) + 1, CURVE_POINTS)).astype(int)
        farthest = max(farthest, float(distances.max()))
        figure.add_scatter(
            x=np.sort([0.0, *distances])[kept],
            y=kept / len(distances),
            mode='lines',
            name=name,
            line={'color': color, 'shape': 'hv', 'width': 3 if color == SYNTHETIC else 2},
            hovertemplate=f'%{{y:.0%}} within %{{x:.3f}} {name}<extra></extra>',
        )
    dress(
        figure,
        'Distance to the closest record',
        note=f'{share:.0%} of rows nearer to training rows; 50% is chance',
    )
    edge = 0.02 * (farthest or 1.0)
    figure.update_xaxes(title_text='distance (L1, scaled)', range=[-edge, (farthest or 1.0) + edge])
    figure.update_yaxes(title_text='share of synthetic rows', range=[0, 1.02], tickformat='.0%')
    return _with_legend(figure, 1)


def get_map_plot(
    real: Table,
    synthetic: Table,
    metadata: SDVMetadata = None,
    *,
    conditions: Mapping[str, Condition | RangeCondition] | None = None,
    labels: Sequence[object] | None = None,
    method: Literal['pca', 'umap'] = 'pca',
    seed: int = 0,
) -> go.Figure:
    """Real and synthetic rows on one plane: rows that are alike lie near each other.

    The plane is fitted on the real rows alone, with UMAP on both tables (numbers scaled,
    categories one-hot), and at most 2,000 rows of each are drawn on it. Real rows are open circles,
    synthetic ones filled.

    Args:
        real: Shape (n_real, n_columns), n_real >= 2, for UMAP >= 3.
        synthetic: Shape (n_synthetic, n_columns).
        metadata: A metadata ``dict`` or object of one table; ``None``: by dtypes. Conditions need
            SDV's object.
        conditions: By the name that the legend gives it: rows of both kinds are colored by the
            first of these conditions that they meet.
        labels: A label for each synthetic row, by which it is colored, length n_synthetic. The
            six most frequent ones have a color, the others share a grey.
        method: ``'pca'``, or ``'umap'`` (McInnes et al., 2018), which needs ``umap-learn``.
        seed: Of the draw and of UMAP.

    Raises:
        ImportError: UMAP is asked for and not installed.
        ValueError: There are too few real rows, tables or labels do not fit each other, a
            condition cannot be met, or conditions and labels are given together.
    """
    real, synthetic = _one(real), _one(synthetic)
    _check_map(real, synthetic, conditions, labels, method)
    placed, axes = _plane(encode([real, synthetic], metadata), method, seed)
    groups = _groups(real, synthetic, metadata, conditions or {}, labels)
    rng = np.random.default_rng(seed)
    kept = [rng.permutation(len(points))[:MAX_POINTS] for points in placed]
    figure = go.Figure()
    shown = [points[rows] for points, rows in zip(placed, kept, strict=True)]
    named = [
        np.asarray(group, dtype=object)[rows] for group, rows in zip(groups, kept, strict=True)
    ]
    colors = _colors(named)
    names = [[name if name in colors else OTHER for name in group] for group in named]
    _add_points(figure, shown, names, colors)
    note = f'{len(shown[0]):,} real rows, {len(shown[1]):,} synthetic'
    dress(figure, f'Rows by {method.upper()}', note=note, height=520)
    figure.update_xaxes(title_text=axes[0], zeroline=False)
    figure.update_yaxes(title_text=axes[1], zeroline=False)
    return _with_legend(figure, len(figure.data))


def _check_map(
    real: pd.DataFrame,
    synthetic: pd.DataFrame,
    conditions: Mapping[str, Condition | RangeCondition] | None,
    labels: Sequence[object] | None,
    method: str,
) -> None:
    least = 3 if method == 'umap' else 2
    if len(real) < least:
        raise ValueError(f'A map needs at least {least} real rows, got {len(real)}.')
    if labels is not None and (conditions or len(labels) != len(synthetic)):
        raise ValueError(
            f'labels need one entry for each of the {len(synthetic)} synthetic rows, and no '
            f'conditions beside them; got {len(labels)}.'
        )


def _add_points(
    figure: go.Figure,
    placed: Sequence[np.ndarray],
    names: Sequence[Sequence[str]],
    colors: Mapping[str, str],
) -> None:
    """Real and synthetic rows as points, shape (n_rows, 2) each, colored by their names."""
    for kind, points, group in zip(('real', 'synthetic'), placed, names, strict=True):
        for name in sorted(set(group), key=list(colors).index):
            chosen = points[[entry == name for entry in group]]
            whole = f'{kind}: {label(name)}' if name else kind
            is_real = kind == 'real'
            figure.add_scatter(
                x=chosen[:, 0],
                y=chosen[:, 1],
                mode='markers',
                name=whole,
                marker={
                    'color': colors[name] if name else REAL if is_real else SYNTHETIC,
                    'symbol': 'circle-open' if is_real else 'circle',
                    'size': 8 if is_real else 7,
                    'opacity': 0.8 if is_real else 0.65,
                },
                hovertemplate=f'{whole}<extra></extra>',
            )


def _with_legend(figure: go.Figure, entries: int) -> go.Figure:
    """Room below for a legend that may stand entry under entry."""
    lines = max(1, -(-entries // 2))
    extra = LEGEND_LINE + 22 * lines
    return figure.update_layout(
        margin_b=extra + 8, height=figure.layout.height + 22 * max(0, lines - 2)
    )


def _drawn(table: EncodedTable, num_rows: int, rng: np.random.Generator) -> EncodedTable:
    if num_rows == len(table.numbers):
        return table
    rows = rng.permutation(len(table.numbers))[:num_rows]
    return EncodedTable(table.numbers[rows], table.codes[rows], table.num_levels)


def _plane(
    encoded: Sequence[EncodedTable], method: str, seed: int
) -> tuple[list[Numbers], list[str]]:
    """Real and synthetic rows as points, shape (n_rows, 2) each, and what the axes are."""
    tables = [table.one_hot() for table in encoded]
    if method == 'umap':
        try:
            from umap import UMAP
        except ImportError as error:
            raise ImportError(
                "method='umap' needs umap-learn, which is not installed. "
                "pip install umap-learn, or take method='pca'."
            ) from error
        # Rows that are added to a finished map stand apart, even when they are real ones.
        rows = np.concatenate(tables)
        neighbors = max(2, min(UMAP_NEIGHBORS, len(rows) - 1))
        model = UMAP(neighbors, n_components=2, init='pca', random_state=seed, n_jobs=1)
        placed = np.split(model.fit_transform(rows), np.cumsum([len(t) for t in tables])[:-1])
        axes = ['UMAP 1', 'UMAP 2']
    elif method == 'pca':
        size = min(2, *tables[0].shape)
        model = PCA(size, random_state=seed).fit(tables[0])
        ratios = np.nan_to_num(model.explained_variance_ratio_)
        explained = [*ratios, 0.0][:2]
        axes = [f'component {i} ({share:.0%})' for i, share in enumerate(explained, start=1)]
        placed = [model.transform(rows) if len(rows) else np.empty((0, 2)) for rows in tables]
    else:
        raise ValueError(f"method must be 'pca' or 'umap', got {method!r}.")
    # A table of one feature lies on a line.
    return [np.pad(points, ((0, 0), (0, 2 - points.shape[1]))) for points in placed], axes


def _groups(
    real: pd.DataFrame,
    synthetic: pd.DataFrame,
    metadata: SDVMetadata,
    conditions: Mapping[str, Condition | RangeCondition],
    labels: Sequence[object] | None,
) -> tuple[list[str], list[str]]:
    """What each real and each synthetic row is colored by; empty names: by its kind alone."""
    if labels is not None:
        return [''] * len(real), [str(name) for name in labels]
    if not conditions:
        return [''] * len(real), [''] * len(synthetic)
    if not hasattr(metadata, 'tables') and not hasattr(metadata, 'columns'):
        raise ValueError(f"Conditions need SDV's Metadata of the table, got {metadata!r}.")
    schema = TableSchema.from_sdv(metadata, real)
    for name, condition in conditions.items():
        wished = getattr(condition, 'column_values', None)
        if wished is None or not set(wished) <= set(schema.names):
            raise ValueError(
                f'The condition {name!r} must be a Condition or RangeCondition on columns of the '
                f'table, got {condition!r}. Columns: {", ".join(schema.names)}.'
            )
    return _met(real, schema, conditions), _met(synthetic, schema, conditions)


def _met(
    table: pd.DataFrame, schema: TableSchema, conditions: Mapping[str, Condition | RangeCondition]
) -> list[str]:
    """The first condition that each row meets."""
    names = np.full(len(table), OTHER, dtype=object)
    plain = schema.to_plain(table)
    for name, condition in reversed(list(conditions.items())):
        is_range = isinstance(condition, RangeCondition)
        wishes = condition.to_frame() if is_range else pd.DataFrame([condition.column_values])
        allowed = to_allowed(wishes.iloc[:1], schema, enforce_range=False)
        met = np.ones(len(table), dtype=bool)
        for column, [cell] in allowed.items():
            read = schema[str(column)].to_json_value
            met &= np.array([cell.meets(read(value)) for value in plain[column]], dtype=bool)
        names[met] = name
    return list(names)


def _colors(groups: Sequence[np.ndarray]) -> dict[str, str]:
    """A color for each name, the most frequent first; grey for rows that no condition names."""
    names = pd.Series(np.concatenate(groups), dtype=object)
    ordered = [name for name in names.value_counts().index if name not in ('', OTHER)]
    return {'': REAL, OTHER: PALE, **dict(zip(ordered, GROUPS, strict=False))}
