"""Files that hold rows, replies or requests are their owner's alone."""

from __future__ import annotations

import os
from contextlib import suppress


def open_private(path: str | os.PathLike[str], flags: int) -> int:
    """A descriptor of a file, which is made for its owner only where there is none.

    Args:
        path: The file.
        flags: Of ``os.open``, such as ``os.O_WRONLY``.
    """
    return os.open(path, flags | os.O_CREAT, 0o600)


def make_private(path: str | os.PathLike[str]) -> None:
    """Have a file that only its owner reads, before anything is written into it.

    One that is there keeps what it holds. Where files have no such rights, nothing changes.
    """
    os.close(open_private(path, os.O_WRONLY))
    if os.path.isfile(path):  # no device, such as /dev/null
        with suppress(PermissionError):  # somebody else's, who lets others write
            os.chmod(path, 0o600)
