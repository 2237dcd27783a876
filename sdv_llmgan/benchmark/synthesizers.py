"""Synthesizers by name, with settings, behind one small interface.

    'ctgan'   'llmgan:sampler=llm,epochs=2'   'llmgan:{"llm": "openai/gpt-4o-mini"}'
    'package.module:Class:epochs=2'   'package.module'

A class is SDV's kind (``Class(metadata, **settings)``, ``fit``, ``sample``) or SDGym's (methods
``get_trained_synthesizer`` and ``sample_from_synthesizer``); a module has SDGym's two functions.
"""

from __future__ import annotations

import importlib
import inspect
import json
import logging
import random
import re
import time
import warnings
from collections.abc import Callable, Mapping
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import numpy as np
import pandas as pd
import sdv
from sdv.errors import NotFittedError

from sdv_llmgan.benchmark.baselines import Real, Smote
from sdv_llmgan.benchmark.tables import TrainingTable
from sdv_llmgan.synthesizer.presets import MALLM_GAN, SYNTHIA

LOGGER = logging.getLogger(__name__)

LLMGAN = 'sdv_llmgan.synthesizer:LLMGANSynthesizer'
#: The local sampler alone: one batch of random rows, which are told from real ones and left out.
WITHOUT_LLM = {'llm': 'scripted', 'sampler': 'distilled', 'max_batches': 1}
TAKES_DICT = int(sdv.__version__.split('.')[0]) >= 2
SDGYM = ('get_trained_synthesizer', 'sample_from_synthesizer')


class Synthesizer(Protocol):
    """What the benchmark asks of a synthesizer. It is given training rows and nothing else."""

    def fit(self, training: TrainingTable, seed: int) -> None:
        """Learn from the training rows."""

    def sample(self, num_rows: int) -> pd.DataFrame:
        """Make rows, shape (num_rows, n_columns)."""


@dataclass(frozen=True)
class Entry:
    """A synthesizer of a run.

    Attributes:
        label: What results are stored and shown under: the name with its settings.
        make: Makes a fresh one.
    """

    label: str
    make: Callable[[], Synthesizer]


@dataclass(frozen=True)
class Made:
    """Synthetic rows and what they took.

    Attributes:
        rows: Shape (n_rows, n_columns).
        fit_seconds: Wall-clock time of the fit.
        sample_seconds: Wall-clock time of sampling.
    """

    rows: pd.DataFrame
    fit_seconds: float
    sample_seconds: float


def make_rows(
    entry: Entry, training: TrainingTable, seed: int, bill: dict[str, float | None]
) -> Made:
    """Fit a synthesizer and sample as many rows as it was trained on.

    Args:
        entry: The synthesizer.
        training: All that it is given.
        seed: Of this replicate.
        bill: Is given ``calls``, ``prompt_tokens``, ``completion_tokens`` and ``usd`` where the
            synthesizer keeps count, whether it fails or not; an unknown price is ``None``.

    Raises:
        ValueError: There are no rows.
        Exception: Whatever the synthesizer raises.
    """
    _seed_everything(seed)
    synthesizer = entry.make()
    own = deepcopy(training)  # to write into
    try:
        start = time.perf_counter()
        synthesizer.fit(own, seed)
        fitted = time.perf_counter()
        rows = synthesizer.sample(len(training.rows))
        sampled = time.perf_counter()
    finally:
        bill.update(getattr(synthesizer, 'usage', dict)())
    if rows.empty:
        raise ValueError('No rows were sampled.')
    if len(rows) < len(training.rows):
        LOGGER.warning(
            '%s: %d rows of %d were sampled; figures are theirs.',
            *(entry.label, len(rows), len(training.rows)),
        )
    return Made(rows, fitted - start, sampled - fitted)


class SDVSynthesizer:
    """A synthesizer of SDV's kind, on SDV 1.38 and 2.x.

    ``target``, ``context``, ``seed`` and ``cache=False`` are passed on to a class that takes them.

    Args:
        synthesizer_class: The class.
        settings: For its constructor.
        is_billed: Whether it calls a language model that is to be counted.

    Raises:
        ValueError: The class does not take a setting.
    """

    def __init__(
        self,
        synthesizer_class: Callable[..., Any],
        settings: Mapping[str, Any],
        *,
        is_billed: bool = True,
    ) -> None:
        self.synthesizer_class = synthesizer_class
        self.settings = settings
        self.is_billed = is_billed
        self.taken = inspect.signature(synthesizer_class).parameters
        takes_any = any(p.kind is p.VAR_KEYWORD for p in self.taken.values())
        if not takes_any and (unknown := sorted(settings.keys() - self.taken.keys())):
            raise ValueError(
                f'{synthesizer_class.__name__} takes no {", ".join(unknown)}. It takes: '
                f'{", ".join(list(self.taken)[1:])}.'
            )

    def fit(self, training: TrainingTable, seed: int) -> None:
        """Make one with the settings and fit it."""
        offered = {'target': training.target, 'context': training.context, 'seed': seed}
        offered['cache'] = False  # the seconds and the bill are those of a first run
        given = {name: value for name, value in offered.items() if name in self.taken}
        self.model = self.synthesizer_class(training.sdv_metadata(), **{**given, **self.settings})
        with warnings.catch_warnings():
            warnings.filterwarnings('ignore', 'We strongly recommend saving the metadata')
            self.model.fit({training.name: training.rows} if TAKES_DICT else training.rows)
        if hasattr(self.model, '_set_random_state'):
            # SDV samples with one seed of its own, whatever the fit: replicates would be equal.
            self.model._set_random_state(seed)

    def sample(self, num_rows: int) -> pd.DataFrame:
        """Sample."""
        sampled = self.model.sample(num_rows)
        return next(iter(sampled.values())) if isinstance(sampled, dict) else sampled

    def usage(self) -> dict[str, float | None]:
        """Sums of ``get_usage()``, where the synthesizer has it and got so far."""
        if not self.is_billed:
            return {}
        try:
            used = self.model.get_usage()
        except (AttributeError, NotFittedError):
            return {}
        sums = used.apply(pd.to_numeric, errors='coerce').sum(skipna=False)
        return {name: None if np.isnan(value) else float(value) for name, value in sums.items()}


class SDGymSynthesizer:
    """A pair of functions ``(train(rows, metadata) -> model, sample(model, num_rows) -> rows)``.

    As SDGym does, it hands over the metadata as a ``dict``.
    """

    def __init__(self, train: Callable[[Any, Any], Any], sample: Callable[[Any, int], Any]) -> None:
        self._train, self._sample = train, sample

    def fit(self, training: TrainingTable, seed: int) -> None:
        """Call the first function."""
        self.model = self._train(training.rows, training.sdv_metadata().to_dict())

    def sample(self, num_rows: int) -> pd.DataFrame:
        """Call the second function."""
        return self._sample(self.model, num_rows)


NAMED: dict[str, Callable[[Mapping[str, Any]], Synthesizer]] = {
    'real': lambda settings: Real(**settings),
    'smote': lambda settings: Smote(**settings),
    'gaussian-copula': lambda settings: _from_path(
        'sdv.single_table:GaussianCopulaSynthesizer', settings
    ),
    'ctgan': lambda settings: _from_path('sdv.single_table:CTGANSynthesizer', settings),
    'tvae': lambda settings: _from_path('sdv.single_table:TVAESynthesizer', settings),
    'llmgan': lambda settings: _from_path(LLMGAN, settings),
    'distilled': lambda settings: SDVSynthesizer(
        _import(LLMGAN),
        {**WITHOUT_LLM, **settings},
        is_billed=any(name.endswith('llm') for name in settings),
    ),
    'mallm-gan': lambda settings: _from_path(LLMGAN, {**MALLM_GAN, **settings}),
    'synthia': lambda settings: _from_path(LLMGAN, {**SYNTHIA, **settings}),
}


def parse_entry(text: str) -> Entry:
    """Read a synthesizer as the command line has it (see the module's head).

    Raises:
        ValueError: There is no such name, or it does not take the settings.
    """
    name, _, rest = text.partition(':')
    if name in NAMED:
        return _entry(text, partial(NAMED[name], parse_settings(rest)))
    attribute, _, settings = rest.partition(':')
    path = f'{name}:{attribute}' if attribute else name
    try:
        _import(path)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(
            f'Unknown synthesizer {path!r} ({error}). There are: {", ".join(NAMED)}; or '
            'package.module:Class, or package.module.'
        ) from error
    return _entry(text, partial(_from_path, path, parse_settings(settings)))


def parse_settings(text: str) -> dict[str, Any]:
    """Settings from ``a=1,b=text`` or a JSON object; values are JSON where they can be.

    Raises:
        ValueError: A setting has no ``=``, or the JSON is none.
    """
    if text.startswith('{'):
        try:
            return dict(json.loads(text))
        except json.JSONDecodeError as error:
            raise ValueError(
                f'Settings need to be name=value or a JSON object, got {text!r}: {error}.'
            ) from error
    settings = {}
    # A comma that no name= follows belongs to the value before it: edges=[1,2].
    for part in re.split(r',(?=\w+=)', text) if text else ():
        name, equals, value = part.partition('=')
        if not equals:
            raise ValueError(f'A setting is name=value, got {part!r} in {text!r}.')
        try:
            settings[name] = json.loads(value)
        except json.JSONDecodeError:
            settings[name] = {'None': None, 'True': True, 'False': False}.get(value, value)
    return settings


def _entry(text: str, make: Callable[[], Synthesizer]) -> Entry:
    try:
        make()
    except (TypeError, ValueError) as error:
        raise ValueError(
            f'{text!r} cannot be made (sdv-llmgan benchmark --help has examples): {error}'
        ) from error
    return Entry(text, make)


def _from_path(path: str, settings: Mapping[str, Any]) -> Synthesizer:
    found = _import(path)
    if not all(hasattr(found, name) for name in SDGYM):
        return SDVSynthesizer(found, settings)
    pair = found(**settings) if inspect.isclass(found) else found
    return SDGymSynthesizer(*(getattr(pair, name) for name in SDGYM))


def _import(path: str) -> Any:  # noqa: ANN401 - a class or a module
    module, _, attribute = path.partition(':')
    found = importlib.import_module(module)
    return getattr(found, attribute) if attribute else found


def _seed_everything(seed: int) -> None:
    random.seed(seed)
    np.random.seed(seed)
    try:
        import torch
    except ImportError:
        return
    torch.manual_seed(seed)
