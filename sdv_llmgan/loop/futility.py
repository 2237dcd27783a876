"""Whether more rows of a model would add anything to what is drawn after the fit.

rows so far + real rows -> distilled by quick models -> trust in the model's rows, in real ones

A model that knows the subject has the trust of held-out real rows after one batch; one that makes
its rows up does not, whatever a discriminator says of single rows (docs/log.md, Futility).
"""

from __future__ import annotations

from dataclasses import replace

from sdv_llmgan.loop.choose_sampler import learned_by, training_set
from sdv_llmgan.loop.fitted_model import FittedModel
from sdv_llmgan.loop.settings import LoopSettings
from sdv_llmgan.process.generation_process import GenerationProcess
from sdv_llmgan.samplers.distillation import Distillation


def why_futile(
    fitted: FittedModel,
    process: GenerationProcess,
    settings: LoopSettings,
    *,
    enforce_range: bool,
) -> str:
    """Why more rows would add nothing; empty where they may, or where rows are the model's own.

    Args:
        fitted: Has the rows that the model wrote so far.
        process: The newest one: what is known, and the order of columns.
        settings: Say which sampler is wanted, and whether futility is looked at.
        enforce_range: Whether numbers stay within the training table's range.
    """
    steps = len(fitted.history)
    is_local = settings.sampler in ('auto', 'distilled') and not fitted.view.whole.texts
    # One look after 1, 2, 4, ... batches: each takes seconds.
    if not settings.futility or not is_local or steps & (steps - 1):
        return ''
    training = training_set(fitted.view, settings, enforce_range=enforce_range)
    trust = Distillation(training, learned_by(replace(fitted, process=process))).trust()
    if trust is None or not trust.is_futile:
        return ''
    return (
        'more rows of this model would add nothing: those that it wrote do not help to predict '
        'real rows that it was not shown'
    )
