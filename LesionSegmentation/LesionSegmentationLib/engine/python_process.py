"""Starting a program of this library in a Python process of its own."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

from .errors import InputError

_LIBRARY_FOLDER = Path(__file__).resolve().parents[2]


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
    environment = dict(os.environ) if environment is None else environment
    path = [str(_LIBRARY_FOLDER), environment.get("PYTHONPATH", "")]
    try:
        return subprocess.Popen(
            [str(python), "-m", module],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env={**environment, "PYTHONPATH": os.pathsep.join(entry for entry in path if entry)},
            creationflags=getattr(subprocess, "CREATE_NO_WINDOW", 0),
        )
    except OSError as error:
        raise InputError(
            f"The Python interpreter {Path(python).name} cannot be started ({error.strerror}); check its path."
        ) from error
