"""Files that hold rows, replies or requests are their owner's alone."""

from __future__ import annotations

import os
from contextlib import suppress


def make_private(path: str | os.PathLike[str]) -> None:
    """Have a file that only its owner reads, before anything is written into it.

    One that is there keeps what it holds. Where files have no such rights, nothing changes.
    """
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600))
    if os.path.isfile(path):  # no device, such as /dev/null
        with suppress(PermissionError):  # somebody else's, who lets others write
            os.chmod(path, 0o600)
