"""The published folder layouts by name."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from inspect import signature
from pathlib import Path

from LesionSegmentationLib.engine.errors import InputError

from .case_files import CaseFiles

_NAMES = ("msseg2016", "isbi2015", "mslesseg", "ljubljana", "lits", "luna16", "decathlon", "bids")


class _Readers(Mapping):
    """Reader by layout name; its file is imported when it is asked for."""

    def __getitem__(self, name: str) -> Callable[..., list[CaseFiles]]:
        if name not in _NAMES:
            raise KeyError(name)
        return import_module(f".{name}", __package__).read

    def __iter__(self):
        return iter(_NAMES)

    def __len__(self):
        return len(_NAMES)


READERS: Mapping[str, Callable[..., list[CaseFiles]]] = _Readers()


def read_layout(name: str, folder: str | Path, **options) -> list[CaseFiles]:
    """Read the cases of layout ``name`` (a key of READERS) below ``folder``; ``options`` are the reader's own.

    Raises InputError for an unknown layout or option, and for a folder that holds no case of the layout.
    """
    if name not in READERS:
        raise InputError(f"The layout '{name}' is unknown; the known ones are {', '.join(READERS)}.")
    read = READERS[name]
    known = [option for option in signature(read).parameters if option != "folder"]
    for option in options:
        if option not in known:
            listed = f"the known ones are {', '.join(known)}" if known else "it has none"
            raise InputError(f"The layout {name} has no option '{option}'; {listed}.")
    return read(folder, **options)
