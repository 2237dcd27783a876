"""The class that SDV's users see: its arguments, and what SDV's ``fit`` does here.

Its other methods stand by what they do in the classes below it: ``Exporting``, ``FromKnowledge``,
``Forecast``,
``Sampling``, ``Results``. They inherit, for SDV calls them on the synthesizer itself, and
``super()`` has to reach SDV's own; what needs no SDV is composed (``LLMGAN``, ``FittedModel``,
``Rounds``).
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

import pandas as pd
from sdv.errors import InvalidDataError, NotFittedError
from sdv.single_table.ctgan import CTGANSynthesizer

from sdv_llmgan.calls.audit import AuditLog
from sdv_llmgan.calls.budget import Budget
from sdv_llmgan.calls.cache import ReplyCache
from sdv_llmgan.discriminators.base import Discriminator
from sdv_llmgan.egress.policy import EgressPolicy
from sdv_llmgan.errors import EgressError
from sdv_llmgan.formats.private_files import make_private
from sdv_llmgan.formats.words import is_encodable, plural
from sdv_llmgan.loop.loop import MIN_ROWS_JUDGED
from sdv_llmgan.loop.settings import Search
from sdv_llmgan.process.generation_process import GenerationProcess
from sdv_llmgan.process.knowledge import Knowledge
from sdv_llmgan.roles.examples import Selection
from sdv_llmgan.rules.constraints import check_constraints
from sdv_llmgan.samplers.base import Sampler
from sdv_llmgan.synthesizer.arguments import LLM, Arguments, check_arguments
from sdv_llmgan.synthesizer.build import make_loop
from sdv_llmgan.synthesizer.exporting import Exporting
from sdv_llmgan.synthesizer.presets import MALLM_GAN, SYNTHIA
from sdv_llmgan.synthesizer.private_fit import fit_privately, forget_values, without_values
from sdv_llmgan.synthesizer.private_settings import is_private
from sdv_llmgan.table.column import MetadataDetail, quote
from sdv_llmgan.table.learn_column import unlearnable
from sdv_llmgan.table.schema import RowFormat, handed_over, modeled_keys
from sdv_llmgan.table.types import SDVMetadata


class LLMGANSynthesizer(Exporting):
    """Synthesizer that learns how to have a language model write rows.

    It stands where ``CTGANSynthesizer`` stands. Nothing leaves the machine unless ``llm`` names a
    remote provider; keys come from the environment only.

    Ling et al., MALLM-GAN, 2024. https://arxiv.org/abs/2406.10521

    Args:
        metadata: ``sdv.metadata.Metadata`` of one table.
        enforce_min_max_values: Whether values stay between the training table's minimum and
            maximum.
        enforce_rounding: Whether numbers have no more decimals than in the training table. If not,
            they and their differences have six significant digits, and at least four decimals;
            those of an integer dtype stay whole.
        locales: Locales of made-up personal data.
        llm: ``'provider/model'``, a ``Provider``, or ``None`` for the local model.
        context: What the data is and how it was collected, in a sentence or two.
        column_descriptions: What columns mean, by name.
        metadata_detail: How much of the columns the models are told: ``'none'`` (names only),
            ``'schema'`` (types, categories, ranges), ``'summary'`` (also shares and quartiles; not
            to models of one row a reply, which lose their way in more) or ``'full'`` (also example
            values and a pattern of the row).
        target: Column to predict later, if there is one: examples are stratified by it, and small
            tables from the local sampler are picked so that what predicts it is kept best.
        causal_graph: ``'hill-climb'`` learns a first one from the data, ``'ask'`` takes that of the
            knowledge (held-out rows choose between it and the learned one), a list of (cause,
            effect) pairs is the first one (it may be empty), ``'none'`` does without.
        knowledge: What is known beyond the rows; it counts as far as held-out rows bear it out.
            ``'ask'``: the optimizer's model is asked in two calls without rows and figures (not the
            smallest models); ``'none'``; or a ``Knowledge``, or its JSON form.
        instruction: How rows are to be written at first; ``None``: a general text.
        epochs: Passes over the training table, >= 1.
        batch_size: Rows in a batch, >= 2; each batch judges one generation process.
        examples_per_call: Real rows in a prompt, 1 to ``batch_size``. ``None``: as many as pay, up
            to two thirds of the table, for 20 to 50 rows, so many of each class of the target; 5
            with ``rows_per_example``, or a model of one row a reply or a small context.
        rows_per_example: Rows asked for, for each real row in a prompt, >= 1. ``None``: 4, or 1.
        example_selection: ``'random'``, or ``'stratified'`` by the target, else by clusters.
        optimizer_examples: Real rows that the optimizer is shown, >= 0.
        max_batches: Batches that a fit pays for at most; ``None``: no bound but ``epochs``.
        patience: The fit stops when so many steps in a row found nothing better, >= 1.
        futility: Whether it stops as soon as more rows of the model would add nothing.
        max_top_ups: Rounds in which rows that were rejected while sampling (invalid ones, copies,
            broken constraints) are asked for again, each sized by the share accepted so far, >= 0.
        discriminator: Name of a registered discriminator (``'logistic'``, ``'mlp'``,
            ``'analyzer'``, ``'llm'``, ...), a ``Discriminator``, or a list of such, which judge
            on average.
        search: ``'race'``: few processes are compared by all rows of each, and batches go to those
            that may be best; the score has a standard error. ``'trajectory'``: every batch tries a
            new process, judged by held-out rows of that batch, as in both papers.
        optimize: Whether the process is rewritten at all.
        generator_llm: Model that writes rows; ``None``: ``llm``.
        discriminator_llm: Model for a discriminator that asks one; ``None``: ``llm``.
        optimizer_llm: Model that rewrites the process; ``None``: ``llm``. ``'rules'``: no model;
            directions come from the figures of the columns that give rows away.
        generator_temperature: Randomness of rows, >= 0.
        optimizer_temperature: Randomness of rewrites, >= 0.
        top_k: How many of the best processes the optimizer is shown, >= 1.
        row_format: ``'arrays'``, ``'short_keys'`` or ``'objects'`` (as in the paper); ``None``:
            what the provider handles best.
        reject_copies: Whether rows that repeat a training row, in all columns, in all but one or
            a small step off, are rejected, as far as chance does not explain them (see
            ``repeats.Repeats``).
        sampler: Where rows come from after the fit: ``'llm'`` (the model, each row is paid for),
            ``'distilled'`` (a local sampler fitted on the training rows and, where they help, the
            generated ones; no calls) or ``'auto'`` (the one from whose rows held-out real ones
            are better predicted; the local one where both are alike), the name of another
            registered sampler, or a ``Sampler``. Free text is written by the model only.
        batch: Whether sampling goes through the provider's batch API, with ``sampler='llm'``: half
            the price, minutes to a day of waiting, and a process that was killed goes on waiting
            when it samples the same again. The fit's calls follow one another and do not.
        budget: What a fit and the sampling after it may use. A fit that reaches it keeps the best
            process so far, with a warning; sampling raises ``BudgetError``.
        cache: Whether replies are kept on disk, so that no call is paid for twice; a file, or a
            ``ReplyCache``, says where.
        audit_log: File that every request to a model is noted in; ``None``: none.
        seed: Makes a fit repeatable where the provider is.
        verbose: Whether progress bars are shown, and a line at the end of a fit.
        callbacks: Told of every step of a fit, which they can stop; see ``Callback``.
        generation_process: Process to begin with, such as an edited one: its context, causal graph
            and instruction stand for those arguments. Columns and rules are the table's own.
        egress: What of the training table any model may be told (see ``EgressPolicy``); ``None``:
            all but keys and personal columns. ``preview`` shows what leaves.

    Raises:
        EgressError: The egress policy and the other settings contradict each other.
        PluginError: There is no such provider, discriminator or sampler.
        ValueError: An argument is out of range, or the causal graph has a cycle.
    """

    # No transformers: the model reads the user's own values. CTGAN names the discrete sdtypes of
    # the SDV line that is installed.
    _model_sdtype_transformers = dict.fromkeys([
        'numerical',
        'datetime',
        *CTGANSynthesizer._model_sdtype_transformers,
    ])

    # Of SDV's base class.
    _reject_sampling_constraints: list[Any]
    _chained_constraints: list[Any]

    def __init__(
        self,
        metadata: SDVMetadata,
        enforce_min_max_values: bool = True,
        enforce_rounding: bool = True,
        locales: Sequence[str] | str = ('en_US',),
        *,
        llm: LLM = None,
        context: str = '',
        column_descriptions: Mapping[str, str] | None = None,
        metadata_detail: MetadataDetail = 'summary',
        target: str | None = None,
        causal_graph: str | Sequence[Sequence[str]] = 'hill-climb',
        knowledge: str | Knowledge | Mapping[str, Any] = 'ask',
        instruction: str | None = None,
        epochs: int = 5,
        batch_size: int = 50,
        examples_per_call: int | None = None,
        rows_per_example: int | None = None,
        example_selection: Selection = 'random',
        optimizer_examples: int = 0,
        max_batches: int | None = 6,
        patience: int = 4,
        futility: bool = True,
        max_top_ups: int = 3,
        discriminator: str | Discriminator | Sequence[str | Discriminator] = 'logistic',
        search: Search = 'race',
        optimize: bool = True,
        generator_llm: LLM = None,
        discriminator_llm: LLM = None,
        optimizer_llm: LLM = None,
        generator_temperature: float = 0.5,
        optimizer_temperature: float = 1.0,
        top_k: int = 3,
        row_format: RowFormat | None = None,
        reject_copies: bool = True,
        sampler: str | Sampler = 'auto',
        batch: bool = False,
        budget: Budget | None = None,
        cache: bool | str | os.PathLike[str] | ReplyCache = True,
        audit_log: str | os.PathLike[str] | AuditLog | None = None,
        seed: int = 0,
        verbose: bool = False,
        callbacks: Sequence[Any] = (),
        generation_process: GenerationProcess | None = None,
        egress: EgressPolicy | None = None,
    ) -> None:
        # Each is kept under its own name, as SDV reads them.
        self.__dict__.update({
            name: value for name, value in locals().items() if name in Arguments.__annotations__
        })
        check_arguments(vars(self))
        super().__init__(
            metadata=without_values(metadata) if is_private(sampler) else metadata,
            enforce_min_max_values=enforce_min_max_values,
            enforce_rounding=enforce_rounding,
            locales=locales if isinstance(locales, str) else list(locales),
        )

    @classmethod
    def mallm_gan(cls, metadata: SDVMetadata, **overrides: object) -> LLMGANSynthesizer:
        """A synthesizer with the settings of MALLM-GAN (Ling et al., 2024).

        Rows as JSON objects, a learned causal graph, logistic discriminator, temperatures 0.5 and
        1.0, the best 3 processes shown, batches of 50, ten epochs without a bound on batches.

        Args:
            metadata: ``sdv.metadata.Metadata`` of one table.
            overrides: Arguments of the constructor that differ from these settings.
        """
        return cls(metadata, **{**MALLM_GAN, **overrides})

    @classmethod
    def synthia(cls, metadata: SDVMetadata, **overrides: object) -> LLMGANSynthesizer:
        """A synthesizer with the settings of SYNTHIA (2025).

        Full metadata, stratified examples, no causal graph, a language model as discriminator that
        sees the analyzer's diagnostics; stops at the verdict "real", or after 2 steps without
        gain, or after 7.

        Args:
            metadata: ``sdv.metadata.Metadata`` of one table.
            overrides: Arguments of the constructor that differ from these settings.
        """
        return cls(metadata, **{**SYNTHIA, **overrides})

    def validate(self, data: Any) -> None:  # noqa: ANN401 - of either SDV line
        """See whether a table can be fitted, as every SDV synthesizer does.

        Raises:
            sdv.errors.InvalidDataError: It cannot; the message has a sentence for each reason.
        """
        try:
            super().validate(data)
        except InvalidDataError as error:
            # SDV names no column whose dates or format pandas cannot read.
            tables = data.values() if isinstance(data, dict) else [data]
            ours = [text for table in tables for text in self._unlearnable(table)]
            raise InvalidDataError(list(dict.fromkeys([*error.errors, *ours]))) from error

    def _unlearnable(self, table: pd.DataFrame) -> list[str]:
        handed_over = self._handed_over(self._original_metadata)
        return unlearnable(table, handed_over, enforce_rounding=self.enforce_rounding)

    def _validate(self, table: pd.DataFrame) -> list[str]:
        """Errors that SDV reports together, before it fits."""
        errors = [
            f'{quote(key)} is a key, and keys are made up: give it the sdtype "id" or pii=True, or '
            'make it no key.'
            for key in modeled_keys(self.metadata)
        ]
        errors += [
            f'{quote(str(name))}: the name or a value holds half a character (a lone surrogate), '
            'which can be neither sent nor stored: replace it.'
            for name, values in table.items()
            if not all(
                is_encodable(text)
                for text in [str(name), *(values if values.dtype.kind == 'O' else ())]
                if isinstance(text, str)
            )
        ]
        if len(table) < MIN_ROWS_JUDGED:
            errors.append(
                f'The table has {plural(len(table), "row")}; at least {MIN_ROWS_JUDGED} are '
                'needed, one to learn from and one to judge by.'
            )
        return errors + self._unlearnable(table)

    def _preprocess(self, table: pd.DataFrame) -> pd.DataFrame:
        processed: pd.DataFrame = super()._preprocess(table)
        # SDV's formatters read neither numbers among objects nor dates like 3/12/2021 as written;
        # what is drawn has the table's range and form already.
        for name in self._handed_over(self.metadata):
            if name in table and table[name].dtype.kind not in 'iuf':
                self._data_processor.formatters.pop(name, None)
        # What is made up is none of the categories that the table had: SDV would drop it.
        fields = self._data_processor._hyper_transformer.field_transformers
        if is_private(self.sampler):
            forget_values(self._data_processor)
        for name, dtype in self._data_processor._dtypes.items():
            made_up = fields.get(name) is not None and fields[name].is_generator()
            if made_up and isinstance(dtype, pd.CategoricalDtype):
                self._data_processor._dtypes[name] = dtype.categories.dtype
        return processed

    def _handed_over(self, metadata: SDVMetadata) -> dict[Any, dict[str, Any]]:
        transformers = self._data_processor._hyper_transformer.field_transformers
        return handed_over(metadata, transformers)

    def add_constraints(self, constraints: Sequence[Any]) -> None:
        """Add constraints, as every SDV synthesizer does.

        The model reads and writes the constrained columns as they are; see ``rules``.
        """
        super().add_constraints(constraints)
        every = [*self._reject_sampling_constraints, *self._chained_constraints]
        if check_constraints(every, self._original_metadata):
            self._reject_sampling_constraints, self._chained_constraints = every, []
            self.metadata = deepcopy(self._original_metadata)
            super().add_constraints([])  # SDV makes a data processor for these columns
        # It makes one without the transformers chosen by this class.
        self._update_default_transformers()

    def _update_default_transformers(self) -> None:
        super()._update_default_transformers()
        processor = self._data_processor
        # RDT 1 makes free text up, whatever the metadata says; RDT 2 leaves what is not personal.
        processor._transformers_by_sdtype.pop('text', None)
        # SDV would leave IDs that are no keys to the model, as categories.
        columns = processor.metadata.columns
        processor._id_columns_use_old_behavior = [
            name for name, declared in columns.items() if declared['sdtype'] == 'id'
        ]

    def save(self, filepath: str | os.PathLike[str]) -> None:
        """Save the synthesizer, with the rows it was fitted on, readable by its owner only.

        Args:
            filepath: The file; one that is there is written over.
        """
        make_private(filepath)
        super().save(filepath)

    def _fit(self, table: pd.DataFrame) -> None:
        if self._made_by is not None:
            self._model = self._made_by(table)
            return
        if is_private(self.sampler):
            self._model = fit_privately(self, table)
            return
        # Set before the fit, so that the history can be read after one that was interrupted.
        self._model = make_loop(self, table)
        self._model.fit(self.callbacks)

    def continue_fit(self) -> None:
        """Go on with the last fit, on the same rows, from the process that is set.

        Such as one that ``set_generation_process`` was given: it is tried as it is, then rewritten.
        The steps so far stay in the history and compete with the new ones; the discriminator has
        learned from them all. ``epochs``, ``max_batches`` and ``patience`` begin anew, ``budget``
        goes on. In the end rows come from what ``sampler`` says.

        Raises:
            NotFittedError: There is no fit to go on with, or it was interrupted.
            LLMGANError: A model could not be reached.
        """
        if not self._fitted:
            raise NotFittedError(
                'There is no fit to go on with. Call fit; after one that was interrupted again, '
                'replies in the cache are not paid for twice.'
            )
        model = self._loop()
        if model.fitted.exported:
            raise NotFittedError('It was loaded from a file that holds no rows to go on with. fit.')
        if model.fitted.is_private:
            raise EgressError(
                'It was fitted privately, and keeps no training row to go on with. fit again, and '
                'count both fits: their epsilons add up.'
            )
        if model.fitted.made_without_data:
            raise NotFittedError('It was made without data: there are no rows to go on with. fit.')
        model.ledger.guard.allow(self.budget)
        model.go_on(self.callbacks)
        self.reset_sampling()


def load_sampler(path: str | os.PathLike[str]) -> LLMGANSynthesizer:
    """A synthesizer that draws from a file that ``export`` wrote; no code of the file is run.

    It is sampled, conditioned and filled from as after a fit, with no model and no row of the
    training table; ``fit`` begins anew. The same seed gives the same rows.

    Args:
        path: The file; it may come from the other SDV line.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is none of these files, of a newer version, damaged, or too large.
    """
    return LLMGANSynthesizer._from_export(path)
