"""Options whose values are JSON files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from sdv_llmgan.registry import make_sampler
from sdv_llmgan.samplers.base import Sampler
from sdv_llmgan_cli.speech import Misused


def read_json(option: str, needed: str, path: Path) -> Any:  # noqa: ANN401 - JSON
    """What a file holds.

    Args:
        option: Whose value it is.
        needed: What it must be, in words.
        path: The file.

    Raises:
        Misused: There is no such file.
        ValueError: It is not JSON.
    """
    if not path.is_file():
        raise Misused(f'--{option} must be {needed}; there is no {path}.')
    try:
        return json.loads(path.read_text(encoding='utf-8'))
    except ValueError as error:
        raise ValueError(f'{path} is not JSON: {error}') from error


def sampler_of(name: str | None, path: Path) -> Sampler:
    """A sampler with settings of its own.

    Raises:
        Misused: No sampler is named, there is no such file, or it holds no settings.
        PluginError: There is no such sampler, or it does not take these settings.
        ValueError: The file is not JSON, or a setting is out of range.
    """
    settings = read_json('sampler-settings', 'a JSON file of settings', path)
    if name is None or not isinstance(settings, dict):
        raise Misused(
            f'--sampler-settings needs --sampler NAME, and {path} an object of settings by name, '
            'such as {"epsilon": 3}.'
        )
    return make_sampler(name, settings)
