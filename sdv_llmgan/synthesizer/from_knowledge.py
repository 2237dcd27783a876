"""A synthesizer without rows: what is known and published stands in their place.

    metadata, statistics, knowledge -> (a model is asked what nobody said) -> Beginning -> rows
        -> the distilled sampler of them -> sample, conditions, report as after a fit

Once there are rows, ``fit`` starts from the same knowledge, which counts as far as they bear it
out.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import pandas as pd
import sdv

from sdv_llmgan.calls.budget import Ledger
from sdv_llmgan.calls.preview import Preview, Unsent, first_requests
from sdv_llmgan.loop.choose_sampler import with_sampler
from sdv_llmgan.loop.loop import LLMGAN
from sdv_llmgan.loop.step import Step
from sdv_llmgan.process.knowledge import NOTHING_KNOWN, Knowledge
from sdv_llmgan.providers.base import Provider, Request
from sdv_llmgan.registry import find_provider
from sdv_llmgan.roles.optimizer import RULES
from sdv_llmgan.synthesizer.build import make_loop, providers_of
from sdv_llmgan.synthesizer.forecast import Forecast
from sdv_llmgan.table.column import quote
from sdv_llmgan.table.schema import declared_names
from sdv_llmgan.table.types import SDVMetadata
from sdv_llmgan.without_rows.beginning import MADE_WITHOUT_DATA, Beginning
from sdv_llmgan.without_rows.inquiry import Inquiry
from sdv_llmgan.without_rows.statistics import Declared, Statistics

FromKnowledgeT = TypeVar('FromKnowledgeT', bound='FromKnowledge')
#: Where no model is asked, none has to be there.
NO_MODEL = {
    'llm': 'scripted',
    'generator_llm': None,
    'discriminator_llm': None,
    'optimizer_llm': None,
}


class FromKnowledge(Forecast):
    """The part of ``LLMGANSynthesizer`` that starts without rows."""

    #: What it started from; ``None``: there were rows.
    _beginning: Beginning | None = None
    #: Makes what a fit would learn, while a synthesizer begins without rows.
    _made_by: Callable[[pd.DataFrame], LLMGAN] | None = None

    @classmethod
    def from_knowledge(
        cls: type[FromKnowledgeT],
        metadata: SDVMetadata,
        context: str = '',
        knowledge: Knowledge | Mapping[str, Any] | None = None,
        statistics: Mapping[str, Any] | str | Path | None = None,
        *,
        constraints: Sequence[Any] = (),
        **arguments: object,
    ) -> FromKnowledgeT:
        """A synthesizer that can be sampled at once, made without a row.

        Published statistics come first, then knowledge; of columns that neither tells of, and of
        how columns go together where no knowledge is given, a model is asked, in at most three
        calls. They hold the context, names, types and descriptions of columns, and the levels that
        statistics name; no figure of yours. With knowledge that is given, and figures of all
        columns, no model is asked and none is needed. A later ``fit`` starts from what is known.

        Args:
            metadata: ``sdv.metadata.Metadata`` of one table.
            context: What the data is, in a sentence or two.
            knowledge: Effects, typical values, rules; ``None``: a model is asked.
            statistics: Published figures: a dictionary, or a .json or .csv file; see
                docs/without-rows.md.
            constraints: SDV's, which all rows keep.
            arguments: Others of ``LLMGANSynthesizer``.

        Raises:
            BudgetError: The calls would cost more than the budget has.
            FileNotFoundError: There is no such file with statistics.
            ReplyError: The model told too little of a column to make values of it.
            ValueError: An argument is out of range; statistics or knowledge name what the table
                lacks or contradict themselves; or nobody told of a column.
        """
        synthesizer = cls._unbegun(metadata, context, knowledge, constraints, arguments)
        synthesizer._make(statistics)
        return synthesizer

    @classmethod
    def preview_from_knowledge(
        cls,
        metadata: SDVMetadata,
        context: str = '',
        knowledge: Knowledge | Mapping[str, Any] | None = None,
        statistics: Mapping[str, Any] | str | Path | None = None,
        *,
        constraints: Sequence[Any] = (),
        **arguments: object,
    ) -> Preview:
        """What ``from_knowledge`` would ask a model, with nothing sent; no key is needed.

        The first call is taken to be answered by nothing: the others then ask about levels that
        statistics and knowledge name alone. Arguments and errors are those of ``from_knowledge``.
        """
        asked: list[Request] = []
        alone = {'budget': None, 'cache': False, 'audit_log': None}
        twin = cls._unbegun(metadata, context, knowledge, constraints, {**arguments, **alone})
        twin.__dict__.update(_stand_in=lambda provider: Unsent(provider, asked))
        return first_requests(lambda: twin._beginning_of(statistics, Ledger(), strict=False), asked)

    @classmethod
    def _unbegun(
        cls: type[FromKnowledgeT],
        metadata: SDVMetadata,
        context: str,
        knowledge: Knowledge | Mapping[str, Any] | None,
        constraints: Sequence[Any],
        arguments: Mapping[str, object],
    ) -> FromKnowledgeT:
        known = 'ask' if knowledge is None else knowledge
        synthesizer = cls(metadata, context=context, knowledge=known, **arguments)
        if constraints:
            synthesizer.add_constraints(list(constraints))
        return synthesizer

    def _make(self, statistics: Mapping[str, Any] | str | Path | None) -> None:
        ledger = Ledger(self.budget)
        beginning = self._beginning_of(statistics, ledger)
        metadata = self._original_metadata
        name, table = next(iter(metadata.tables.items()))
        rules = [*self._chained_constraints, *self._reject_sampling_constraints]
        rows = beginning.rows(dict(table.columns), copy.deepcopy(rules), metadata, self.seed)
        self._beginning, self._made_by = beginning, partial(self._begun, beginning, ledger)
        try:
            self.fit({name: rows} if int(sdv.__version__.split('.')[0]) >= 2 else rows)
        finally:
            self._made_by = None
        self.knowledge = beginning.knowledge

    def _beginning_of(
        self, given: Mapping[str, Any] | str | Path | None, ledger: Ledger, *, strict: bool = True
    ) -> Beginning:
        """What is known of the columns; see ``Inquiry.complete``."""
        table = next(iter(self._original_metadata.tables.values()))
        modeled = declared_names(self._original_metadata)
        declared = {name: entry for name, entry in table.columns.items() if modeled[str(name)]}
        _check_kinds(declared)
        if self.target is not None and self.target not in declared:
            raise ValueError(
                f'The target must be a column that is modelled, got {self.target!r}. It can be: '
                f'{", ".join(declared)}.'
            )
        statistics = Statistics.read(given, declared)
        inquiry = Inquiry(
            declared,
            self._expert_model(ledger),
            self.context,
            self.column_descriptions or {},
            self.target,
            [name for name in declared if self.egress is None or self._is_sent(name)],
            self.seed,
        )
        known = self.knowledge
        if isinstance(known, Mapping):
            known = Knowledge.from_dict(known)
        return inquiry.complete(
            statistics, known if isinstance(known, Knowledge) else None, strict=strict
        )

    def _is_sent(self, name: str) -> bool:
        """Whether the egress policy has a column's own values sent: only such are asked about."""
        assert self.egress is not None
        return self.egress.columns.get(name, self.egress.default) == 'send'

    def _expert_model(self, ledger: Ledger) -> Provider | None:
        """Who is asked; ``None``: nobody who would know."""
        llm = None if self.optimizer_llm == RULES else self.optimizer_llm
        llm = self.llm if llm is None else llm
        if not find_provider(llm).is_expert:
            return None
        return providers_of(self, ledger)(llm)

    def _begun(self, beginning: Beginning, ledger: Ledger, table: pd.DataFrame) -> LLMGAN:
        """What was made of knowledge, as if it had been fitted: no loop, no call for rows.

        Args:
            beginning: What is known.
            ledger: The bill of who was asked.
            table: The rows that were made, as SDV hands them over.
        """
        twin = copy.copy(self)
        twin.__dict__.update(
            knowledge=beginning.knowledge,
            causal_graph=list(beginning.graph.edges),
            sampler='distilled',
            reject_copies=False,  # they would be copies of nobody
            discriminator='logistic',
            batch=False,
            **({} if ledger.bill.used else NO_MODEL),
        )
        started = time.monotonic()
        model = make_loop(twin, table, ledger)
        process, _ = model.expert.inform(model.fitted.process, self.seed)
        step = Step(0, 0, process)
        step.add_note(beginning.note)
        step.count_usage(ledger.bill.total(), time.monotonic() - started)
        model.history.add(step, model.discriminator)
        model.history.stop(MADE_WITHOUT_DATA)
        model.follow(process)
        fitted = replace(model.fitted, known=NOTHING_KNOWN, made_without_data=True)
        enforced = self.enforce_min_max_values
        model.take(with_sampler(fitted, model.settings, enforce_range=enforced))
        return model


def _check_kinds(declared: Declared) -> None:
    if not declared:
        raise ValueError('Every column is a key or personal data, so there is nothing to model.')
    if texts := [name for name, entry in declared.items() if entry['sdtype'] == 'text']:
        raise ValueError(
            f'Free text ({", ".join(map(quote, texts))}) cannot be made without rows. Mark it as '
            'pii in the metadata, and it is made up, or leave it out.'
        )
