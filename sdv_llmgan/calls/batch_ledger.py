"""Which batches are under way: what a process that starts again needs to know.

    claim (before a batch is sent) -> record its id (before waiting for it) -> forget (when read)

It holds hashes, random tokens, times and the vendor's ids; no prompt, no reply, no key.
"""

from __future__ import annotations

import hashlib
import json
import sqlite3
import time
import uuid
from collections.abc import Iterable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from sdv_llmgan.calls.folder import cache_folder
from sdv_llmgan.providers.base import Request

FILE = 'batches.sqlite'
#: Results are kept 29 days at Anthropic, 30 at OpenAI.
KEPT_SECONDS = 29 * 86_400.0
#: How long a process waits for another one that writes to the file.
LOCK_SECONDS = 60.0


@dataclass(frozen=True)
class Claim:
    """A batch that was sent, or is about to be.

    Attributes:
        key: Hash of what is asked, and of whom.
        token: Random; what the vendor knows the batch by.
        started: When it was claimed, in seconds since 1970.
        batch: The vendor's id, once there is one.
        is_new: Whether it was claimed just now.
    """

    key: str
    token: str
    started: float
    batch: str | None
    is_new: bool


class BatchLedger:
    """Claims in a file that threads and processes share.

    Args:
        folder: Where the file is; ``None``: the user's cache folder for this package.
    """

    def __init__(self, folder: str | Path | None = None) -> None:
        self.folder = folder

    def claim(self, key: str) -> Claim:
        """The claim for a key, made if there is none."""
        with self._open() as file:
            file.execute('DELETE FROM batches WHERE started < ?', [time.time() - KEPT_SECONDS])
            added = file.execute(
                'INSERT OR IGNORE INTO batches VALUES (?, ?, ?, NULL)',
                [key, uuid.uuid4().hex, time.time()],
            )
            token, started, batch = file.execute(
                'SELECT token, started, batch FROM batches WHERE key = ?', [key]
            ).fetchone()
        return Claim(key, token, started, batch, is_new=added.rowcount == 1)

    def record(self, claim: Claim, batch: str) -> None:
        """Note the vendor's id of a claimed batch."""
        with self._open() as file:
            file.execute(
                'INSERT OR REPLACE INTO batches VALUES (?, ?, ?, ?)',
                [claim.key, claim.token, claim.started, batch],
            )

    def ids(self) -> set[str]:
        """The vendors' ids of all batches under way."""
        with self._open() as file:
            rows = file.execute('SELECT batch FROM batches WHERE batch IS NOT NULL').fetchall()
        return {batch for (batch,) in rows}

    def forget(self, keys: Iterable[str]) -> None:
        """Drop claims."""
        with self._open() as file:
            file.executemany('DELETE FROM batches WHERE key = ?', [(key,) for key in keys])

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        folder = self.folder or cache_folder()
        Path(folder).mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(Path(folder) / FILE, timeout=LOCK_SECONDS)) as file, file:
            file.execute('BEGIN IMMEDIATE')
            file.execute(
                'CREATE TABLE IF NOT EXISTS batches '
                '(key TEXT PRIMARY KEY, token TEXT, started REAL, batch TEXT)'
            )
            yield file


def fingerprint(whom: Sequence[str], requests: Iterable[Request]) -> str:
    """A hash of requests and of whom they are put to.

    It leaves out what accounting alone needs, and settings that a server was found to refuse: a
    process that starts again has yet to find that out.
    """
    digest = hashlib.sha256(json.dumps(list(whom)).encode())
    for request in requests:
        digest.update(request.body().encode())
    return digest.hexdigest()
