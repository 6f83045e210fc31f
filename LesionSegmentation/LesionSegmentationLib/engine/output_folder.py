"""Folders that receive results: all of them, or none."""

from __future__ import annotations

import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from .errors import InputError


@contextmanager
def output_folder(folder: str | Path) -> Iterator[Path]:
    """Make ``folder`` where it is absent and prove that files can be written to it, before any long work.

    Folders made here are taken away again when the block fails and left them empty. Raises InputError when ``folder``
    cannot be made or written to.
    """
    folder = Path(folder).absolute()
    absent = []
    try:
        absent = [path for path in (folder, *folder.parents) if not path.exists()]
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise InputError(
            f"The output folder '{folder.name}' cannot be written to ({reason}); choose another one."
        ) from error
    try:
        yield folder
    except BaseException:
        for path in absent:
            try:
                path.rmdir()
            except OSError:
                break
        raise


@contextmanager
def replacing(folder: Path, names: tuple[str, ...]) -> Iterator[Path]:
    """Yield an empty folder to prepare files in; when the block succeeds they replace ``names`` in ``folder``.

    All are exchanged together at the end: a name that was not prepared is gone from ``folder`` afterwards, so nothing
    old stands beside something new. When the block or the exchange fails ``folder`` is as it was. The last name is
    taken away first and put in place last: while it is there the others are whole.
    """
    prepared = Path(tempfile.mkdtemp(prefix=".unfinished-", dir=folder))
    try:
        yield prepared
        _exchange(prepared, folder, names)
    finally:
        shutil.rmtree(prepared, ignore_errors=True)


def _exchange(prepared: Path, folder: Path, names: tuple[str, ...]) -> None:
    old = prepared / "old"
    old.mkdir()
    moves = [(folder / name, old / name) for name in reversed(names)]
    moves += [(prepared / name, folder / name) for name in names]
    done = []
    try:
        for source, target in moves:
            if source.exists():
                os.replace(source, target)
                done.append((source, target))
    except BaseException:
        for source, target in reversed(done):
            os.replace(target, source)
        raise
