"""What a sampler is: learned at the end of a fit, it draws rows from then on.

training set, what the loop has learned -> fit -> sampler
wanted rows, random generator -> sample -> rows; ``rounds`` checks them and asks again
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from sdv_llmgan.calls.budget import Ledger
from sdv_llmgan.process.causal_graph import CausalGraph
from sdv_llmgan.process.generation_process import GenerationProcess
from sdv_llmgan.process.knowledge import NOTHING_KNOWN, Knowledge
from sdv_llmgan.roles.row_writer import Writer
from sdv_llmgan.table.rows import ParsedRows
from sdv_llmgan.table.schema import TableSchema
from sdv_llmgan.table.training_set import GeneratedRows, TrainingSet
from sdv_llmgan.table.wanted import Wanted


def unwatched() -> None:
    """Nobody watches a fit."""


@dataclass(frozen=True)
class Learned:
    """What the adversarial loop has learned, for a sampler that uses it.

    A sampler may keep it. ``generated`` and ``on_model`` are for ``fit`` only: they are left out of
    pickles.

    Attributes:
        process: The best generation process, in the columns that models see.
        writer: Has a model write rows; metered, under the budget. ``None`` for a private sampler,
            beside which there is no loop.
        progress_of: Whose calls a progress bar shows while rows are drawn; ``None``: there is none.
        causal_graphs: The graph of the process, and the first one where that is another.
        generated: The rows that the model wrote in the loop; ``None``: no whole rows, or no model
            (``llm='scripted'``). A sampler that asks a model gets none. A private one is given rows
            made of what is known, with no training row seen; of some columns, if only they are
            known.
        known: What the user knows, of columns too that models see otherwise or not at all.
        on_model: To be called as each part of a long fit is done: a progress bar shows it.
    """

    process: GenerationProcess
    writer: Writer | None
    progress_of: Ledger | None = None
    causal_graphs: Sequence[CausalGraph] = ()
    generated: GeneratedRows | None = None
    known: Knowledge = NOTHING_KNOWN
    on_model: Callable[[], object] = unwatched

    @property
    def knowledge(self) -> Knowledge:
        """What is known of the columns: what the process says, and what else the user knows."""
        return self.process.knowledge.merged(self.known)

    def __getstate__(self) -> dict[str, object]:
        """What the fit alone needs is not saved."""
        return {**vars(self), 'generated': None, 'on_model': unwatched}


@dataclass(frozen=True)
class Privacy:
    """What a sampler guarantees of each training row: differential privacy.

    Attributes:
        epsilon: How much likelier any outcome of the fit may be with a row than without, as a log
            ratio, > 0; lower is better. ``inf``: nothing is guaranteed.
        delta: With what probability that may fail, in [0, 1).
        neighbours: Which two tables are told apart no better than that, in words.
        costs: What each part of the fit has used, in the unit that ``unit`` says.
        unit: In words.
    """

    epsilon: float
    delta: float
    neighbours: str
    costs: Mapping[str, float]
    unit: str

    def __str__(self) -> str:
        if self.epsilon == float('inf'):
            return 'No privacy is guaranteed: epsilon is infinite, and no noise was added.'
        return (
            f'The rows are differentially private: epsilon = {self.epsilon:g}, delta = '
            f'{self.delta:g}, for tables that differ in {self.neighbours}.'
        )


class Sampler(ABC):
    """Where rows come from after the fit; a subclass writes ``fit`` and ``sample``.

    Conditions, rules and missing rows are seen to outside (see ``Rounds``), so a sampler need know
    nothing of them.

    Attributes:
        asks_model: Whether it has a model write rows. Then it is given what the egress policy lets
            models see, its rows are completed where that is not all, and it has to keep the rules
            itself, as ``Learned.writer`` does.
        writes_text: Whether it can fill columns of free text.
        meets_wishes: Whether its rows always are as wanted; otherwise those that are not are
            rejected, and asked for again.
        is_private: Whether nothing but its ``fit`` may look at training rows, because it guarantees
            something of them. There is then no loop, and all else is learned from rows it draws.
            It is given a schema that says no more than metadata and dtypes do.
    """

    asks_model: bool = False
    writes_text: bool = False
    meets_wishes: bool = False
    is_private: bool = False

    @property
    def privacy(self) -> Privacy | None:
        """What it guarantees of training rows, after ``fit``; ``None``: nothing."""
        return None

    def check(self, schema: TableSchema) -> None:  # noqa: B027 - most have nothing to refuse
        """Refuse settings that do not go with the table, before any model is asked.

        Only of a private sampler: others are fitted at the end of a fit.

        Args:
            schema: The columns, of which it says no more than metadata and dtypes do.

        Raises:
            ValueError: They do not.
        """

    @abstractmethod
    def fit(self, training: TrainingSet, learned: Learned) -> None:
        """Forget everything, and learn to draw rows.

        Args:
            training: The real rows, their schema, the seed, the target.
            learned: What the loop has learned; a sampler of the training set alone leaves it.
        """

    @abstractmethod
    def sample(self, wanted: Wanted, rng: np.random.Generator) -> ParsedRows:
        """Try once for each wanted row.

        Args:
            wanted: Rows numbered from 0; ``wanted.cells`` has what is settled of them.
            rng: All randomness comes from here; the synthesizer seeds it.

        Returns:
            Plain rows, at most one for each wanted row and with its number as index, and how many
            were rejected, by reason.
        """
