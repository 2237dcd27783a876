"""Which samplers are private, and arguments that do not go with one, refused before any call."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sdv_llmgan.egress.policy import EgressPolicy
from sdv_llmgan.errors import EgressError
from sdv_llmgan.registry import find_discriminator, find_sampler
from sdv_llmgan.samplers.base import Sampler


def is_private(sampler: str | Sampler) -> bool:
    """Whether a sampler has everything else stay away from the rows; see ``Sampler``."""
    return sampler != 'auto' and find_sampler(sampler).is_private


def check_private(arguments: Mapping[str, Any]) -> None:
    """Refuse arguments that would show rows to others than a private sampler.

    Raises:
        EgressError: There is one.
    """
    if not is_private(arguments['sampler']):
        return
    egress = arguments['egress']
    shown = {
        'optimizer_examples': bool(arguments['optimizer_examples']),
        'examples_per_call': arguments['examples_per_call'] is not None,
        "metadata_detail='full'": arguments['metadata_detail'] == 'full',
        'generation_process': arguments['generation_process'] is not None,
        'egress': isinstance(egress, EgressPolicy) and egress.rows,
        'discriminator': find_discriminator(arguments['discriminator']).asks_model,
    }
    if found := [name for name, is_shown in shown.items() if is_shown]:
        raise EgressError(
            f'sampler={arguments["sampler"]!r} guarantees privacy, and {", ".join(found)} would '
            'show rows, or what was learned from them, to others than that sampler. Leave out; '
            'an egress policy needs rows=False.'
        )
