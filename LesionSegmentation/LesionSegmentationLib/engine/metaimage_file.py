"""Which files a MetaImage consists of: a .mhd header keeps its voxels in a file of their own."""

from __future__ import annotations

from pathlib import Path

from .errors import InputError

_LAST_KEY = b"ElementDataFile"
_HEADER_BYTES = 1 << 16


def metaimage_files(path: Path) -> list[Path]:
    """The header ``path`` (.mha, .mhd) and the files of its voxels; a cut one is noticed by ITK as it reads it.

    Raises InputError when one of them does not exist.
    """
    with path.open("rb") as stream:
        lines = iter(stream.read(_HEADER_BYTES).split(b"\n"))
    line = next((line for line in lines if line.strip().startswith(_LAST_KEY)), b"")
    value = line.partition(b"=")[2].strip().decode("utf-8", "replace")
    if value == "LIST":
        names = [name for name in (line.strip().decode("utf-8", "replace") for line in lines) if name]
    else:
        names = [] if value in ("", "LOCAL") or "%" in value else [value]
    files = [path.parent / name for name in names]
    for file in files:
        if not file.is_file():
            raise InputError(f"{path.name} keeps its voxels in {file.name}, which is not beside it; copy both files.")
    return [path, *files]
