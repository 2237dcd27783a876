"""The face that SDV's users see. Thin: what it does, ``gan.py`` does."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import networkx as nx
import numpy as np
import pandas as pd
import plotly.graph_objects as go
from pandas.api.types import is_numeric_dtype
from sdv.errors import NotFittedError
from sdv.single_table.base import FIXED_RNG_SEED, BaseSingleTableSynthesizer
from sdv.single_table.ctgan import CTGANSynthesizer, LossValuesMixin

from sdv_llmgan.arguments import check_arguments
from sdv_llmgan.budget import Budget, Ledger
from sdv_llmgan.causal_graph import CausalGraph
from sdv_llmgan.column import MetadataDetail, quote
from sdv_llmgan.conditions import RangeCondition, exact_values, has_choices, to_allowed
from sdv_llmgan.discriminators.base import Discriminator
from sdv_llmgan.distill import SamplerName
from sdv_llmgan.egress import EgressPolicy
from sdv_llmgan.errors import SamplingError
from sdv_llmgan.estimate import Estimate, scaled
from sdv_llmgan.examples import Selection
from sdv_llmgan.gan import LLMGAN, MIN_ROWS, LoopSettings, unconditioned
from sdv_llmgan.generator import Generator
from sdv_llmgan.hill_climb import learn_causal_graph
from sdv_llmgan.history import History
from sdv_llmgan.interpreter import interpret
from sdv_llmgan.optimizer import Optimizer
from sdv_llmgan.presets import MALLM_GAN, SYNTHIA
from sdv_llmgan.preview import Preview, Unsent, first_requests
from sdv_llmgan.process import COLUMNS_PER_PROMPT, DEFAULT_INSTRUCTION, GenerationProcess
from sdv_llmgan.providers.audit import AuditLog
from sdv_llmgan.providers.base import Provider
from sdv_llmgan.providers.cache import ReplyCache, to_cache
from sdv_llmgan.providers.metered import MeteredProvider
from sdv_llmgan.providers.rehearsal import Rehearsal
from sdv_llmgan.registry import find_discriminator, find_provider
from sdv_llmgan.rules import Rules, check_constraints
from sdv_llmgan.schema import RowFormat, TableSchema, declared_names, modeled_keys
from sdv_llmgan.usage import Usage
from sdv_llmgan.view import View

if TYPE_CHECKING:
    from sdv_llmgan.report import Report

LOGGER = logging.getLogger(__name__)

#: Rows that ``estimate`` has written; it counts on from there.
REHEARSED_ROWS = 200

#: Rows asked for with each example: a prompt is paid for once (docs/benchmarks.md, tokens).
ROWS_PER_EXAMPLE = 4
LLM = str | Provider | None


class LLMGANSynthesizer(LossValuesMixin, BaseSingleTableSynthesizer):
    """Synthesizer that learns how to have a language model write rows.

    It stands where ``CTGANSynthesizer`` stands. Nothing leaves the machine unless ``llm`` names a
    remote provider; keys come from the environment only.

    Ling et al., MALLM-GAN, 2024. https://arxiv.org/abs/2406.10521

    Args:
        metadata: ``sdv.metadata.Metadata`` of one table.
        enforce_min_max_values: Whether values stay between the training table's minimum and
            maximum.
        enforce_rounding: Whether numbers are rounded as in the training table.
        locales: Locales of made-up personal data.
        llm: ``'provider/model'``, a ``Provider``, or ``None`` for the local model.
        context: What the data is and how it was collected, in a sentence or two.
        column_descriptions: What columns mean, by name.
        metadata_detail: How much of the columns the models are told: ``'none'`` (names only),
            ``'schema'`` (types, categories, ranges) or ``'full'`` (also how common categories
            are, example values and a pattern of the row).
        target: Column to predict later, if there is one: examples are stratified by it.
        causal_graph: ``'hill-climb'`` learns a first one from the data, a list of (cause, effect)
            pairs is the first one (it may be empty), ``'none'`` does without.
        instruction: How rows are to be written at first; ``None``: a general text.
        epochs: Passes over the training table, >= 1.
        batch_size: Rows in a batch, >= 2; each batch judges one generation process.
        examples_per_call: Real rows in a prompt, 1 to ``batch_size``.
        rows_per_example: Rows asked for, for each real row in a prompt, >= 1. More of them take
            fewer tokens a row, and show fewer real rows. ``None``: 4, or 1 (as in both papers)
            with a model that writes one row a reply.
        example_selection: ``'random'``, or ``'stratified'`` by the target, else by clusters.
        optimizer_examples: Real rows that the optimizer is shown, >= 0.
        max_batches: Batches that a fit pays for at most; ``None``: no bound but ``epochs``.
        patience: The fit stops when so many steps in a row found nothing better, >= 1.
        max_top_ups: Rounds in which rows that were rejected while sampling (invalid ones, copies,
            broken constraints) are asked for again, each sized by the share accepted so far, >= 0.
        discriminator: Name of a registered discriminator (``'logistic'``, ``'mlp'``,
            ``'analyzer'``, ``'llm'``, ...), a ``Discriminator``, or a list of such, which judge
            on average.
        optimize: Whether the process is rewritten at all.
        generator_llm: Model that writes rows; ``None``: ``llm``.
        discriminator_llm: Model for a discriminator that asks one; ``None``: ``llm``.
        optimizer_llm: Model that rewrites the process; ``None``: ``llm``.
        generator_temperature: Randomness of rows, >= 0.
        optimizer_temperature: Randomness of rewrites, >= 0.
        top_k: How many of the best processes the optimizer is shown, >= 1.
        row_format: ``'arrays'``, ``'short_keys'`` or ``'objects'`` (as in the paper); ``None``:
            what the provider handles best.
        reject_copies: Whether rows that repeat a training row exactly are rejected. Has no effect
            where training rows repeat each other (see ``copies.CopyCheck``).
        sampler: Where rows come from after the fit: ``'llm'`` (the model, each row is paid for),
            ``'distilled'`` (a local sampler fitted on the training rows and, where they help, the
            generated ones; no calls) or ``'auto'`` (the one that is harder to tell from held-out
            real rows; the local one in doubt). Free text is written by the model only.
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
        PluginError: There is no such provider or discriminator.
        ValueError: An argument is out of range, or the causal graph has a cycle.
    """

    # No transformers: the model reads the user's own values. CTGAN names the discrete sdtypes of
    # the SDV line that is installed.
    _model_sdtype_transformers = dict.fromkeys([
        'numerical',
        'datetime',
        *CTGANSynthesizer._model_sdtype_transformers,
    ])

    #: Who plays a provider; see ``estimate``.
    _stand_in: Callable[[Provider], Provider] = staticmethod(lambda provider: provider)

    # Of SDV's base class.
    _reject_sampling_constraints: list[Any]
    _chained_constraints: list[Any]

    def __init__(
        self,
        metadata: Any,  # noqa: ANN401 - Metadata of either SDV line
        enforce_min_max_values: bool = True,
        enforce_rounding: bool = True,
        locales: Sequence[str] | str = ('en_US',),
        *,
        llm: LLM = None,
        context: str = '',
        column_descriptions: Mapping[str, str] | None = None,
        metadata_detail: MetadataDetail = 'schema',
        target: str | None = None,
        causal_graph: str | Sequence[Sequence[str]] = 'hill-climb',
        instruction: str | None = None,
        epochs: int = 5,
        batch_size: int = 50,
        examples_per_call: int = 5,
        rows_per_example: int | None = None,
        example_selection: Selection = 'random',
        optimizer_examples: int = 0,
        max_batches: int | None = 6,
        patience: int = 4,
        max_top_ups: int = 3,
        discriminator: str | Discriminator | Sequence[str | Discriminator] = 'logistic',
        optimize: bool = True,
        generator_llm: LLM = None,
        discriminator_llm: LLM = None,
        optimizer_llm: LLM = None,
        generator_temperature: float = 0.5,
        optimizer_temperature: float = 1.0,
        top_k: int = 3,
        row_format: RowFormat | None = None,
        reject_copies: bool = True,
        sampler: SamplerName = 'auto',
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
        self.llm = llm
        self.context = context
        self.column_descriptions = column_descriptions
        self.metadata_detail = metadata_detail
        self.target = target
        self.causal_graph = causal_graph
        self.instruction = instruction
        self.epochs = epochs
        self.batch_size = batch_size
        self.examples_per_call = examples_per_call
        self.rows_per_example = rows_per_example
        self.example_selection = example_selection
        self.optimizer_examples = optimizer_examples
        self.max_batches = max_batches
        self.patience = patience
        self.max_top_ups = max_top_ups
        self.discriminator = discriminator
        self.optimize = optimize
        self.generator_llm = generator_llm
        self.discriminator_llm = discriminator_llm
        self.optimizer_llm = optimizer_llm
        self.generator_temperature = generator_temperature
        self.optimizer_temperature = optimizer_temperature
        self.top_k = top_k
        self.row_format = row_format
        self.reject_copies = reject_copies
        self.sampler = sampler
        self.batch = batch
        self.budget = budget
        self.cache = cache
        self.audit_log = audit_log
        self.seed = seed
        self.verbose = verbose
        self.callbacks = callbacks
        self.generation_process = generation_process
        self.egress = egress
        check_arguments(vars(self))
        super().__init__(
            metadata=metadata,
            enforce_min_max_values=enforce_min_max_values,
            enforce_rounding=enforce_rounding,
            locales=locales if isinstance(locales, str) else list(locales),
        )

    @classmethod
    def mallm_gan(cls, metadata: Any, **overrides: Any) -> LLMGANSynthesizer:  # noqa: ANN401
        """A synthesizer with the settings of MALLM-GAN (Ling et al., 2024).

        Rows as JSON objects, a learned causal graph, logistic discriminator, temperatures 0.5 and
        1.0, the best 3 processes shown, batches of 50, ten epochs without a bound on batches.

        Args:
            metadata: ``sdv.metadata.Metadata`` of one table.
            overrides: Arguments of the constructor that differ from these settings.
        """
        return cls(metadata, **{**MALLM_GAN, **overrides})

    @classmethod
    def synthia(cls, metadata: Any, **overrides: Any) -> LLMGANSynthesizer:  # noqa: ANN401
        """A synthesizer with the settings of SYNTHIA (2025).

        Full metadata, stratified examples, no causal graph, a language model as discriminator that
        sees the analyzer's diagnostics; stops at the verdict "real", or after 2 steps without
        gain, or after 7.

        Args:
            metadata: ``sdv.metadata.Metadata`` of one table.
            overrides: Arguments of the constructor that differ from these settings.
        """
        return cls(metadata, **{**SYNTHIA, **overrides})

    def _validate(self, table: pd.DataFrame) -> list[str]:
        """Errors that SDV reports together, before it fits."""
        errors = [
            f'{quote(key)} is a key, and keys are made up: give it the sdtype "id" or pii=True, or '
            'make it no key.'
            for key in modeled_keys(self.metadata)
        ]
        if len(table) < MIN_ROWS:
            errors.append(
                f'The table has {len(table)} rows; at least {MIN_ROWS} are needed, one to learn '
                'from and one to judge by.'
            )
        return errors

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

    def preview(self, data: Any) -> Preview:  # noqa: ANN401 - what ``fit`` takes
        """The very requests that ``fit`` would send first, with nothing sent; ``print`` shows them.

        A fit is started on a copy and stopped at its first call, so this takes as long as the
        preparations of one. No key is needed.

        Args:
            data: What ``fit`` takes in the SDV line that is installed.

        Raises:
            EgressError: The egress policy and the table contradict each other.
        """
        twin = self._twin(Unsent)
        return first_requests(lambda: twin.fit(data))

    def _fit(self, table: pd.DataFrame) -> None:
        schema = TableSchema.from_sdv(self.metadata, table, self.column_descriptions)
        if schema.texts and self.sampler == 'distilled':
            raise ValueError(
                f"sampler='distilled' cannot write free text ({', '.join(schema.texts)}): "
                "only a model can. Take sampler='llm' or 'auto', or mark the columns as pii."
            )
        training = schema.to_plain(table)
        rules = Rules(self._reject_sampling_constraints, training, schema)
        schema = rules.stepped(schema)
        view = self._view(training, schema, rules)
        model = self._make_model()
        graph = self._given_graph()
        if view is not None:
            graph.check_columns(schema.names)
            graph = view.told_graph(graph)
            schema, training, rules = view.schema, view.table(training), view.told_rules()
        process = self._first_process(schema, training, rules.words, graph)
        if (num_prompts := len(process.parts())) > 1:
            warnings.warn(
                f'The table has {len(schema.names)} columns: a row is written in '
                f'{num_prompts} prompts of at most {COLUMNS_PER_PROMPT} columns and the '
                'causes of those. What the causal graph does not connect across them is lost.',
                stacklevel=2,
            )
        # Set before the fit, so that the history can be read after one that was interrupted.
        self._model = model
        model.fit(training, process, rules, view, self.callbacks)

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
        model = self._fitted_model()
        model.ledger.budget = self.budget or Budget()
        model.go_on(self.callbacks)
        self.reset_sampling()

    def _view(self, training: pd.DataFrame, schema: TableSchema, rules: Rules) -> View | None:
        """What models may see of the table; ``None``: all of it."""
        if self.egress is None:
            return None
        declared = declared_names(self._original_metadata)
        return View.of(
            training,
            schema,
            rules,
            self.egress,
            self.egress.treatments(schema, declared, self.target),
            target=self.target,
            enforce_range=self.enforce_min_max_values,
            seed=self.seed,
        )

    def _sample(self, num_rows: int, conditions: Mapping[str, Any] | None = None) -> pd.DataFrame:
        if conditions:
            raise NotImplementedError  # SDV then draws rows until enough of them match
        return self._draw(unconditioned(num_rows))

    def _draw(self, begun: pd.DataFrame) -> pd.DataFrame:
        model = self._fitted_model()
        return model.schema.from_plain(model.sample(begun))

    def _sample_batch(self, batch_size: int, max_tries: int = 100, **rest: Any) -> pd.DataFrame:  # noqa: ANN401
        # Rejected rows are asked for again by the sampler, within its bound. SDV's own loop would
        # begin anew up to max_tries times; it is left where only SDV can check a constraint.
        tries = min(max_tries, 1 + self.max_top_ups) if self._has_unchecked_rules() else 1
        rows = super()._sample_batch(batch_size, max_tries=tries, **rest)
        if not len(rows):
            raise SamplingError(f'No row of {tries} rounds kept all constraints.')
        return rows

    def _has_unchecked_rules(self) -> bool:
        """Whether SDV drops rows that the sampler found good."""
        model: LLMGAN | None = self._model
        return bool(self._chained_constraints or (model and model.rules.unchecked))

    def _make_condition_dfs(self, conditions: Sequence[Any]) -> list[pd.DataFrame]:
        ranges = [condition for condition in conditions if isinstance(condition, RangeCondition)]
        others = [condition for condition in conditions if condition not in ranges]
        return [
            *super()._make_condition_dfs(others),
            *(condition.to_frame() for condition in ranges),
        ]

    def _validate_conditions_unseen_columns(self, conditions: pd.DataFrame) -> None:
        """Refuse conditions that no row can meet, before any call."""
        super()._validate_conditions_unseen_columns(conditions)
        if self._chained_constraints and has_choices(conditions):
            raise ValueError(
                'Ranges and sets do not go with a constraint on columns that another constraint '
                'makes; single values do.'
            )
        self._fitted_model().rules.begin(self._begin(conditions), np.random.default_rng(0))

    def _begin(self, wishes: pd.DataFrame) -> pd.DataFrame:
        """What conditions settle of the columns that the model sees, as ``Allowed`` by cell."""
        schema = self._fitted_model().schema
        return to_allowed(wishes, schema, self.enforce_min_max_values)

    def _sample_with_conditions(
        self,
        conditions: pd.DataFrame,
        max_tries_per_batch: int,
        batch_size: int | None,
        progress_bar: Any = None,  # noqa: ANN401 - tqdm's
        output_file_path: str | None = None,
        keep_extra_columns: bool = False,
    ) -> pd.DataFrame:
        """Complete all rows together, where SDV would go condition by condition."""
        if self._chained_constraints:
            return super()._sample_with_conditions(
                *(conditions, max_tries_per_batch, batch_size, progress_bar),
                *(output_file_path, keep_extra_columns),
            )
        if not self._random_state_set:
            self._set_random_state(FIXED_RNG_SEED)
        wishes = conditions.reset_index(drop=True)
        parts, left = [], wishes
        for _ in range(1 + self.max_top_ups * self._has_unchecked_rules()):
            parts.append(self._complete(left))
            left = left.drop(parts[-1].index)
            if not len(left):
                break
        rows = pd.concat(parts)
        rows = rows.set_axis(conditions.index[rows.index]).sort_index(kind='stable')
        if output_file_path:
            is_new = not (os.path.exists(output_file_path) and os.path.getsize(output_file_path))
            rows.to_csv(output_file_path, index=False, mode='a', header=is_new)
        if progress_bar is not None:
            progress_bar.update(len(rows))
        return rows

    def _complete(self, wishes: pd.DataFrame) -> pd.DataFrame:
        """Rows for wishes, each with the index of the one that it meets."""
        drawn = self._draw(self._begin(wishes))
        wishes = wishes.loc[drawn.index].reset_index(drop=True)
        rows = self._data_processor.reverse_transform(drawn.reset_index(drop=True))
        for name in wishes:
            # SDV rounds and clips numbers, and makes up what the model does not see.
            if name not in drawn or is_numeric_dtype(drawn[name]):
                rows[name] = exact_values(wishes[name], rows[name])
        rows = self.reverse_transform_constraints(rows)
        return rows.set_axis(drawn.index[rows.index])

    def conditions_from_description(self, description: str, num_rows: int = 1) -> RangeCondition:
        """Have the model turn words into a condition, in one call; print it to see it.

        Args:
            description: Which rows are wanted, such as ``'smokers over 60 with two children'``.
            num_rows: How many, >= 1.

        Raises:
            ReplyError: The model did not answer in the form asked for.
            ValueError: The words say what cannot be checked on the columns, or no row can meet.
        """
        self._validate_fit_before_sample()
        model = self._fitted_model()
        condition = interpret(
            description,
            num_rows,
            model.schema,
            model.generator.provider,
            context=model.process.context,
            told=model.view.named if model.view else None,
        )
        self._validate_conditions_unseen_columns(condition.to_frame())
        return condition

    def sample_from_description(
        self,
        description: str,
        num_rows: int,
        **sampling: Any,  # noqa: ANN401
    ) -> Any:  # noqa: ANN401 - what ``sample`` returns in the SDV line that is installed
        """Sample rows that a description in words fits.

        The words become a condition once, which is logged; every row is checked against it.

        Args:
            description: Which rows are wanted.
            num_rows: How many, >= 1.
            sampling: Other arguments of ``sample_from_conditions``.

        Raises:
            ReplyError: The model did not answer in the form asked for.
            ValueError: The words say what cannot be checked on the columns, or no row can meet.
        """
        condition = self.conditions_from_description(description, num_rows)
        LOGGER.warning('%r was read as %r.', description, condition)  # shown without set-up too
        return self.sample_from_conditions([condition], **sampling)

    def _make_model(self) -> LLMGAN:
        made: dict[Any, MeteredProvider] = {}
        ledger, cache = Ledger(self.budget), to_cache(self.cache)
        audit = self.audit_log
        audit = AuditLog(audit) if isinstance(audit, (str, os.PathLike)) else audit

        def provider(llm: LLM) -> MeteredProvider:
            """Roles that name the same model share one provider, and so its limits."""
            llm = self.llm if llm is None else llm
            key = llm if isinstance(llm, str) else id(llm)
            if key not in made:
                played = self._stand_in(find_provider(llm))
                made[key] = MeteredProvider(played, ledger, cache, audit)
                made[key].check()
            return made[key]

        metered = provider(self.generator_llm)
        generator = Generator(
            metered,
            self.generator_temperature,
            self.row_format or metered.row_format,
            self.enforce_min_max_values,
        )
        discriminator = deepcopy(find_discriminator(self.discriminator))
        if discriminator.asks_model:
            discriminator.provider = provider(self.discriminator_llm)
        discriminator.target, discriminator.detail = self.target, self.metadata_detail
        return LLMGAN(
            generator,
            discriminator,
            self._make_optimizer(provider) if self.optimize else None,
            LoopSettings(
                epochs=self.epochs,
                batch_size=self.batch_size,
                examples_per_call=self.examples_per_call,
                rows_per_example=self.rows_per_example
                or (1 if metered.rows_per_reply == 1 else ROWS_PER_EXAMPLE),
                selection=self.example_selection,
                target=self.target,
                optimizer_examples=self.optimizer_examples,
                max_batches=self.max_batches,
                patience=self.patience,
                max_top_ups=self.max_top_ups,
                reject_copies=self.reject_copies,
                sampler=self.sampler,
                seed=self.seed,
                verbose=self.verbose,
            ),
            ledger,
            replace(generator, provider=metered.batched()) if self.batch else None,
        )

    def _make_optimizer(self, provider: Callable[[LLM], Provider]) -> Optimizer:
        return Optimizer(
            provider(self.optimizer_llm),
            self.optimizer_temperature,
            self.top_k,
            with_graph=self.causal_graph != 'none',
        )

    def _first_process(
        self,
        schema: TableSchema,
        training: pd.DataFrame,
        rules: tuple[str, ...],
        graph: CausalGraph,
    ) -> GenerationProcess:
        given = self.generation_process
        process = GenerationProcess(
            given.context if given else self.context,
            schema,
            graph,
            given.instruction if given else self.instruction or DEFAULT_INSTRUCTION,
            self.metadata_detail,
            rules,
        )
        if self.target is not None and self.target not in schema.names:
            raise ValueError(
                f'The target must be a column that the model sees, got {self.target!r}. '
                f'It can be: {", ".join(schema.names)}.'
            )
        if given or self.causal_graph != 'hill-climb':
            return process
        return process.revised(causal_graph=learn_causal_graph(training, schema, self.seed))

    def _given_graph(self) -> CausalGraph:
        if self.generation_process is not None:
            return self.generation_process.causal_graph
        named = isinstance(self.causal_graph, str)
        return CausalGraph() if named else CausalGraph.from_edges(self.causal_graph)

    @property
    def history(self) -> History:
        """All steps of the last fit, also of one that was interrupted; see ``History``."""
        return self._fitted_model().history

    def get_history(self) -> pd.DataFrame:
        """One line a step of the last fit, also of one that was interrupted.

        ``score`` is in [0, 1], 0 is chance, lower is better; ``accuracy`` of the discriminator
        stands beside it (0.5 is chance). See ``History.to_frame``; ``history`` has the steps.
        """
        return self.history.to_frame()

    def get_generation_process(self) -> GenerationProcess:
        """The best generation process: what ``sample`` follows."""
        return self._fitted_model().process

    def set_generation_process(self, process: GenerationProcess) -> None:
        """Sample with another generation process, such as an edited one.

        Rows then come from the language model, whatever ``sampler`` says. Under an egress policy
        columns are told as the policy says, however the process describes them.

        Raises:
            ValueError: Its columns are not those that the synthesizer was fitted on.
        """
        if not isinstance(process, GenerationProcess):
            raise ValueError(
                f'A GenerationProcess is needed, got {process!r}. GenerationProcess.from_json() '
                'reads a saved one.'
            )
        model = self._fitted_model()
        fitted, given = set(model.process.schema.names), set(process.schema.names)
        if fitted != given:
            raise ValueError(
                f'The process must have the columns of the fitted table. Missing: '
                f'{sorted(fitted - given)}; unknown: {sorted(given - fitted)}.'
            )
        if model.view is not None:
            shown = model.process.schema.reordered(process.schema.names)
            process = replace(process, schema=shown)
        model.follow(process)

    def get_causal_graph(self) -> nx.DiGraph:
        """The best process's causal graph, with all columns that the model sees as nodes."""
        return self.get_generation_process().to_networkx()

    def get_usage(self, *, by_step: bool = False) -> pd.DataFrame:
        """Calls, tokens and US dollars so far; see ``Usage``.

        Args:
            by_step: Whether there is a line for each step of the fit and role, instead of one a
                role (``generator``, ``optimizer``, ...). Sampling has the step -1.
        """
        ledger = self._fitted_model().ledger
        if not by_step:
            lines = {role: asdict(used) for role, used in ledger.by_role().items()}
            return pd.DataFrame.from_dict(lines, orient='index', columns=list(asdict(Usage())))
        return pd.DataFrame([
            {'step': -1 if step is None else step, 'role': role, **asdict(used)}
            for (step, role), used in ledger.used.items()
        ])

    def estimate(self, data: Any, num_rows: int = 0) -> Estimate:  # noqa: ANN401 - as in ``fit``
        """What fitting and then sampling would use; sends nothing and needs no key.

        The fit is rehearsed with a model that answers at random: the prompts are the real ones.
        Tokens are counted without the vendor's tokenizer; retries are not foreseen.

        Args:
            data: What ``fit`` would be given.
            num_rows: Rows that ``sample`` would be asked for, >= 0.
        """
        twin = self._twin(Rehearsal)
        twin.sampler = 'llm'
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            twin.fit(data)
            model = twin._fitted_model()
            fitted = model.ledger.total()
            drawn = min(num_rows, REHEARSED_ROWS) if self.sampler != 'distilled' else 0
            if drawn:
                model.sample(unconditioned(drawn))
        sampled = model.ledger.total() - fitted
        return Estimate(
            fit=fitted,
            sample=scaled(sampled, num_rows / drawn) if drawn else Usage(),
            steps=len(model.history),
            max_steps=model.planned_steps(len(model.writer.examples.training)),
        )

    def _twin(self, stand_in: Callable[[Provider], Provider]) -> LLMGANSynthesizer:
        """An unfitted copy whose models are played by others: no budget, cache, log, callbacks."""
        twin = deepcopy(self, {id(self._model): None, id(self.callbacks): ()})
        twin._stand_in, twin.verbose = stand_in, False
        twin.budget, twin.cache, twin.audit_log, twin.batch = None, False, None, False
        return twin

    def get_info(self) -> dict[str, Any]:
        """SDV's information, and how the fit ended.

        Adds ``llm`` (the model that writes rows), ``remote`` (whether any
        role's model is not on this machine),
        ``steps``, ``stopped`` (why the fit ended), ``score`` and ``accuracy`` (of the best step),
        ``sampler`` (where rows come from) and ``told_apart`` (what that was decided by; see
        ``Comparison``).
        """
        info: dict[str, Any] = super().get_info()
        if self._model is None:
            return info
        best = self._model.history.best()
        verdict = best.verdict if best else None
        return {
            **info,
            'llm': self._model.generator.provider.name,
            'remote': any(provider.remote for provider in self._model.providers()),
            'steps': len(self._model.history),
            'stopped': self._model.history.stopped,
            'score': verdict.score if verdict else None,
            'accuracy': verdict.accuracy if verdict else None,
            'sampler': self._model.source,
            'told_apart': asdict(comparison) if (comparison := self._model.comparison) else None,
        }

    def get_loss_values_plot(self, title: str = 'LLMGAN loss function') -> go.Figure:
        """The loss by epoch as a plotly figure; see ``LLMGAN.loss_values``."""
        figure = super().get_loss_values_plot(title)
        # Markers show a fit of one epoch too; a legend beside the plot leaves it no room on a
        # telephone.
        figure.update_traces(mode='lines+markers')
        figure.update_xaxes(tick0=0, dtick=1 + len(self.get_loss_values()) // 12)
        below = {'orientation': 'h', 'yref': 'container', 'y': 0, 'yanchor': 'bottom'}
        return figure.update_layout(legend=below, margin_b=110)

    def report(
        self,
        real: Any,  # noqa: ANN401 - a table, or a dict of one
        synthetic: Any,  # noqa: ANN401
        holdout: Any = None,  # noqa: ANN401
        path: str | Path | None = 'report.html',
        *,
        target: str | None = None,
        known_columns: Sequence[str] | None = None,
        sensitive_columns: Sequence[str] | None = None,
    ) -> Report:
        """Everything there is to say of a synthetic table, on one page.

        Likeness, usefulness, privacy, constraints, the generation process and its graph, the
        story of the fit, the bill, and what left the machine; each figure with its direction and
        meaning, or with the reason why there is none.

        Args:
            real: The rows that were fitted on: a DataFrame, or ``{name: DataFrame}``.
            synthetic: The synthetic rows, likewise.
            holdout: Real rows that were not fitted on. Without them the report says what it
                cannot say.
            path: Where it is written, as .html or .json; ``None``: nowhere.
            target: Column to predict; ``None``: the synthesizer's own, if it has one.
            known_columns: What an attacker knows of a person; ``None``: the columns that tell
                most about the attacked one.
            sensitive_columns: What the attacker wants to learn; ``None``: every suitable column.

        Raises:
            NotFittedError: The synthesizer has not been fitted.
            ValueError: A table is empty or lacks a column, or a named column cannot be compared.
        """
        from sdv_llmgan.report import make_report  # it brings SDMetrics' reports and Jinja

        self._fitted_model()
        made = make_report(
            real,
            synthetic,
            self._original_metadata,
            holdout=holdout,
            target=target or self.target,
            known_columns=known_columns,
            sensitive_columns=sensitive_columns,
            constraints=[*self._chained_constraints, *self._reject_sampling_constraints],
            synthesizer=self,
        )
        if path is not None:
            made.save(path)
        return made

    def _fitted_model(self) -> LLMGAN:
        if self._model is None:
            raise NotFittedError('There is nothing to show yet. Please fit your synthesizer first.')
        model: LLMGAN = self._model
        return model
