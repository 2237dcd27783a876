"""What commands say: results to stdout, everything else to stderr, errors as one line."""

from __future__ import annotations

import functools
import json
import logging
import math
import sys
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import typer

if TYPE_CHECKING:
    from sdv_llmgan.formats.saved_json import Json


STOPPED = 'Stopped by Ctrl-C; nothing was saved.'
#: What SDV warns of that a command has taken care of.
IGNORED = 'We strongly recommend saving the metadata'


FORMAT = '%(asctime)s %(message)s'


class Misused(ValueError):
    """The command was called in a way that it cannot be; ends with 2."""


def say(text: str) -> None:
    """Tell the user something."""
    typer.echo(seen(text), err=True)


def show(text: str) -> None:
    """Write a result; nothing of a cell, a name or a reply gets at the terminal."""
    typer.echo(seen(text))


def seen(text: str) -> str:
    """A text in which nothing is hidden; see ``words.visible``."""
    if all(line.isprintable() for line in text.split('\n')):
        return text
    from sdv_llmgan.formats.words import visible  # only now: the package takes seconds to import

    return visible(text)


def answer(result: dict[str, Any]) -> None:
    """Write a result as JSON, for ``--json``; a number that is not finite becomes null."""
    show(json.dumps(_plain(result), ensure_ascii=False, indent=2, default=str))


def fail(error: BaseException, *, as_json: bool, verbose: bool) -> NoReturn:
    """End with one line, and with 130 after Ctrl-C, 2 after wrong usage, else 1."""
    stopped = isinstance(error, KeyboardInterrupt)
    said = STOPPED if stopped else ' '.join(str(error).split()) or type(error).__name__
    if verbose:
        say(''.join(traceback.format_exception(error)).rstrip())
    if as_json:
        answer({'error': said})
    say(f'Error: {said}')
    raise typer.Exit(130 if stopped else 2 if isinstance(error, Misused) else 1)


def command(run: Callable[..., None]) -> Callable[..., None]:
    """Let a function with ``as_json`` and ``verbose`` be a command that ends as told above."""

    @functools.wraps(run)
    def call(*args: object, as_json: bool, verbose: bool, **options: object) -> None:
        _listen(verbose)
        try:
            run(*args, as_json=as_json, verbose=verbose, **options)
        except (typer.Exit, typer.Abort, BrokenPipeError):
            raise  # whoever read the pipe has read enough
        except (Exception, KeyboardInterrupt) as error:  # noqa: BLE001 - no traceback for a user
            fail(error, as_json=as_json, verbose=verbose)

    return call


def check_output(path: Path | None, force: bool) -> None:
    """Refuse to overwrite a file, before any work is done.

    Raises:
        ImportError: What writes this kind of file is not installed.
        ValueError: The file is there and ``force`` is not given, or its folder is not there.
    """
    if path is None:
        return
    from sdv_llmgan.formats.table_files import kind_of, need_reader

    need_reader(kind_of(path))
    if path.exists() and not force:
        raise ValueError(f'{path} is there already. --force overwrites it; -o names another.')
    if not path.parent.is_dir():
        raise ValueError(f'There is no folder {path.parent} to write {path.name} into.')


class _Visible(logging.Formatter):
    """Lines of a log with nothing hidden in them."""

    def format(self, record: logging.LogRecord) -> str:
        """One record, and the traceback that it may have."""
        return seen(super().format(record))


def _listen(verbose: bool) -> None:
    """Show warnings as one line each, and with ``verbose`` the package's log."""
    logging.basicConfig(
        stream=sys.stderr,
        level=logging.WARNING,
        force=True,
    )
    for handler in logging.getLogger().handlers:
        handler.setFormatter(_Visible(FORMAT, datefmt='%H:%M:%S'))
    logging.getLogger('sdv_llmgan').setLevel(logging.INFO if verbose else logging.WARNING)
    said: set[str] = set()

    def show(message: Warning | str, category: type[Warning], *rest: object) -> None:
        text = ' '.join(str(message).split())
        if category is UserWarning and not text.startswith(IGNORED) and text not in said:
            said.add(text)
            say(f'Note: {text}')

    warnings.showwarning = show  # type: ignore[assignment]
    warnings.simplefilter('default', UserWarning)


def _plain(value: Json) -> Json:
    if isinstance(value, dict):
        return {str(key): _plain(cell) for key, cell in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(cell) for cell in value]
    if hasattr(value, 'item'):
        value = value.item()
    return None if isinstance(value, float) and not math.isfinite(value) else value
