"""The exported file as a whole: what it is, of which version, and the table that it draws.

fitted sampler, metadata -> coarse sampler -> JSON and arrays -> file -> the same, checked
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sdv_llmgan.export.coarse import CoarseSampler
from sdv_llmgan.export.metadata import checked
from sdv_llmgan.export.stored import from_stored, to_stored
from sdv_llmgan.formats.array_files import read_arrays, write_arrays
from sdv_llmgan.formats.saved_json import Json, a_list, boolean, read_object, text

FORMAT, VERSION = 'sdv-llmgan sampler', 1


@dataclass(frozen=True)
class Exported:
    """What an exported file says.

    Attributes:
        metadata: SDV's metadata of the table, as a dictionary.
        dtypes: How the table stores the columns that are made up, by name.
        locales: Of personal data that is made up.
        enforce_rounding: Whether numbers have no more decimals than in the training table.
        enforce_min_max_values: Whether values stay in the range that the file tells.
        sampler: Draws the columns that are modelled.
    """

    metadata: Mapping[str, Any]
    dtypes: Mapping[str, str]
    locales: tuple[str, ...]
    enforce_rounding: bool
    enforce_min_max_values: bool
    sampler: CoarseSampler

    def write(self, path: str | os.PathLike[str]) -> None:
        """Write the file, over what is there; ``OSError`` where that cannot be done."""
        contents, arrays = to_stored(self.sampler)
        head = {
            'format': FORMAT,
            'version': VERSION,
            'metadata': self.metadata,
            'dtypes': dict(self.dtypes),
            'locales': list(self.locales),
            'enforce_rounding': self.enforce_rounding,
            'enforce_min_max_values': self.enforce_min_max_values,
            'sampler': contents,
        }
        write_arrays(path, head, arrays)

    @classmethod
    def read(cls, path: str | os.PathLike[str]) -> Exported:
        """Read a file, each part checked, and no code run.

        Raises:
            FileNotFoundError: There is no such file.
            ValueError: It is none of these files, of a newer version, or damaged.
        """
        contents, arrays = read_arrays(path)
        where = os.fspath(path)
        _check_version(contents, where)
        read = read_object(
            contents,
            where,
            {
                'format': text,
                'version': lambda saved, _: saved,
                'metadata': checked,
                'dtypes': _texts,
                'locales': a_list(text),
                'enforce_rounding': boolean,
                'enforce_min_max_values': boolean,
                'sampler': lambda saved, place: from_stored(saved, arrays, place),
            },
        )
        return cls(
            read['metadata'],
            read['dtypes'],
            tuple(read['locales']),
            read['enforce_rounding'],
            read['enforce_min_max_values'],
            read['sampler'],
        )


def _check_version(contents: Json, where: str) -> None:
    if not isinstance(contents, Mapping) or contents.get('format') != FORMAT:
        raise ValueError(f'{where} is no file that export wrote: its format must be {FORMAT!r}.')
    version = contents.get('version')
    if isinstance(version, bool) or not isinstance(version, int) or version < 1:
        raise ValueError(f'{where}: needs a version, got {str(version)[:80]}.')
    if version > VERSION:
        raise ValueError(
            f'{where} is of version {version}, and this sdv-llmgan reads versions up to {VERSION}. '
            'Install a newer one, or export again with this one.'
        )


def _texts(saved: Json, where: str) -> dict[str, str]:
    names = list(saved) if isinstance(saved, Mapping) else []
    return read_object(saved, where, dict.fromkeys(names, text))
