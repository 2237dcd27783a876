"""Settings that a server may not know.

Each refusal of a setting is noticed once, logged, and remembered.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from typing import Any

from sdv_llmgan.providers.forks import Lock

LOGGER = logging.getLogger(__name__)
_LOCK = Lock()


class OptionalSettings:
    """Which optional settings a server takes.

    Args:
        words: For each setting, the words by which an error message names it.
    """

    def __init__(self, words: Mapping[str, Sequence[str]]) -> None:
        self.words = dict(words)
        self.refused: set[str] = set()

    def wanted(self, **settings: object) -> dict[str, Any]:
        """The settings that have a value and have not been refused."""
        return {
            name: value
            for name, value in settings.items()
            if value is not None and name not in self.refused
        }

    def drop_refused(
        self, sent: Mapping[str, Any], message: str, provider: str, named: str | None = None
    ) -> bool:
        """Learn from an error whether a setting was refused.

        Args:
            sent: The settings of the call that failed.
            message: What the server said.
            provider: Whom to name in the log.
            named: The setting that the server names outright; then the message is not searched.

        Returns:
            True where a call without the refused settings may go through.
        """
        message = message.lower()
        suspects = {
            name
            for name, words in self.words.items()
            if name in sent
            and (name == named if named in self.words else any(word in message for word in words))
        }
        with _LOCK.held:
            new = suspects - self.refused
            self.refused |= suspects
        for name in sorted(new):
            LOGGER.warning(
                '%s refuses the setting %s; it is left out from now on (%s).',
                provider,
                name,
                message[:200],
            )
        return bool(suspects)
