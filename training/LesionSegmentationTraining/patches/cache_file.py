"""A file of named arrays, written as a stream and read without loading: a safetensors file.

The library itself writes a file from arrays that all lie in memory; hundreds of scans do not. Its format is simple:
eight bytes with the length of a JSON header, the header (for each name dtype, shape and place in the data), the data.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import shutil
import zlib
from pathlib import Path

import numpy as np

from LesionSegmentationLib.engine.errors import InputError

DTYPES = {"F16": np.dtype("<f2"), "U16": np.dtype("<u2"), "I64": np.dtype("<i8"), "U8": np.dtype("u1")}
_NAMES = {dtype: name for name, dtype in DTYPES.items()}
_BLOCK = 1 << 24


class ArrayStream:
    """Writes arrays one after the other; ``finish`` puts the header before them and gives the file its name.

    Until then everything lies in files beside ``path``; ``abandon`` removes them. Raises InputError that names ``path``
    when the disk is full or the folder cannot be written.
    """

    def __init__(self, path: Path):
        self.path = path
        self.part = path.with_name(f".{path.name}.{os.getpid()}.part")
        self.entries: dict[str, dict] = {}
        self.end = 0
        with self._said():
            path.parent.mkdir(parents=True, exist_ok=True)
            self.data = open(self.part, "wb")

    def add(self, name: str, array: np.ndarray) -> int:
        """Append ``array`` and answer the CRC-32 of its bytes."""
        array = np.ascontiguousarray(array)
        dtype = array.dtype.newbyteorder("<")
        if name in self.entries or dtype not in _NAMES:
            raise ValueError(f"{name} is there already, or of a type that is not kept ({array.dtype})")
        content = memoryview(array.astype(dtype, copy=False)).cast("B") if array.size else b""
        with self._said():
            self.data.write(content)
        first, self.end = self.end, self.end + len(content)
        self.entries[name] = {"dtype": _NAMES[dtype], "shape": list(array.shape), "data_offsets": [first, self.end]}
        return zlib.crc32(content)

    def finish(self, metadata: dict[str, str]) -> None:
        """Write the whole file beside, then rename it."""
        header = json.dumps({"__metadata__": metadata, **self.entries}).encode()
        header += b" " * (-len(header) % 8)
        whole = self.part.with_suffix(".whole")
        try:
            with self._said():
                self.data.close()
                with open(whole, "wb") as target, open(self.part, "rb") as data:
                    target.write(len(header).to_bytes(8, "little") + header)
                    shutil.copyfileobj(data, target, _BLOCK)
                    target.flush()
                    os.fsync(target.fileno())
                os.replace(whole, self.path)
        finally:
            whole.unlink(missing_ok=True)
            self.abandon()

    def abandon(self) -> None:
        """Remove what was written."""
        # on a full disk closing fails once more, for what is still in the buffer
        with contextlib.suppress(OSError):
            self.data.close()
        self.part.unlink(missing_ok=True)

    def _said(self) -> _DiskErrors:
        return _DiskErrors(self.path)


class _DiskErrors:
    """An OSError within becomes an InputError that names the file."""

    def __init__(self, path: Path):
        self.path = path

    def __enter__(self) -> None:
        pass

    def __exit__(self, kind, error, trace) -> None:
        if isinstance(error, OSError):
            raise InputError(
                f"{self.path} cannot be written ({error.strerror or error}); nothing was left there. Free some "
                "space or choose another folder."
            ) from error


class ArrayFile:
    """The arrays of a file by name, memory-mapped when asked for. Raises InputError for a truncated or foreign file."""

    def __init__(self, path: Path):
        self.path = Path(path)
        try:
            size = self.path.stat().st_size
            with open(self.path, "rb") as file:
                length = int.from_bytes(file.read(8), "little")
                if length > size - 8:
                    raise ValueError("the header is longer than the file")
                header = json.loads(file.read(length))
            self.metadata: dict[str, str] = header.pop("__metadata__", {})
            self.entries: dict[str, dict] = header
            self.start = 8 + length
            end = max((entry["data_offsets"][1] for entry in header.values()), default=0)
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(f"{path} is no cache of cases ({error}); prepare it again.") from error
        if self.start + end != size:
            raise InputError(f"{path} is {size} bytes long instead of {self.start + end}; copy or prepare it again.")

    def array(self, name: str) -> np.ndarray:
        """The array ``name``, read-only and memory-mapped."""
        entry = self.entries[name]
        shape, dtype = tuple(entry["shape"]), DTYPES[entry["dtype"]]
        if math.prod(shape) == 0:
            return np.zeros(shape, dtype)
        return np.memmap(self.path, dtype, "r", self.start + entry["data_offsets"][0], shape)

    def checksum(self, name: str) -> int:
        """CRC-32 of the array's bytes as they lie on the disk."""
        array = self.array(name)
        return zlib.crc32(memoryview(array).cast("B") if array.size else b"")
