"""Starting a program of this library in a Python process of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from .errors import InputError

_PIPE = subprocess.PIPE
LIBRARY_FOLDER = Path(__file__).resolve().parents[2]


def this_python() -> str:
    """Return the interpreter of this process; inside an application (Slicer) the one that comes with it."""
    if "python" in Path(sys.executable or "").name.lower():
        return sys.executable
    return shutil.which("PythonSlicer") or sys.executable


def start_module(python: str | Path, module: str, environment: dict[str, str] | None = None) -> subprocess.Popen:
    """Start ``python -m module`` with three binary pipes and this library on its path; no window on Windows.

    ``environment``: its variables, those of this process when None. Raises InputError when the interpreter cannot be
    started.
    """
    return _started([str(python), "-m", module], environment, (), stdin=_PIPE, stdout=_PIPE, stderr=_PIPE)


def start_command(
    python: str | Path,
    arguments: Sequence[str],
    folders: Sequence[Path],
    log: Path,
    environment: dict[str, str] | None = None,
) -> subprocess.Popen:
    """Start ``python arguments`` in a process group of its own, with ``folders`` and this library on its path.

    What it says goes to the end of the file ``log``; ``environment`` as for :func:`start_module`. Raises InputError
    when the interpreter cannot be started.
    """
    with log.open("ab") as said:
        return _started(
            [str(python), *arguments],
            {**(os.environ if environment is None else environment), "PYTHONUNBUFFERED": "1", "PYTHONUTF8": "1"},
            folders,
            stdin=subprocess.DEVNULL,
            stdout=said,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _started(command: list[str], environment: dict[str, str] | None, folders: Sequence[Path], **options):
    environment = dict(os.environ) if environment is None else environment
    path = [*map(str, folders), str(LIBRARY_FOLDER), environment.get("PYTHONPATH", "")]
    try:
        return subprocess.Popen(
            command,
            env={**environment, "PYTHONPATH": os.pathsep.join(entry for entry in path if entry)},
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
            **options,
        )
    except OSError as error:
        raise InputError(
            f"The Python interpreter {Path(command[0]).name} cannot be started ({error.strerror}); check its path."
        ) from error
