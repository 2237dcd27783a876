"""The adversarial loop: generate, judge, rewrite.

    table -> process -> prompt -> provider -> reply -> rows -> verdict -> history
                ^                                                            |
                +------------------------ optimizer -------------------------+

Ling et al., MALLM-GAN, 2024. https://arxiv.org/abs/2406.10521
"""

from __future__ import annotations

import logging
import math
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from sdv_llmgan.calls.budget import Ledger
from sdv_llmgan.discriminators.base import Discriminator
from sdv_llmgan.egress.table_view import View
from sdv_llmgan.errors import BudgetError, LLMGANError
from sdv_llmgan.loop.callbacks import tell_end, tell_step
from sdv_llmgan.loop.choose_sampler import Comparison, Distillation, SamplerName
from sdv_llmgan.loop.history import History, Step
from sdv_llmgan.loop.progress import distill_bar, fit_bar, say, summary
from sdv_llmgan.process.generation_process import GenerationProcess
from sdv_llmgan.providers.base import Provider
from sdv_llmgan.roles.examples import Examples, Selection, shown_with
from sdv_llmgan.roles.generator import Generator
from sdv_llmgan.roles.optimizer import Optimizer
from sdv_llmgan.roles.row_writer import Writer
from sdv_llmgan.rules.constraints import Combinations, Rules
from sdv_llmgan.samplers.base import Sampler
from sdv_llmgan.samplers.completing import CompletingSampler
from sdv_llmgan.samplers.llm import LLMSampler
from sdv_llmgan.samplers.local import LocalSampler
from sdv_llmgan.table.copies import CopyCheck
from sdv_llmgan.table.missing import MissingPatterns
from sdv_llmgan.table.schema import TableSchema
from sdv_llmgan.table.strata import find_strata

LOGGER = logging.getLogger(__name__)

#: Real and synthetic rows that a batch needs, each: one to learn from, one to be judged by.
MIN_ROWS = 2
HELD_OUT_SHARE = 0.4


@dataclass(frozen=True)
class LoopSettings:
    """How long the loop runs and on what.

    Attributes:
        epochs: Passes over the training rows, >= 1.
        batch_size: Real rows in a batch at most, and generated rows asked for.
        examples_per_call: Few-shot examples in a prompt.
        rows_per_example: Rows asked for, for each of them, >= 1.
        selection: How few-shot examples are chosen among a batch's rows.
        target: Column by whose values examples are stratified; ``None``: by clusters.
        optimizer_examples: Real rows that the optimizer is shown, >= 0.
        max_batches: Batches that a fit pays for at most; ``None``: no bound.
        patience: The fit stops when so many steps in a row found nothing better.
        max_top_ups: Rounds in which rows that were rejected while sampling are asked for again.
        reject_copies: Whether rows that repeat a training row are rejected where they can be.
        sampler: Where rows come from after the fit; see ``SamplerName``.
        seed: Makes the loop repeatable where the provider is.
        verbose: Whether progress bars are shown, and a line at the end of a fit.
    """

    epochs: int = 5
    batch_size: int = 50
    examples_per_call: int = 5
    rows_per_example: int = 1
    selection: Selection = 'random'
    target: str | None = None
    optimizer_examples: int = 0
    max_batches: int | None = 6
    patience: int = 4
    max_top_ups: int = 3
    reject_copies: bool = True
    sampler: SamplerName = 'auto'
    seed: int = 0
    verbose: bool = False


class LLMGAN:
    """Learns a generation process for a table, then samples with it.

    Args:
        generator: Writes rows.
        discriminator: Judges them.
        optimizer: Rewrites the process; ``None``: the process stays as it is.
        settings: How long the loop runs and on what.
        ledger: Where the models' calls are counted.
        sampling: Writes rows after the fit; ``None``: ``generator`` does.

    Attributes:
        history: What happened so far; readable after an interrupted fit too.
        process: The best process; set by ``fit``.
        sampler: Where ``sample`` takes rows from; set by ``fit``.
        view: What models see of the table; ``None``: all of it. Set by ``fit``.
        local: Draws rows without a model; ``None``: not asked for. Set by ``fit``.
        comparison: How well the sources of rows were told from real ones; ``None`` where only one
            was asked for.
    """

    process: GenerationProcess
    writer: Writer
    sampler: Sampler
    comparison: Comparison | None
    view: View | None
    local: LocalSampler | None

    def __init__(
        self,
        generator: Generator,
        discriminator: Discriminator,
        optimizer: Optimizer | None,
        settings: LoopSettings,
        ledger: Ledger | None = None,
        sampling: Generator | None = None,
    ) -> None:
        self.generator = generator
        self.discriminator = discriminator
        self.optimizer = optimizer
        self.settings = settings
        self.ledger = ledger or Ledger()
        self.sampling = sampling
        self.history = History()
        self.set_random_state(settings.seed)

    def fit(
        self,
        training: pd.DataFrame,
        process: GenerationProcess,
        rules: Rules | None = None,
        view: View | None = None,
        callbacks: Sequence[Any] = (),
    ) -> None:
        """Run the loop, and keep the best process.

        Args:
            training: Plain training rows, shape (n_rows, n_columns), n_rows >= 2.
            process: The process to begin with.
            rules: What every row keeps to; ``None``: there are no rules.
            view: What these are a view of; ``None``: they are the table itself.
            callbacks: Told of every step and of the end; see ``callbacks``.

        Raises:
            LLMGANError: A model could not be reached. The history says how far the fit came.
        """
        self.process, self.history, self.comparison = process, History(), None
        self.view, self.local = view, None
        self.writer = Writer(
            self.generator,
            self._examples(training, process),
            MissingPatterns(training, process.schema),
            rules or Rules([], training, process.schema),
            self._copy_check(training, process),
            [
                Combinations(training, process.schema, [column.name])
                for column in process.schema
                if column.is_unlisted
            ],
        )
        self.discriminator.pool = self.writer.examples.pool
        self.discriminator.start(training, process.schema, self.settings.seed)
        self.go_on(callbacks)

    def go_on(self, callbacks: Sequence[Any] = ()) -> None:
        """Run the loop on the rows of the fit, from the process that is set, and keep the best.

        Steps that there are stay, and are judged again with each new one. ``epochs``,
        ``max_batches`` and ``patience`` begin anew. Arguments and errors are those of ``fit``.
        """
        process, begun, training = self.process, len(self.history), self.writer.examples.training
        rng = np.random.default_rng([self.settings.seed, begun] if begun else self.settings.seed)
        self.history.stopped = ''
        started = time.monotonic()
        try:
            for epoch, batch, rows in self._batches(len(training), rng):
                step = Step(epoch, batch, process)
                with self._accounted(step):
                    # Rewriting here, not at the end, pays for no process that nobody judges.
                    if self.optimizer is not None and self.history.has_judged(process):
                        step.process, step.note = self.optimizer.rewrite(
                            self.history, rng, self._optimizer_examples(process, rng)
                        )
                    self._try_process(step, rows, rng)
                    self.history.add(step, self.discriminator)
                if tell_step(callbacks, step, self.history) or self._is_done(step, begun):
                    break
        except BudgetError as error:
            self.history.stopped = 'budget'
            warnings.warn(
                f'The fit ended in step {len(self.history) + 1}, and keeps the best process so '
                f'far. {error}',
                stacklevel=1,
            )
        except (KeyboardInterrupt, LLMGANError) as error:
            raise type(error)(self._interrupted(error)) from error
        except Exception as error:
            LOGGER.warning(self._interrupted(error))
            raise
        finally:
            best = self.history.best()
            self.follow(best.process if best else process)
        self._distill(training)
        ended = summary(self.history, self.source, time.monotonic() - started)
        LOGGER.info(ended)
        if self.settings.verbose:
            say(ended)
        if best is None and len(self.history):
            warnings.warn(
                f'None of {len(self.history)} batches had enough valid rows to judge the '
                'generation process; it is the one that the fit began with. get_history() has '
                'the reasons.',
                stacklevel=1,
            )
        tell_end(callbacks, self.history)

    @property
    def source(self) -> Literal['llm', 'distilled']:
        """Where ``sample`` takes rows from."""
        return 'distilled' if isinstance(self.sampler, LocalSampler) else 'llm'

    def follow(self, process: GenerationProcess) -> None:
        """Have the model write rows with this process from now on."""
        self.process = process
        writer = replace(self.writer, generator=self.sampling or self.generator)
        shown = self.ledger if self.settings.verbose else None
        rows = LLMSampler(writer, process, self.settings.max_top_ups, shown)
        self.sampler = rows
        if self.view is not None:
            self.sampler = CompletingSampler(self.view, rows, self.local, rows.max_top_ups)

    @property
    def schema(self) -> TableSchema:
        """The columns of ``sample``."""
        return self.process.schema if self.view is None else self.view.whole

    @property
    def training(self) -> pd.DataFrame:
        """The plain rows that were fitted on, shape (n_rows, n_columns)."""
        return self.writer.examples.training if self.view is None else self.view.training

    @property
    def rules(self) -> Rules:
        """What the rows of ``sample`` keep to."""
        return self.writer.rules if self.view is None else self.view.rules

    def _distill(self, training: pd.DataFrame) -> None:
        """Have rows drawn, or completed, by a local sampler where that is wanted."""
        may_draw = self.settings.sampler != 'llm' and not self.schema.texts
        completes = self.view is not None and not self.view.is_complete
        if not may_draw and not completes:
            return
        with distill_bar(enabled=self.settings.verbose) as on_model:
            distillation = Distillation.of(
                training,
                self.history,
                self.process,
                self.discriminator,
                enforce_range=self.generator.enforce_range,
                reject_copies=self.settings.reject_copies,
                seed=self.settings.seed,
                view=self.view,
                target=self.settings.target,
                on_model=on_model,
            )
            draws = may_draw and self._local_wins(distillation)
            if not draws and not completes:
                return
            self.local = LocalSampler(distillation.fit(), self.rules)
        self.follow(self.process)
        if draws:
            self.sampler = self.local

    def _local_wins(self, distillation: Distillation) -> bool:
        """Whether rows are to be drawn locally: because the user says so, or by comparison."""
        if self.settings.sampler != 'auto':
            return True
        best = self.history.best()
        self.comparison = distillation.compare(best.rows if best else None)
        LOGGER.info('%s.', self.comparison)
        if best is not None:
            best.add_note(str(self.comparison))
        return self.comparison.chosen == 'distilled'

    def _try_process(self, step: Step, rows: np.ndarray, rng: np.random.Generator) -> None:
        """Generate a batch, and teach the discriminator with the part that is not held out."""
        pieces = self.writer.examples.pieces(rows, rng)
        parsed = self.writer.write(step.process, unconditioned(len(rows)), pieces, rng)
        step.accepted, step.rejected = len(parsed.rows), parsed.rejected
        real = self.writer.examples.training.iloc[rows]
        if min(len(real), step.accepted) < MIN_ROWS:
            step.add_note(f'{len(real)} real and {step.accepted} valid rows are too few to judge')
            return
        step.rows = parsed.rows
        step.shown = shown_with(pieces, parsed.rows.index.to_numpy())
        if not self.discriminator.learns:
            step.real, step.synthetic = real, parsed.rows
            return
        learn_real, step.real = _hold_out(real, rng)
        learn_synthetic, step.synthetic = _hold_out(parsed.rows, rng)
        self.discriminator.update(learn_real, learn_synthetic)

    def sample(self, begun: pd.DataFrame) -> pd.DataFrame:
        """Draw new rows, plain; see ``Sampler.sample``.

        Args:
            begun: What is settled of each row; ``unconditioned(num_rows)`` where nothing is.

        Raises:
            SamplingError: None could be had.
            ProviderError: A model could not be reached.
            ValueError: A condition contradicts a rule.
        """
        before = self._rng.bit_generator.state
        try:
            return self.sampler.sample(begun, self._rng)
        except BaseException as error:
            # The same call again asks the same: what was answered is in the cache.
            self._rng.bit_generator.state = before
            if isinstance(error, LLMGANError):
                LOGGER.warning('%s', error)  # SDV puts words of its own in place of an error's
            raise

    def set_random_state(self, seed: int) -> None:
        """Start the randomness of ``sample`` anew (SDV calls this)."""
        self._rng = np.random.default_rng(seed)

    @property
    def loss_values(self) -> pd.DataFrame:
        """Loss by epoch, as CTGAN reports it: the means over an epoch's judged steps.

        ``Generator Loss`` is the score in [0, 1] (0 is chance, lower is better), and
        ``Discriminator Loss`` the log loss in nats (ln 2 is chance), both by the newest
        discriminator.
        """
        judged = [(step.epoch, step.verdict) for step in self.history if step.verdict]
        losses = pd.DataFrame({
            'Epoch': [epoch for epoch, _ in judged],
            'Generator Loss': [verdict.score for _, verdict in judged],
            'Discriminator Loss': [verdict.log_loss for _, verdict in judged],
        })
        return losses.groupby('Epoch', as_index=False).mean()

    def providers(self) -> list[Provider]:
        """The models that any role asks, each once."""
        named = [self.generator.provider, self.discriminator.provider]
        named += [self.optimizer.provider] if self.optimizer else []
        return list({id(provider): provider for provider in named if provider}.values())

    def planned_steps(self, num_rows: int) -> int:
        """Steps that a fit on so many rows takes at most."""
        planned = self.settings.epochs * math.ceil(num_rows / self.settings.batch_size)
        return min(planned, self.settings.max_batches or planned)

    def _batches(
        self, num_rows: int, rng: np.random.Generator
    ) -> Iterator[tuple[int, int, np.ndarray]]:
        """Epoch, batch, and the row numbers in it; batches of an epoch are about equal in size."""
        settings = self.settings
        per_epoch = math.ceil(num_rows / settings.batch_size)
        planned, total = settings.epochs * per_epoch, self.planned_steps(num_rows)
        LOGGER.info(
            'This fit pays for at most %d batches (%d epochs of %d, max_batches=%s).',
            *(total, settings.epochs, per_epoch, settings.max_batches),
        )
        first = self.history.steps[-1].epoch + 1 if self.history.steps else 0
        with fit_bar(
            total, settings.epochs, self.ledger, self.history, enabled=settings.verbose
        ) as show:
            for number in range(total):
                epoch, batch = divmod(number, per_epoch)
                if batch == 0:
                    shuffled = np.array_split(rng.permutation(num_rows), per_epoch)
                show(epoch)
                try:
                    yield first + epoch, batch, shuffled[batch]
                finally:  # reached too where the loop ends with this batch
                    show(epoch)
        self.history.stopped = 'max_batches' if total < planned else 'epochs'

    def _is_done(self, step: Step, begun: int) -> bool:
        """Whether the fit may stop before its last batch; the history then says why."""
        if step.verdict is not None and step.verdict.is_real:
            self.history.stopped = 'verdict: real'
        elif (
            min(self.history.steps_since_best(), len(self.history) - begun)
            >= self.settings.patience
        ):
            self.history.stopped = f'no better process in {self.settings.patience} steps'
        else:
            return False
        return True

    def _examples(self, training: pd.DataFrame, process: GenerationProcess) -> Examples:
        settings = self.settings
        strata = None
        if settings.selection == 'stratified':
            strata = find_strata(training, process.schema, settings.target, settings.seed)
        pool = None if self.view is None else self.view.pool
        return Examples(
            training, settings.examples_per_call, strata, pool, settings.rows_per_example
        )

    def _optimizer_examples(
        self, process: GenerationProcess, rng: np.random.Generator
    ) -> list[list[Any]]:
        """Real rows for the optimizer: SYNTHIA's X_sub."""
        if not self.settings.optimizer_examples:
            return []
        shown = self.writer.examples.sample(self.settings.optimizer_examples, rng)
        return process.schema.to_json_rows(shown)

    def _copy_check(self, training: pd.DataFrame, process: GenerationProcess) -> CopyCheck | None:
        if not self.settings.reject_copies:
            return None
        copies = CopyCheck(training, process.schema)
        if not copies.possible:
            LOGGER.info(
                'Copies of %s training rows are rejected: chance repeats others.',
                sum(known.avoided.sum() for known in copies.repeats.whole.known) or 'no',
            )
        return copies

    @contextmanager
    def _accounted(self, step: Step) -> Iterator[None]:
        """Note on a step what is used in the meantime."""
        started, before = time.monotonic(), self.ledger.total()
        self.ledger.step = len(self.history)
        try:
            yield
        finally:
            self.ledger.step = None
            step.usage = self.ledger.total() - before
            step.seconds = time.monotonic() - started

    def _interrupted(self, error: BaseException) -> str:
        """Note how far the fit came; what there is to say of it."""
        # A callback that failed has said so itself.
        self.history.stopped = (
            self.history.stopped or f'interrupted in step {len(self.history) + 1}'
        )
        said = str(error).strip() or 'Interrupted.'
        said += '' if said[-1] in '.?!' else '.'
        return (
            f'{said} The fit was {self.history.stopped}; get_history() has the '
            f'{len(self.history)} before it.'
        )


def unconditioned(num_rows: int) -> pd.DataFrame:
    """So many rows of which nothing is settled, shape (num_rows, 0)."""
    return pd.DataFrame(index=pd.RangeIndex(num_rows))


def _hold_out(table: pd.DataFrame, rng: np.random.Generator) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Split rows at random into those to learn from and those to be judged by."""
    order = rng.permutation(len(table))
    held_out = min(max(1, round(HELD_OUT_SHARE * len(table))), len(table) - 1)
    return table.iloc[order[held_out:]], table.iloc[order[:held_out]]
