"""The adversarial loop: generate, judge, rewrite.

    table -> process -> prompt -> provider -> reply -> rows -> verdict -> history
                ^                                                            |
                +------------------------ optimizer -------------------------+

Ling et al., MALLM-GAN, 2024. https://arxiv.org/abs/2406.10521
"""

from __future__ import annotations

import logging
import time
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any, Literal

import numpy as np
import pandas as pd

from sdv_llmgan.calls.budget import Ledger
from sdv_llmgan.calls.progress import say
from sdv_llmgan.discriminators.base import Discriminator
from sdv_llmgan.egress.table_view import View
from sdv_llmgan.errors import BudgetError, LLMGANError
from sdv_llmgan.loop.callbacks import tell_end, tell_step
from sdv_llmgan.loop.choose_sampler import with_sampler
from sdv_llmgan.loop.fitted_model import FittedModel
from sdv_llmgan.loop.futility import why_futile
from sdv_llmgan.loop.history import History, Step
from sdv_llmgan.loop.progress import fit_bar, summary
from sdv_llmgan.loop.race import Race
from sdv_llmgan.loop.rewriting import Rewriting
from sdv_llmgan.loop.settings import LoopSettings
from sdv_llmgan.process.generation_process import GenerationProcess
from sdv_llmgan.process.knowledge import NOTHING_KNOWN
from sdv_llmgan.providers.base import Provider
from sdv_llmgan.roles.examples import FEW, MEASURED, Bound, Examples, shown_with
from sdv_llmgan.roles.expert import Expert
from sdv_llmgan.roles.generator import Generator
from sdv_llmgan.roles.optimizer import RULES, Optimizer
from sdv_llmgan.roles.row_writer import Writer
from sdv_llmgan.rules.constraints import Combinations
from sdv_llmgan.samplers.distillation import remembering
from sdv_llmgan.table.copies import CopyCheck
from sdv_llmgan.table.missing import MissingPatterns
from sdv_llmgan.table.strata import find_strata
from sdv_llmgan.table.wanted import Wanted

LOGGER = logging.getLogger(__name__)

#: Real and synthetic rows that a batch needs, each: one to learn from, one to be judged by.
MIN_ROWS_JUDGED = 2
HELD_OUT_SHARE = 0.4


class LLMGAN:
    """Learns a generation process for a table, then samples with it.

    Args:
        generator: Writes rows.
        discriminator: Judges them.
        optimizer: Has a model rewrite the process; ``'rules'``: it is rewritten by rule, without
            a model; ``None``: it stays as it is.
        settings: How long the loop runs and on what.
        view: What models see of the training table.
        process: The process to begin with.
        ledger: Where the models' calls are counted.
        sampling: Writes rows after the fit; ``None``: ``generator`` does.
        expert: Tells the process what is known of the subject, before any row is shown.

    Attributes:
        writer: Has rows written in the loop.
        fitted: What was learned so far; readable after an interrupted fit too.
    """

    def __init__(
        self,
        generator: Generator,
        discriminator: Discriminator,
        optimizer: Optimizer | Literal['rules'] | None,
        settings: LoopSettings,
        view: View,
        process: GenerationProcess,
        ledger: Ledger | None = None,
        sampling: Generator | None = None,
        expert: Expert | None = None,
    ) -> None:
        self.generator = generator
        self.discriminator = discriminator
        self.optimizer = optimizer
        self.settings = settings
        self.expert = expert or Expert()
        self.ledger = ledger or Ledger()
        self.writer = _writer(generator, view, process, settings)
        self.fitted = FittedModel(
            process,
            History(),
            view,
            replace(self.writer, generator=sampling or generator),
            settings.max_top_ups,
            first_graph=process.causal_graph,
            known=self.expert.given or NOTHING_KNOWN,
            progress_of=self.ledger if settings.verbose else None,
        )
        self.race: Race | None = None
        self.rewriting: Rewriting | None = None
        self.is_futile = False
        self.set_random_state(settings.seed)

    @property
    def history(self) -> History:
        """What happened so far."""
        return self.fitted.history

    def fit(self, callbacks: Sequence[Any] = ()) -> None:
        """Run the loop, and keep the best process.

        Args:
            callbacks: Told of every step and of the end; see ``callbacks``.

        Raises:
            LLMGANError: A model could not be reached. The history says how far the fit came.
        """
        training, schema = self.writer.examples.training, self.fitted.process.schema
        seed, is_race = self.settings.seed, self.settings.search == 'race'
        self.discriminator.start(training, schema, seed)
        self.race = Race(self.discriminator, training, schema, seed) if is_race else None
        if self.optimizer is not None:
            asked = None if self.optimizer == RULES else self.optimizer
            by_rule = is_race or asked is None
            capped = self.fitted.view.pool is not None
            self.rewriting = Rewriting(
                asked, training, schema, seed, by_rule=by_rule, capped=capped
            )
        self.go_on(callbacks)

    @remembering()
    def go_on(self, callbacks: Sequence[Any] = ()) -> None:
        """Run the loop on the rows of the fit, from the process that is set, and keep the best.

        Steps that there are stay, and are judged again with each new one. ``epochs``,
        ``max_batches`` and ``patience`` begin anew. Arguments and errors are those of ``fit``.
        """
        process, begun = self.fitted.process, len(self.history)
        num_rows = len(self.writer.examples.training)
        rng = np.random.default_rng([self.settings.seed, begun] if begun else self.settings.seed)
        self.history.stop('')
        self.is_futile = False
        started = time.monotonic()
        try:
            for epoch, batch, rows in self._batches(num_rows, rng):
                step = Step(epoch, batch, process)
                with self._accounted(step):
                    if not len(self.history):
                        step.rewrite(*self.expert.inform(process, self.settings.seed))
                        process = step.process
                    # Rewriting here, not at the end, pays for no process that nobody judges.
                    if self.history.has_judged(process):
                        step.rewrite(*self._next(process, begun, rng))
                    self._try_process(step, rows, rng)
                    self._judge(step)
                if tell_step(callbacks, step, self.history) or self._is_done(step, begun):
                    break
        except BudgetError as error:
            self.history.stop('budget')
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
        self.fitted = with_sampler(
            self.fitted,
            self.settings,
            enforce_range=self.generator.enforce_range,
            is_futile=self.is_futile,
        )
        seconds, learned_from = time.monotonic() - started, self.fitted.learned_from
        ended = summary(self.history, self.fitted.source, seconds, learned_from)
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

    def follow(self, process: GenerationProcess) -> None:
        """Have the language model write rows as a process says; see ``FittedModel.following``."""
        self.fitted = self.fitted.following(process)

    def take(self, fitted: FittedModel) -> None:
        """Sample by what was learned without this loop."""
        self.fitted = fitted

    def _try_process(self, step: Step, rows: np.ndarray, rng: np.random.Generator) -> None:
        """Generate a batch, and teach the discriminator with the part that is not held out."""
        pieces = self.writer.examples.pieces(rows, rng)
        parsed = self.writer.write(step.process, Wanted.unconditioned(len(rows)), pieces, rng)
        step.count_rows(len(parsed.rows), parsed.rejected)
        real, synthetic = self.writer.examples.training.iloc[rows], parsed.rows
        if min(len(real), len(synthetic)) < MIN_ROWS_JUDGED:
            step.add_note(f'{len(real)} real and {step.accepted} valid rows are too few to judge')
            return
        shown = shown_with(pieces, synthetic.index.to_numpy())
        if self.race is not None or not self.discriminator.learns:
            step.keep_rows(synthetic, shown, real, synthetic)
            return
        learn_real, real = _hold_out(real, rng)
        learn_synthetic, held_out = _hold_out(synthetic, rng)
        step.keep_rows(synthetic, shown, real, held_out)
        self.discriminator.update(learn_real, learn_synthetic)

    def _judge(self, step: Step) -> None:
        """Add a step to the history, judged with those before it."""
        if self.race is None:
            self.history.add(step, self.discriminator)
        else:
            self.race.add(self.history, step)

    def sample(self, wanted: Wanted) -> pd.DataFrame:
        """Draw new rows, plain; see ``Rounds.sample``.

        Args:
            wanted: The rows; ``Wanted.unconditioned(num_rows)`` where nothing is settled of them.

        Raises:
            SamplingError: None could be had.
            ProviderError: A model could not be reached.
            ValueError: A condition contradicts a rule.
        """
        before = self._rng.bit_generator.state
        try:
            return self.fitted.sampler.sample(wanted, self._rng)
        except BaseException as error:
            # The same call again asks the same: what was answered is in the cache.
            self._rng.bit_generator.state = before
            if isinstance(error, LLMGANError):
                LOGGER.warning('%s', error)  # SDV puts words of its own in place of an error's
            raise

    def set_random_state(self, seed: int | np.random.SeedSequence) -> None:
        """Start the randomness of ``sample`` anew (SDV calls this)."""
        self._rng = np.random.default_rng(seed)

    @property
    def loss_values(self) -> pd.DataFrame:
        """See ``History.loss_values`` (SDV reads it here)."""
        return self.history.loss_values()

    def providers(self) -> list[Provider]:
        """The models that any role asks, each once."""
        named = [self.generator.provider, self.discriminator.provider]
        named += [self.optimizer.provider] if isinstance(self.optimizer, Optimizer) else []
        named += [self.expert.provider]
        return list({id(provider): provider for provider in named if provider}.values())

    def _batches(
        self, num_rows: int, rng: np.random.Generator
    ) -> Iterator[tuple[int, int, np.ndarray]]:
        """Epoch, counted on from earlier fits, batch, and the row numbers in it."""
        settings, total = self.settings, self.settings.planned_steps(num_rows)
        first = self.history.steps[-1].epoch + 1 if self.history.steps else 0
        with fit_bar(
            total, settings.epochs, self.ledger, self.history, enabled=settings.verbose
        ) as show:
            for epoch, batch, rows in settings.batches(num_rows, rng):
                show(epoch)
                try:
                    yield first + epoch, batch, rows
                finally:  # reached too where the loop ends with this batch
                    show(epoch)
        self.history.stop(settings.last_reason(num_rows))

    def _is_done(self, step: Step, begun: int) -> bool:
        """Whether the fit may stop before its last batch; the history then says why."""
        if step.verdict is not None and step.verdict.is_real:
            self.history.stop('verdict: real')
        elif (
            min(self.history.steps_since_best(), len(self.history) - begun)
            >= self.settings.patience
        ):
            self.history.stop(f'no better process in {self.settings.patience} steps')
        elif self._steps_left(begun) and (
            why := why_futile(
                self.fitted,
                step.process,
                self.settings,
                enforce_range=self.generator.enforce_range,
            )
        ):
            self.is_futile = True
            self.history.stop(why)
        else:
            return False
        return True

    def _next(
        self, process: GenerationProcess, begun: int, rng: np.random.Generator
    ) -> tuple[GenerationProcess, str]:
        """The process to try now, and a note; the optimizer may see real rows, SYNTHIA's X_sub."""
        if self.rewriting is None:
            return process, ''
        again = self.race.turn(self._steps_left(begun)) if self.race else None
        if again is not None:
            return again, 'tried again'
        examples = []
        if self.settings.optimizer_examples:
            rows = self.writer.examples.sample(self.settings.optimizer_examples, rng)
            examples = process.schema.filled().to_json_rows(rows)
        written, note = self.rewriting.next(self.history, rng, examples)
        if self.race and self.history.has_judged(written):
            return self.race.again() or written, 'tried again'
        return written, note

    def _steps_left(self, begun: int) -> int:
        """How many batches a fit that began after so many steps may still try."""
        planned = self.settings.planned_steps(len(self.writer.examples.training))
        return planned - (len(self.history) - begun)

    @contextmanager
    def _accounted(self, step: Step) -> Iterator[None]:
        """Note on a step what is used in the meantime."""
        started, before = time.monotonic(), self.ledger.bill.total()
        try:
            with self.ledger.bill.counted_for(len(self.history)):
                yield
        finally:
            step.count_usage(self.ledger.bill.total() - before, time.monotonic() - started)

    def _interrupted(self, error: BaseException) -> str:
        """Note how far the fit came; what there is to say of it."""
        # A callback that failed has said so itself.
        if not self.history.stopped:
            self.history.stop(f'interrupted in step {len(self.history) + 1}')
        said = str(error).strip() or 'Interrupted.'
        said += '' if said[-1] in '.?!' else '.'
        return (
            f'{said} The fit was {self.history.stopped}; get_history() has the '
            f'{len(self.history)} before it.'
        )


def _writer(
    generator: Generator, view: View, process: GenerationProcess, settings: LoopSettings
) -> Writer:
    training, schema = view.told, process.schema
    strata = bound = None
    fills_prompts = settings.examples_per_call is None
    if settings.example_selection == 'stratified' or (fills_prompts and settings.target):
        strata = find_strata(training, schema, settings.target, settings.seed)
    if fills_prompts:
        measured = training.head(MEASURED)
        bound = Bound.of(process.written_schema().write_rows(measured, generator.row_format))
    return Writer(
        generator,
        Examples(
            training,
            settings.examples_per_call or FEW,
            strata,
            view.pool,
            settings.rows_per_example,
            bound,
        ),
        MissingPatterns(training, schema),
        view.told_rules,
        CopyCheck(training, schema) if settings.reject_copies else None,
        [Combinations(training, schema, [column.name]) for column in schema if column.is_unlisted],
    )


def _hold_out(table: pd.DataFrame, rng: np.random.Generator) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Split rows at random into those to learn from and those to be judged by."""
    order = rng.permutation(len(table))
    held_out = min(max(1, round(HELD_OUT_SHARE * len(table))), len(table) - 1)
    return table.iloc[order[held_out:]], table.iloc[order[:held_out]]
