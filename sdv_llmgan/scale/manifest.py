"""What a folder of drawn rows says of itself: which fit, seed, rows, types and versions."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from importlib.metadata import version
from pathlib import Path

#: What decides which bytes are written, as far as versions do.
PACKAGES = ('sdv-llmgan', 'sdv', 'rdt', 'numpy', 'pandas', 'pyarrow')
FORMAT = 1
#: Digits of a fingerprint that are shown, and what stands for nothing.
SHOWN, NONE = 8, 'none'


@dataclass(frozen=True)
class Manifest:
    """Which rows a folder holds; the same manifest means the same bytes.

    Attributes:
        fit: Fingerprint of the fitted synthesizer, hexadecimal.
        seed: Of the draw, >= 0.
        num_rows: In all files together.
        rows_per_file: In each but the last.
        known: Fingerprint of the known columns; ``None``: none are known.
        types: Arrow's type of each column.
        versions: Of packages.
        finished: Whether all files are there.
        format: Of the folder.
    """

    fit: str
    seed: int
    num_rows: int
    rows_per_file: int
    known: str | None
    types: Mapping[str, str]
    versions: Mapping[str, str]
    finished: bool = False
    format: int = FORMAT

    def to_json(self) -> str:
        """As text that ``from_json`` reads."""
        return json.dumps(asdict(self), ensure_ascii=False, indent=2)

    @classmethod
    def read(cls, path: Path) -> Manifest:
        """That of a file.

        Raises:
            ValueError: The file holds something else.
        """
        try:
            told = json.loads(path.read_text(encoding='utf-8'))
            return cls(**{field.name: told[field.name] for field in fields(cls)})
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(
                f'{path} is not a manifest that sample_to wrote: name another folder.'
            ) from error

    def differences(self, other: Manifest) -> list[str]:
        """What is not the same, in words; whether all files are there does not matter."""
        own, others = _told(self), _told(other)
        names = [name for name in own | others if own.get(name) != others.get(name)]
        return [f'{name} {own.get(name, NONE)} / {others.get(name, NONE)}' for name in names]


def _told(manifest: Manifest) -> dict[str, str]:
    """What decides the rows, each as a few words by its name."""
    told = {
        'fit': manifest.fit[:SHOWN],
        'seed': manifest.seed,
        'num_rows': manifest.num_rows,
        'rows_per_file': manifest.rows_per_file,
        'known columns': (manifest.known or NONE)[:SHOWN],
        'format': manifest.format,
        **{f'type of {name}': kind for name, kind in manifest.types.items()},
        **{f'version of {name}': number for name, number in manifest.versions.items()},
    }
    return {name: str(value) for name, value in told.items()}


def versions() -> dict[str, str]:
    """Of the packages that are installed."""
    return {name: version(name) for name in PACKAGES}


def fingerprint(*parts: bytes) -> str:
    """One of several texts, hexadecimal."""
    found = hashlib.sha256()
    for part in parts:
        found.update(hashlib.sha256(part).digest())
    return found.hexdigest()
