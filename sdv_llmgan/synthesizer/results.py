"""What a fitted synthesizer tells: its history, process, bill, pictures and report."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pandas as pd
import plotly.graph_objects as go
from sdv.errors import NotFittedError
from sdv.single_table.base import BaseSingleTableSynthesizer
from sdv.single_table.ctgan import LossValuesMixin

from sdv_llmgan.errors import EgressError
from sdv_llmgan.loop.fitted_model import FittedModel
from sdv_llmgan.loop.history import History
from sdv_llmgan.loop.loop import LLMGAN
from sdv_llmgan.process.generation_process import GenerationProcess
from sdv_llmgan.providers.usage import Usage
from sdv_llmgan.synthesizer.arguments import Arguments
from sdv_llmgan.table.types import SDVData

if TYPE_CHECKING:
    import networkx as nx

    from sdv_llmgan.report import Report


class Results(Arguments, LossValuesMixin, BaseSingleTableSynthesizer):
    """The part of ``LLMGANSynthesizer`` that shows how a fit went."""

    _model: LLMGAN | None

    @property
    def history(self) -> History:
        """All steps of the last fit, also of one that was interrupted; see ``History``."""
        return self.get_fitted_model().history

    def get_history(self) -> pd.DataFrame:
        """One line a step of the last fit, also of one that was interrupted.

        ``score`` is in [0, 1], 0 is chance, lower is better; ``accuracy`` of the discriminator
        stands beside it (0.5 is chance). See ``History.to_frame``; ``history`` has the steps.
        """
        return self.history.to_frame()

    def get_generation_process(self) -> GenerationProcess:
        """The best generation process: what ``sample`` follows."""
        return self.get_fitted_model().process

    def set_generation_process(self, process: GenerationProcess) -> None:
        """Sample with another generation process, such as an edited one.

        Rows then come from the language model, whatever ``sampler`` says. Under an egress policy
        columns are told as the policy says, however the process describes them.

        Raises:
            EgressError: The fit was private: a model's rows would not have its guarantee.
            ValueError: Its columns are not those that the synthesizer was fitted on.
        """
        if not isinstance(process, GenerationProcess):
            raise ValueError(
                f'A GenerationProcess is needed, got {process!r}. GenerationProcess.from_json() '
                'reads a saved one.'
            )
        model = self.get_fitted_model()
        if model.is_private:
            raise EgressError(
                'It was fitted privately: rows of another process would come from a language '
                'model, without the guarantee. sample draws those that have it.'
            )
        fitted, given = set(model.process.schema.names), set(process.schema.names)
        if fitted != given:
            raise ValueError(
                f'The process must have the columns of the fitted table. Missing: '
                f'{sorted(fitted - given)}; unknown: {sorted(given - fitted)}.'
            )
        if not model.view.is_whole:
            shown = model.process.schema.reordered(process.schema.names)
            process = replace(process, schema=shown, knowledge=process.knowledge.within(shown))
        self._loop().follow(process)

    def get_causal_graph(self) -> nx.DiGraph:
        """The best process's causal graph, with all columns that the model sees as nodes."""
        return self.get_generation_process().to_networkx()

    def get_usage(self, *, by_step: bool = False) -> pd.DataFrame:
        """Calls, tokens and US dollars so far; see ``Usage``.

        Args:
            by_step: Whether there is a line for each step of the fit and role, instead of one a
                role (``generator``, ``optimizer``, ...). Sampling has the step -1.
        """
        bill = self._loop().ledger.bill
        if not by_step:
            lines = {role: asdict(used) for role, used in bill.by_role().items()}
            return pd.DataFrame.from_dict(lines, orient='index', columns=list(asdict(Usage())))
        return pd.DataFrame([
            {'step': -1 if step is None else step, 'role': role, **asdict(used)}
            for (step, role), used in bill.used.items()
        ])

    def get_info(self) -> dict[str, Any]:
        """SDV's information, and how the fit ended.

        Adds ``llm`` (the model that writes rows), ``remote`` (whether any
        role's model is not on this machine),
        ``steps``, ``stopped`` (why the fit ended), ``score`` and ``accuracy`` (of the best step),
        ``sampler`` (where rows come from), ``comparison`` (what that was decided by; see
        ``Comparison``; ``None`` where nothing was compared), ``made_without_data`` (whether there
        was no row to learn from; ``llm`` is then the model that was asked, if any), ``order`` (in
        what order the distilled sampler draws columns, and whose causal graph that is; see
        ``ColumnOrder``), ``exported`` (``min_rows`` and ``num_rows`` of the file that it was loaded
        from; see ``load_sampler``; ``None``: it was fitted), ``limits`` (that are known, and how
        far drawn rows are held to each, in (0, 1)) and ``privacy`` (what the sampler guarantees of
        each row; see ``Privacy``; ``None``: nothing). Of each column:

        - ``learned_from``: what is drawn, as shares of the weight of ``real`` rows, ``knowledge``
          and ``generated`` rows, adding up to 1. How far the model is trusted, not what that
          brought. ``None`` for samplers other than the distilled one.
        - ``gain``: what came of it, in nats a row: how much better held-out real rows are predicted
          with the model's rows than without, given the columns before; above 0 they help. ``None``
          where none were learned from.
        - ``gain_error``: roughly the standard error of that, in nats, >= 0, or ``None``. Within two
          of them no difference is shown, whatever the share: a column may be drawn from generated
          rows because they predict it as well as real ones. The target is drawn once more, given
          all other columns: its share is that of the last draw, its gain that of the first.
        """
        info: dict[str, Any] = super().get_info()
        if self._model is None:
            return info
        best = self._model.history.best()
        verdict = best.verdict if best else None
        comparison, origin = self._model.fitted.comparison, self._model.fitted.origin
        without, chosen = self._model.fitted.made_without_data, self._model.fitted.chosen
        privacy = None if chosen is None else chosen.privacy
        is_silent = without or self._model.fitted.is_private
        asked = not is_silent or bool(self._model.ledger.bill.used)
        return {
            **info,
            'llm': self._model.generator.provider.name if asked else None,
            'remote': any(provider.remote for provider in self._model.providers()),
            'steps': len(self._model.history),
            'stopped': self._model.history.stopped,
            'score': verdict.score if verdict else None,
            'accuracy': verdict.accuracy if verdict else None,
            'sampler': self._model.fitted.source,
            'comparison': asdict(comparison) if comparison and comparison.num_rows else None,
            'order': asdict(order) if (order := self._model.fitted.order) else None,
            'limits': self._model.fitted.limits,
            'learned_from': self._model.fitted.learned_from,
            'gain': self._model.fitted.gain,
            'gain_error': {name: origin.error(name) for name in origin.gain} or None,
            'made_without_data': without,
            'exported': self._model.fitted.exported,
            'privacy': None if privacy is None else asdict(privacy),
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
        real: SDVData | None,
        synthetic: SDVData,
        holdout: SDVData | None = None,
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
            real: The rows that were fitted on: a DataFrame, or ``{name: DataFrame}``; ``None``
                after ``from_knowledge``, where there are none.
            synthetic: The synthetic rows, likewise.
            holdout: Real rows that were not fitted on. Without them the report says what it
                cannot say.
            path: Where it is written, as .html or .json, over what is there; ``None``: nowhere.
            target: Column to predict; ``None``: the synthesizer's own, if it has one.
            known_columns: What an attacker knows of a person; ``None``: the columns that tell
                most about the attacked one.
            sensitive_columns: What the attacker wants to learn; ``None``: every suitable column.

        Raises:
            NotFittedError: The synthesizer has not been fitted.
            ValueError: A table is empty or lacks a column, a named column cannot be compared, or
                there is no place such as the path names.
        """
        from sdv_llmgan.report import check_path, make_report  # it brings SDMetrics and Jinja

        if real is None and not self.get_fitted_model().made_without_data:
            raise ValueError('Give the rows that were fitted on: they are what is compared with.')
        if path is not None:
            check_path(path)
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

    def _loop(self) -> LLMGAN:
        if self._model is None:
            raise NotFittedError('There is nothing to show yet. Please fit your synthesizer first.')
        model: LLMGAN = self._model
        return model

    def get_fitted_model(self) -> FittedModel:
        """What the fit has learned, as one frozen value: process, history, view, samplers.

        Raises:
            NotFittedError: There was no fit.
        """
        return self._loop().fitted
