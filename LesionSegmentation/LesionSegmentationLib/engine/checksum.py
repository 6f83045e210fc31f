"""The checksum by which a file is recognised again."""

from __future__ import annotations

import hashlib
from pathlib import Path


def sha256_of(path: Path) -> str:
    """Return the sha256 of a file's bytes, hexadecimal."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def sha256_of_all(paths: list[Path]) -> str:
    """Return one checksum for several files: that of their own checksums in sorted order, whatever they are called."""
    return hashlib.sha256("".join(sorted(sha256_of(path) for path in paths)).encode()).hexdigest()
