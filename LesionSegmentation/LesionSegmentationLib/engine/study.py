"""The images of one examination."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np

from .errors import InputError
from .geometry import Geometry
from .volume import Volume, read_volume

# Every channel name a study may have.
CHANNELS = ("flair", "t1", "t1c", "t2", "pd", "ct")
_LEAST_OVERLAP = 0.5
_WHOLE = 0.995


@dataclass(frozen=True, eq=False)
class Study:
    """The images of one examination by channel name, on any grids that look at the same place.

    ``reference``: the channel whose grid the result has. ``notes``: what a person should know, those of the volumes
    included. Raises InputError for an unknown channel, a missing reference, one image given twice, and a channel that
    shows less than half of the reference's field of view.
    """

    channels: dict[str, Volume]
    reference: str = "flair"
    notes: tuple[str, ...] = ()

    def __post_init__(self):
        for channel, volume in self.channels.items():
            check_channel(channel, volume.name)
        if self.reference not in self.channels:
            given = ", ".join(self.channels) or "none"
            raise InputError(f"The reference channel {self.reference} was not given (given: {given}); add its image.")
        for (one, first), (two, second) in combinations(self.channels.items(), 2):
            if first.sha256 is not None and first.sha256 == second.sha256:
                raise InputError(
                    f"The channels {one} ({first.name}) and {two} ({second.name}) are the same image; choose two files."
                )
        notes = [*self.notes]
        for volume in self.channels.values():
            notes += volume.notes
        notes += self._grid_notes()
        object.__setattr__(self, "notes", tuple(dict.fromkeys(notes)))

    def _grid_notes(self) -> list[str]:
        reference = self.channels[self.reference]
        notes = []
        for channel, volume in self.channels.items():
            if volume.geometry.same_grid(reference.geometry):
                continue
            share = overlap(reference.geometry, volume.geometry)
            if share < _LEAST_OVERLAP:
                raise InputError(
                    f"The {channel} image {volume.name} covers only {share:.0%} of the field of view of "
                    f"{reference.name}; choose images of one examination or register them first."
                )
            # That a channel is resampled is said by ``prepare``, which knows whether the model uses it at all.
            if share < _WHOLE:
                notes.append(
                    f"The {channel} image {volume.name} covers {share:.0%} of the field of view of {reference.name}."
                )
        return notes


def read_study(
    paths: Mapping[str, str | Path] | Iterable[tuple[str, str | Path]],
    reference: str = "flair",
    names: Mapping[str, str] | None = None,
) -> Study:
    """Read ``{"flair": path, "t1": path, ...}``, or the same as pairs. Raises InputError, see Study and read_volume.

    ``names``: what a person calls the image of a channel, where that is not the name of its file.
    """
    chosen: dict[str, Path] = {}
    for channel, path in paths.items() if isinstance(paths, Mapping) else paths:
        path = Path(path)
        check_channel(channel, path.name)
        if channel in chosen:
            raise InputError(
                f"Both {chosen[channel].name} and {path.name} were given as {channel}; choose one of them."
            )
        chosen[channel] = path
    names = names or {}
    return Study({channel: read_volume(path, names.get(channel)) for channel, path in chosen.items()}, reference)


def check_channel(channel: str, name: str) -> None:
    """Raise InputError when ``channel``, given for the image ``name``, is none of CHANNELS."""
    if channel not in CHANNELS:
        raise InputError(f"The channel '{channel}' of {name} is unknown; the known ones are {', '.join(CHANNELS)}.")


def overlap(reference: Geometry, other: Geometry, samples: int = 30) -> float:
    """Return the share (0 to 1) of the field of view of ``reference`` that lies within that of ``other``.

    Measured at ``samples``^3 evenly spread points; a field of view reaches to the outer faces of the voxels.
    """
    axes = [(np.arange(samples) + 0.5) / samples * n - 0.5 for n in reference.shape]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    voxels = other.voxel(reference.world(points))
    # Half a thousandth of a voxel of grace: equal fields of view overlap fully, whatever the rounding.
    inside = (voxels >= -0.5005) & (voxels <= np.array(other.shape) - 0.4995)
    return float(inside.all(axis=1).mean())
