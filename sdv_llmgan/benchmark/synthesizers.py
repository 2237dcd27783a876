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
from collections.abc import Callable, Iterator, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from functools import partial
from typing import Any, Protocol

import numpy as np
import pandas as pd
import sdv
from sdv.errors import NotFittedError

from sdv_llmgan.benchmark.ablation import ABLATION, STAGES
from sdv_llmgan.benchmark.baselines import Real, Smote
from sdv_llmgan.benchmark.tables import TrainingTable
from sdv_llmgan.synthesizer.presets import MALLM_GAN, SYNTHIA, WITHOUT_LLM

LOGGER = logging.getLogger(__name__)

LLMGAN = 'sdv_llmgan.synthesizer:LLMGANSynthesizer'
TAKES_DICT = int(sdv.__version__.split('.')[0]) >= 2
SDGYM = ('get_trained_synthesizer', 'sample_from_synthesizer')


Bill = dict[str, float | None]


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
        draws_more: Whether it can make more rows than it was trained on.
    """

    label: str
    make: Callable[[], Synthesizer]
    draws_more: bool = True


@dataclass(frozen=True)
class Made:
    """Synthetic rows and what they took.

    Attributes:
        rows: Shape (n_rows, n_columns).
        fit_seconds: Wall-clock time of the fit.
        sample_seconds: Wall-clock time of sampling.
        used: ``calls``, ``prompt_tokens``, ``completion_tokens`` and ``usd`` of the fit and of
            sampling these rows, where the synthesizer keeps count; an unknown price is ``None``.
        steps: How the fit went, one line a step; ``None`` where the synthesizer has no steps.
    """

    rows: pd.DataFrame
    fit_seconds: float
    sample_seconds: float
    used: Bill
    steps: pd.DataFrame | None = None


def make_rows(
    entry: Entry, training: TrainingTable, seed: int, bill: Bill, more: Sequence[int] = ()
) -> Iterator[Made]:
    """Fit a synthesizer and sample as many rows as it was trained on, then other numbers of rows.

    Args:
        entry: The synthesizer.
        training: All that it is given.
        seed: Of this replicate.
        bill: Is given what was used so far, whether it fails or not; see ``Made``.
        more: Numbers of rows to sample beside.

    Raises:
        ValueError: There are no rows.
        Exception: Whatever the synthesizer raises.
    """
    _seed_everything(seed)
    synthesizer = entry.make()
    own = deepcopy(training)  # to write into
    usage: Callable[[], Bill] = getattr(synthesizer, 'usage', dict)
    try:
        start = time.perf_counter()
        synthesizer.fit(own, seed)
        fit_seconds = time.perf_counter() - start
        of_fit = usage()
        for num_rows in (len(training.rows), *more):
            before, start = usage(), time.perf_counter()
            rows = synthesizer.sample(num_rows)
            seconds = time.perf_counter() - start
            if rows.empty:
                raise ValueError('No rows were sampled.')
            if len(rows) < num_rows:
                LOGGER.warning(
                    '%s: %d rows of %d were sampled; figures are theirs.',
                    *(entry.label, len(rows), num_rows),
                )
            used = {
                name: None if after is None else after - (before[name] or 0) + (of_fit[name] or 0)
                for name, after in usage().items()
            }
            steps = getattr(synthesizer, 'steps', lambda: None)()
            yield Made(rows, fit_seconds, seconds, used, steps)
    finally:
        bill.update(usage())


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

    def usage(self) -> Bill:
        """Sums of ``get_usage()``, where the synthesizer has it and got so far."""
        if not self.is_billed:
            return {}
        try:
            used = self.model.get_usage()
        except (AttributeError, NotFittedError):
            return {}
        sums = used.apply(pd.to_numeric, errors='coerce').sum(skipna=False)
        return {name: None if np.isnan(value) else float(value) for name, value in sums.items()}

    def steps(self) -> pd.DataFrame | None:
        """``get_history()``, where the synthesizer has it and a model took part."""
        told = getattr(self.model, 'get_history', None)
        return told() if told and self.is_billed else None


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


def _stage(name: str, settings: Mapping[str, Any]) -> Synthesizer:
    return _from_path(LLMGAN, {**STAGES[name], **settings})


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
    **{name: partial(_stage, name) for name in STAGES},
}
#: Names that stand for several.
GROUPS = {'ablation': ABLATION}
#: Their rows are those that they are given.
AS_MANY = ('real', 'smote')
#: They ask a language model.
ASKING = ('llmgan', 'mallm-gan', 'synthia', *STAGES)


def parse_entries(texts: Sequence[str], llm: str | None = None) -> list[Entry]:
    """Read synthesizers, each once.

    Args:
        texts: As the command line has them; one may stand for several, see ``GROUPS``.
        llm: The model of those that ask one and do not name it; ``None``: their default.

    Raises:
        ValueError: As ``parse_entry``.
    """
    single = [name for text in texts for name in GROUPS.get(text, (text,))]
    return [parse_entry(text) for text in dict.fromkeys(_with_llm(text, llm) for text in single)]


def _with_llm(text: str, llm: str | None) -> str:
    name, _, rest = text.partition(':')
    if llm is None or name not in ASKING or 'llm' in parse_settings(rest):
        return text
    if rest.startswith('{'):
        return f'{name}:{json.dumps({"llm": llm, **parse_settings(rest)})}'
    return f'{name}:llm={llm}{"," * bool(rest)}{rest}'


def parse_entry(text: str) -> Entry:
    """Read a synthesizer as the command line has it (see the module's head).

    Raises:
        ValueError: There is no such name, or it does not take the settings.
    """
    name, _, rest = text.partition(':')
    if name in NAMED:
        return _entry(text, partial(NAMED[name], parse_settings(rest)), name not in AS_MANY)
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


def _entry(text: str, make: Callable[[], Synthesizer], draws_more: bool = True) -> Entry:
    try:
        make()
    except (TypeError, ValueError) as error:
        raise ValueError(
            f'{text!r} cannot be made (sdv-llmgan benchmark --help has examples): {error}'
        ) from error
    return Entry(text, make, draws_more)


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
