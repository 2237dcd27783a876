"""The audit log: what was sent to which model, one JSON object a line, only ever appended to.

    {"time": ..., "event": "sent", "call": 1, "provider": ..., "columns": [...], "sha256": ...}
    {"time": ..., "event": "answered", "call": 1, "prompt_tokens": 812, ...}

A request is noted before it leaves, so that a crash hides nothing.
"""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timezone

from sdv_llmgan.errors import ProviderError
from sdv_llmgan.formats.private_files import open_private
from sdv_llmgan.formats.saved_json import Json
from sdv_llmgan.providers.base import Completion, Provider, Request
from sdv_llmgan.table.column import dump

LOGGER = logging.getLogger(__name__)


@dataclass(frozen=True)
class AuditLog:
    """Writes a line before a request is sent, and one after.

    Of the requests it holds who was asked, for what, which columns and how many real rows stood
    in them, and their SHA-256; their text only if ``bodies`` says so.

    Attributes:
        path: The file; made when the first line is written, readable by its owner only.
        bodies: Whether the text of requests and replies is written too.
    """

    path: str | os.PathLike[str]
    bodies: bool = False

    def check(self) -> None:
        """Raise ``ProviderError`` where the file cannot be appended to, before anything is sent."""
        try:
            self._append('')
        except OSError as error:
            raise ProviderError(
                f'The audit log {self.path} cannot be written ({error}); nothing was sent. Name '
                'another file, or leave audit_log out.'
            ) from error

    @contextmanager
    def sending(self, provider: Provider, request: Request) -> Iterator[list[Completion]]:
        """Log a call: put its completion into the list that is handed out.

        Raises:
            ProviderError: The log cannot be written; this request was not sent then.
        """
        call = uuid.uuid4().hex[:12]
        body = request.body()
        self._sent(
            event='sent',
            call=call,
            provider=provider.name,
            model=provider.model,
            remote=provider.remote,
            role=request.role,
            columns=list(request.columns),
            real_rows=request.real_rows,
            sha256=hashlib.sha256(body.encode()).hexdigest(),
            **({'body': body} if self.bodies else {}),
        )
        completions: list[Completion] = []
        try:
            yield completions
        except BaseException as error:
            self._after(event='failed', call=call, error=type(error).__name__)
            raise
        for completion in completions:
            self._after(
                event='answered',
                call=call,
                prompt_tokens=completion.usage.prompt_tokens,
                completion_tokens=completion.usage.completion_tokens,
                **({'reply': completion.text} if self.bodies else {}),
            )

    def _sent(self, **entries: Json) -> None:
        try:
            self._line(**entries)
        except OSError as error:
            raise ProviderError(
                f'The audit log {self.path} cannot be written any more ({error}), so this request '
                'was not sent. What was answered before is counted and in the cache. Make room, '
                'or name another file.'
            ) from error

    def _after(self, **entries: Json) -> None:
        """Note how a call ended; its reply is paid for, and worth more than the line."""
        try:
            self._line(**entries)
        except OSError as error:
            LOGGER.warning(
                'The audit log %s lacks how the call %s ended (%s: %s). Make room on the disk.',
                self.path,
                entries['call'],
                entries['event'],
                error,
            )

    def _line(self, **entries: Json) -> None:
        self._append(dump({'time': datetime.now(timezone.utc).isoformat(), **entries}) + '\n')

    def _append(self, line: str) -> None:
        # One write in append mode: lines of several threads and processes do not mix.
        file = open_private(self.path, os.O_WRONLY | os.O_APPEND)
        try:
            written = os.write(file, line.encode())
        finally:
            os.close(file)
        if written < len(line.encode()):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
