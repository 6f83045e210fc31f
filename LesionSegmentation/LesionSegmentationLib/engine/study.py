"""The images of one examination."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from .errors import InputError
from .volume import Volume, read_volume

# Every channel name a study may have.
CHANNELS = ("flair", "t1", "t1c", "t2", "pd", "ct")


@dataclass(frozen=True, eq=False)
class Study:
    """``channels``: image by channel name. ``reference``: whose grid the result has."""

    channels: dict[str, Volume]
    reference: str = "flair"
    notes: tuple[str, ...] = ()

    def __post_init__(self):
        for name in self.channels:
            if name not in CHANNELS:
                raise InputError(f"The channel '{name}' is unknown; the known ones are {', '.join(CHANNELS)}.")
        if self.reference not in self.channels:
            raise InputError(f"The reference channel '{self.reference}' was not given.")


def read_study(paths: dict[str, str | Path], reference: str = "flair") -> Study:
    """Read ``{"flair": path, "t1": path, ...}``. Raises InputError, see :class:`Study` and ``read_volume``."""
    return Study({name: read_volume(path) for name, path in paths.items()}, reference)
