"""Files of arrays and one JSON text: a zip archive that runs no code when it is read.

NumPy reads the arrays too (``numpy.load``), and any zip program shows what is inside. What is read
is bounded and checked first: a file may come from anybody.
"""

from __future__ import annotations

import io
import json
import os
import zipfile
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from sdv_llmgan.formats.private_files import make_private
from sdv_llmgan.formats.saved_json import Json, parse

#: What an archive may hold, unpacked, in bytes and in members.
MOST_BYTES = 512 * 2**20
MOST_MEMBERS = 20_000
JSON_NAME = 'contents.json'
#: Every archive of the same arrays is the same file.
BEGIN = (1980, 1, 1, 0, 0, 0)
#: Kinds of arrays: booleans, whole numbers, floats.
KINDS = 'biuf'


def write_arrays(
    path: str | os.PathLike[str], contents: Json, arrays: Mapping[str, np.ndarray]
) -> None:
    """Write a file, over what is there, that its owner alone can read.

    Args:
        path: The file.
        contents: What can be written as JSON.
        arrays: Numbers or booleans by name.
    """
    make_private(path)
    with zipfile.ZipFile(path, 'w', zipfile.ZIP_DEFLATED) as archive:
        text = json.dumps(contents, ensure_ascii=False, allow_nan=False, indent=1)
        _add(archive, JSON_NAME, text.encode())
        for name, values in arrays.items():
            buffer = io.BytesIO()
            np.lib.format.write_array(buffer, np.ascontiguousarray(values), allow_pickle=False)
            _add(archive, f'{name}.npy', buffer.getvalue())


def _add(archive: zipfile.ZipFile, name: str, data: bytes) -> None:
    archive.writestr(zipfile.ZipInfo(name, BEGIN), data, zipfile.ZIP_DEFLATED)


def is_archive(path: str | os.PathLike[str]) -> bool:
    """Whether a file looks like one of these."""
    try:
        with zipfile.ZipFile(path) as archive:
            return JSON_NAME in archive.namelist()
    except (OSError, zipfile.BadZipFile):
        return False


def read_arrays(path: str | os.PathLike[str]) -> tuple[Json, dict[str, np.ndarray]]:
    """The JSON values and the arrays of a file; no code is run.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is none of these files, damaged, or larger than is read.
    """
    if not os.path.isfile(path):
        raise FileNotFoundError(f'There is no file {os.fspath(path)}.')
    where = os.fspath(path)
    try:
        with zipfile.ZipFile(path) as archive:
            members = archive.infolist()
            total = sum(member.file_size for member in members)
            if total > MOST_BYTES or len(members) > MOST_MEMBERS:
                raise ValueError(
                    f'{where}: at most {MOST_BYTES:,} bytes in {MOST_MEMBERS:,} parts are read, '
                    f'and it says that it has {total:,} in {len(members):,}.'
                )
            names = [member.filename for member in members]
            if JSON_NAME not in names or len(set(names)) < len(names):
                raise ValueError(f'{where}: each part once and {JSON_NAME} are needed.')
            contents = parse(archive.read(JSON_NAME).decode('utf-8'), f'{where}, {JSON_NAME}')
            arrays = {
                name.removesuffix('.npy'): _array(archive.read(name), f'{where}, {name}')
                for name in names
                if name != JSON_NAME
            }
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as error:
        raise ValueError(f'{where} is damaged, or no file of this kind ({error}).') from error
    except UnicodeDecodeError as error:
        raise ValueError(f'{where}, {JSON_NAME}: this is no UTF-8 text.') from error
    return contents, arrays


def _array(data: bytes, where: str) -> np.ndarray:
    """An array in NumPy's own format, whose shape is what its bytes are enough for."""
    stream = io.BytesIO(data)
    try:
        version = np.lib.format.read_magic(stream)
        read = {
            (1, 0): np.lib.format.read_array_header_1_0,
            (2, 0): np.lib.format.read_array_header_2_0,
        }[version]
        shape, by_column, dtype = read(stream)
    except (ValueError, KeyError, SyntaxError, TypeError, RecursionError, MemoryError) as error:
        raise ValueError(f'{where}: this is no array ({type(error).__name__}).') from error
    count = 1
    for length in shape:
        count *= length
    if dtype.kind not in KINDS or by_column or min(shape, default=0) < 0:
        raise ValueError(f'{where}: needs numbers or booleans by row, got {dtype}: {shape}.')
    if count * dtype.itemsize != len(data) - stream.tell():
        raise ValueError(
            f'{where}: an array of the shape {str(shape)[:80]} needs {count * dtype.itemsize} '
            f'bytes, got {len(data) - stream.tell()}.'
        )
    values: np.ndarray[Any, Any] = np.frombuffer(data, dtype, count, stream.tell()).reshape(shape)
    if dtype.kind == 'f' and not np.isfinite(values).all():
        raise ValueError(f'{where}: needs finite numbers.')
    return values
