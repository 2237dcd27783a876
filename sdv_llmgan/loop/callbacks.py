"""Code of the user's that is called while a fit runs: to watch it, to log it, to stop it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Any

from sdv_llmgan.loop.history import History, Step

LOGGER = logging.getLogger(__name__)


class Callback:
    """What ``callbacks=[...]`` takes: override one method or both.

    Any object with one of these methods will do. Callbacks are saved with the synthesizer, and
    are used again by the next fit; one that keeps count starts anew when ``len(history)`` is 1.
    """

    def on_step(self, step: Step, history: History) -> bool | None:
        """Called after each step.

        Args:
            step: The newest step: its ``process``, ``score`` (in [0, 1], 0 is chance, lower is
                better; ``None`` where too few rows were valid), ``accepted``, ``rejected``,
                ``usage``, ...
            history: All steps so far, this one the last.

        Returns:
            Whether to stop the fit here. It keeps the best process so far, and
            ``get_info()['stopped']`` has the callback's name.
        """

    def on_end(self, history: History) -> None:
        """Called once when a fit has ended, stopped by a callback or not; after errors it is not.

        An error here is logged, and the fit kept.

        Args:
            history: All steps; ``history.stopped`` says why the fit ended.
        """


def check_callbacks(callbacks: object) -> None:
    """Raise ``ValueError`` where these are not callbacks."""
    if isinstance(callbacks, str) or not isinstance(callbacks, Sequence):
        raise ValueError(f'callbacks must be a list of callbacks, got {callbacks!r}.')
    for callback in callbacks:
        named = [getattr(callback, name, None) for name in ('on_step', 'on_end')]
        if isinstance(callback, type) or not any(map(callable, named)):
            raise ValueError(
                f'A callback needs a method on_step or on_end, got {callback!r}. Derive a class '
                'from sdv_llmgan.Callback and hand in an object of it.'
            )


def tell_step(callbacks: Sequence[Any], step: Step, history: History) -> bool:
    """Tell all callbacks of a step; whether one of them stops the fit.

    The history then says which. An error in a callback is raised as it is, and noted there too.
    """
    stops = []
    for callback in callbacks:
        try:
            if on_step := getattr(callback, 'on_step', None):
                stops += [_name(callback)] * bool(on_step(step, history))
        except BaseException:
            history.stop(f'interrupted by {_name(callback)}')
            raise
    if stops:
        history.stop(f'callback: {", ".join(stops)}')
    return bool(stops)


def tell_end(callbacks: Sequence[Any], history: History) -> None:
    """Tell all callbacks that the fit has ended; errors are logged: they must not undo it."""
    for callback in callbacks:
        if on_end := getattr(callback, 'on_end', None):
            try:
                on_end(history)
            except Exception:
                LOGGER.exception('on_end of %s failed; the fit is kept.', _name(callback))


def _name(callback: object) -> str:
    return type(callback).__name__
