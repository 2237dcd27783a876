"""What a report says of rows that a private sampler drew."""

from __future__ import annotations

from sdv_llmgan.samplers.base import Privacy


def private_words(sampler: str, privacy: Privacy) -> str:
    """Where such rows come from, and what is guaranteed of the training rows."""
    return (
        f'The rows were drawn by the sampler {sampler}, the only part that has seen the training '
        f'rows. {privacy} Everything below was learned from rows that it drew. The figures of this '
        'report that compare with real rows are of those rows themselves, and are not private: '
        'hand over the synthetic rows, not the report.'
    )
