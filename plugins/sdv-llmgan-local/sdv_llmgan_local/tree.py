"""Keys and values in a tree, so that what sequences share is computed and held once.

    prefix (1 row)  ->  prompts (1 row each)  ->  replies (1 row each)

A pass computes new tokens of rows of one level, all packed in one line without padding
(``input_ids`` has shape (1, tokens)): a reply with five new tokens rides along with one that has a
single new token. Each token attends to its own row and to the rows above it.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import torch
from torch import Tensor
from torch.nn import functional

# From so many new tokens a row on, joining a row's keys pays; see ``Pass.attend``.
_WIDE = 8


class Level:
    """Keys and values of rows that hang below rows of another level.

    Args:
        parent: The level above; ``None`` for the root.
        parents: For each row its row in the level above.
        spare: Room for so many tokens more than needed is made whenever a row outgrows its room.

    Attributes:
        lengths: Tokens that each row holds.
        starts: Position of each row's first token.
        room: Tokens that a row can hold.
        keys: One tensor a layer, of shape (rows, key heads, room, head width).
        values: Likewise.
    """

    def __init__(
        self, parent: Level | None = None, parents: Sequence[int] = (0,), spare: int = 0
    ) -> None:
        self.parent = parent
        self.parents = list(parents)
        self.spare = spare
        self.room = 0
        self.lengths = [0] * len(self.parents)
        self.starts = [0] * len(self.parents)
        if parent is not None:
            self.starts = [parent.starts[row] + parent.lengths[row] for row in self.parents]
        self.keys: dict[int, Tensor] = {}
        self.values: dict[int, Tensor] = {}

    def grow(self, row: int, count: int) -> None:
        """Count new tokens of a row, whose keys each layer then writes."""
        self.lengths[row] += count
        if self.lengths[row] > self.room:
            self.room = self.lengths[row] + self.spare

    def write(self, layer: int, rows: Tensor, columns: Tensor, key: Tensor, value: Tensor) -> None:
        """Put the keys and values of new tokens, shape (tokens, key heads, width), in place."""
        for store, new in ((self.keys, key), (self.values, value)):
            held = store.get(layer)
            if held is None or held.shape[2] < self.room:
                # Zeros, not empty: a hidden value is multiplied by 0, and 0 x NaN is NaN.
                shape = (len(self.parents), new.shape[1], self.room, new.shape[2])
                grown = new.new_zeros(shape)
                if held is not None:
                    grown[:, :, : held.shape[2]] = held
                store[layer] = grown
            store[layer][rows, :, columns] = new


class View:
    """How a pass sees one level: the tokens that share a row there form a line of a grid.

    Args:
        level: The level.
        rows: The row there of each token of the pass.
        limits: How many of that row's keys each token sees.
        device: Where the model is.
    """

    def __init__(
        self, level: Level, rows: list[int], limits: list[int], device: torch.device
    ) -> None:
        self.level = level
        self.used = list(dict.fromkeys(rows))
        line = {row: index for index, row in enumerate(self.used)}
        filled = [0] * len(self.used)
        cells = []
        for row in rows:
            cells.append((line[row], filled[line[row]]))
            filled[line[row]] += 1
        self.lines, self.width = len(self.used), max(filled)
        slots = [index * self.width + column for index, column in cells]
        self._slots: Tensor | None = None
        self._tokens: Tensor | None = None
        if slots != list(range(self.lines * self.width)):
            tokens = [0] * (self.lines * self.width)
            for token, slot in enumerate(slots):
                tokens[slot] = token
            self._slots = torch.tensor(slots, device=device)
            self._tokens = torch.tensor(tokens, device=device)
        self._rows: Tensor | None = None
        if self.used != list(range(len(level.parents))):
            self._rows = torch.tensor(self.used, device=device)
        keys = torch.arange(level.room, device=device)
        self.hidden = keys[None] >= torch.tensor(limits, device=device)[:, None]
        starts = torch.tensor([level.starts[row] for row in rows], device=device)
        self.key_positions = keys[None] + starts[:, None]

    def held(self, store: dict[int, Tensor], layer: int) -> Tensor:
        """Keys or values, shape (lines, key heads, room, width)."""
        return store[layer] if self._rows is None else store[layer][self._rows]

    def to_lines(self, packed: Tensor) -> Tensor:
        """(tokens, ...) to (lines, grid width, ...)."""
        if self._tokens is not None:
            packed = packed[self._tokens]
        return packed.reshape(self.lines, self.width, *packed.shape[1:])

    def to_packed(self, lines: Tensor) -> Tensor:
        """The way back."""
        packed = lines.flatten(0, 1)
        return packed if self._slots is None else packed[self._slots]

    def product(self, packed: Tensor, held: Tensor) -> Tensor:
        """Multiply (tokens, key heads, repeats, n) by its lines' (lines, key heads, n, m)."""
        grid = self.to_lines(packed).transpose(1, 2).flatten(2, 3).flatten(0, 1)
        product = torch.bmm(grid, held.flatten(0, 1))
        lines = product.view(*held.shape[:2], self.width, -1, held.shape[-1])
        return self.to_packed(lines.transpose(1, 2))


class Pass:
    """One forward pass: new tokens for some rows of one level.

    Args:
        level: Whose rows grow.
        rows: Which of them; each once.
        counts: How many tokens each of them gets, >= 1.
        device: Where the model is.

    Attributes:
        positions: Of the new tokens, shape (tokens,).
        last: Where each row's last new token stands, shape (rows,).
    """

    def __init__(
        self, level: Level, rows: Sequence[int], counts: Sequence[int], device: torch.device
    ) -> None:
        owners: list[int] = []
        columns: list[int] = []
        for row, count in zip(rows, counts, strict=True):
            owners += [row] * count
            columns += range(level.lengths[row], level.lengths[row] + count)
            level.grow(row, count)
        starts = torch.tensor([level.starts[row] for row in owners], device=device)
        self._rows = torch.tensor(owners, device=device)
        self._columns = torch.tensor(columns, device=device)
        self.positions = starts + self._columns
        self.last = torch.tensor([total - 1 for total in accumulate(counts)], device=device)

        self._views = [View(level, owners, [column + 1 for column in columns], device)]
        self._lines = [torch.tensor(self._views[0].used, device=device)]
        used = self._views[0].used
        while level.parent is not None:
            owners = [level.parents[row] for row in owners]
            used = [level.parents[row] for row in used]
            level = level.parent
            limits = [level.lengths[row] for row in owners]
            self._views.append(View(level, owners, limits, device))
            self._lines.append(torch.tensor(used, device=device))
        self._wide = len(columns) >= _WIDE * len(rows)
        self._masks: dict[int | None, list[Tensor | None]] = {}

    def _hidden(self, window: int | None) -> list[Tensor]:
        """Which keys of each view the tokens may not see, shapes (tokens, room)."""
        if window is None:
            return [view.hidden for view in self._views]
        oldest = self.positions[:, None] - window
        return [view.hidden | (view.key_positions <= oldest) for view in self._views]

    def attend(
        self,
        layer: int,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        scaling: float,
        window: int | None,
    ) -> Tensor:
        """Attention of the packed tokens.

        Args:
            layer: Number of the model's layer.
            query: Shape (heads, tokens, width); ``key`` and ``value`` may have fewer heads.
            key: Of the new tokens.
            value: Of the new tokens.
            scaling: Factor of the scores.
            window: How many positions back a token sees, itself included; ``None``: all.

        Returns:
            Shape (tokens, heads, width).
        """
        own = self._views[0].level
        own.write(layer, self._rows, self._columns, key.transpose(0, 1), value.transpose(0, 1))
        packed = query.transpose(0, 1)
        # Prompts: few rows with many tokens, so torch's fused attention over the joined keys of
        # each row. Replies: many rows with few tokens, where joining would copy the shared keys
        # for each reply, so every level's scores by themselves and one softmax over all of them.
        if self._wide:
            return self._attend_wide(layer, packed, scaling, window)
        return self._attend_narrow(layer, packed, key.shape[0], scaling, window)

    def _attend_wide(
        self, layer: int, packed: Tensor, scaling: float, window: int | None
    ) -> Tensor:
        own = self._views[0]
        if window not in self._masks:
            seen = ~torch.cat(self._hidden(window), dim=1)
            self._masks[window] = [own.to_lines(seen)[:, None]]
        levels = [(view.level, lines) for view, lines in zip(self._views, self._lines, strict=True)]
        attended = functional.scaled_dot_product_attention(
            own.to_lines(packed).transpose(1, 2),
            torch.cat([level.keys[layer][lines] for level, lines in levels], dim=2),
            torch.cat([level.values[layer][lines] for level, lines in levels], dim=2),
            attn_mask=self._masks[window][0],
            scale=scaling,
            enable_gqa=True,
        )
        return own.to_packed(attended.transpose(1, 2))

    def _attend_narrow(
        self, layer: int, packed: Tensor, heads: int, scaling: float, window: int | None
    ) -> Tensor:
        if window not in self._masks:
            self._masks[window] = [
                _added(hidden, packed.dtype) if bool(hidden.any()) else None
                for hidden in self._hidden(window)
            ]
        packed = (packed * scaling).reshape(len(packed), heads, -1, packed.shape[-1])
        scores = []
        for view, mask in zip(self._views, self._masks[window], strict=True):
            part = view.product(packed, view.held(view.level.keys, layer).transpose(2, 3))
            scores.append(part if mask is None else part + mask)
        weights = torch.cat(scores, dim=-1).softmax(dim=-1)
        parts = torch.split(weights, [part.shape[-1] for part in scores], dim=-1)
        attended = torch.zeros_like(packed)
        for view, part in zip(self._views, parts, strict=True):
            attended += view.product(part, view.held(view.level.values, layer))
        return attended.flatten(1, 2)


def _added(hidden: Tensor, dtype: torch.dtype) -> Tensor:
    """What to add to scores so that hidden keys get no weight, shape (tokens, 1, 1, keys)."""
    zeros = torch.zeros_like(hidden, dtype=dtype)
    return zeros.masked_fill_(hidden, -torch.inf)[:, None, None]
