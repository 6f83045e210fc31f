"""The range of studies that a model's figures were measured on (``validated`` in ``bundle.json``), and what is outside.

The entry is optional, and so is each of its own:

coarsest_spacing_mm   [fine, middle, coarse]: the largest edges of a voxel. There is no smallest one: what is finer than
                      the network's own grid is averaged to it.
smallest_extent_mm    [right-left, front-back, foot-head]: the smallest field of view. A smaller one cuts the head.
contrast              the channels that have to look like what they are called, see ``tissue_contrast``.
highest_lesion_ml     the highest load. A network that goes astray on a strange image mostly sees lesion everywhere.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping, Sequence

from .contrast_kinds import KINDS, shows
from .errors import InputError
from .volume import Volume

# Headers round, and so do the sentences: voxels of 5.004 mm are voxels of 5 mm.
_ROUNDED = 5e-3
_DIRECTIONS = ("from right to left", "from back to front", "from foot to head")


def check_validated(entry: dict | None, source: str) -> None:
    """Raise InputError, naming ``source``, unless ``entry`` is None or describes a range as above."""
    if entry is None:
        return
    if not isinstance(entry, dict) or not entry:
        raise InputError(f"The entry 'validated' of {source} must hold some of {', '.join(_RULES)}, or be left out.")
    for name, value in entry.items():
        if name not in _RULES:
            known = ", ".join(_RULES)
            raise InputError(f"{source} has an unknown entry 'validated.{name}'; the known ones are {known}.")
        fits, words = _RULES[name]
        if not fits(value):
            raise InputError(f"The entry 'validated.{name}' of {source} is {value}; it must be {words}.")


def outside_validated(
    entry: dict | None, volumes: Mapping[str, Volume], reference: str, expected_ml: float
) -> list[str]:
    """Return how a study lies outside the range ``entry``, one sentence each; empty within it and without one.

    ``volumes``: the images that the model used, by channel; ``reference``: the channel whose grid the result has.
    ``expected_ml``: the sum of the probabilities, which no setting changes.
    """
    entry, reference = entry or {}, volumes[reference]
    return [
        *_too_coarse(entry.get("coarsest_spacing_mm"), volumes.values()),
        *_too_small(entry.get("smallest_extent_mm"), reference),
        *_unlike(entry.get("contrast", ()), volumes),
        *_too_much(entry.get("highest_lesion_ml"), expected_ml),
    ]


def validated_in_words(entry: dict) -> list[str]:
    """Return the range ``entry`` as a person reads it, one phrase an item."""
    words = {
        "coarsest_spacing_mm": lambda edges: f"voxels of up to {_times(edges)} mm",
        "smallest_extent_mm": lambda sides: (
            f"a field of view of at least {_times(sides)} mm (right-left, front-back, foot-head)"
        ),
        "contrast": lambda channels: f"images that look like {', '.join(KINDS[shows(c)] for c in channels)}",
        "highest_lesion_ml": lambda load: f"up to {load:.4g} ml of lesion",
    }
    return [text(entry[name]) for name, text in words.items() if name in entry]


def _too_coarse(coarsest: Sequence[float] | None, volumes: Iterable[Volume]) -> Iterator[str]:
    for volume in volumes if coarsest else ():
        edges = sorted(volume.geometry.spacing.tolist())
        if any(edge > most * (1 + _ROUNDED) for edge, most in zip(edges, coarsest)):
            yield (
                f"{volume.name} has voxels of {_times(edges)} mm; this model was measured on voxels of up to "
                f"{_times(coarsest)} mm."
            )


def _too_small(smallest: Sequence[float] | None, reference: Volume) -> Iterator[str]:
    grid = reference.geometry.canonical()[0]
    for side, least, direction in zip(grid.shape * grid.spacing, smallest or (), _DIRECTIONS):
        if side < least * (1 - _ROUNDED):
            yield (
                f"{reference.name} shows {side:.4g} mm {direction}; this model was measured on {least:.4g} mm or more."
            )


def _unlike(contrast: Iterable[str], volumes: Mapping[str, Volume]) -> Iterator[str]:
    from .tissue_contrast import looks_like  # brings scipy, which nobody needs to read a description

    for channel in contrast:
        volume = volumes.get(channel)
        look = None if volume is None else looks_like(volume.array, volume.geometry)
        if look not in (None, shows(channel)):
            yield (
                f"{volume.name} looks like a {KINDS[look]} image; this model was measured on images that look like "
                f"{KINDS[shows(channel)]}."
            )


def _too_much(highest: float | None, expected_ml: float) -> Iterator[str]:
    if highest is not None and expected_ml > highest:
        yield (
            f"The model expects {expected_ml:.4g} ml of lesion in all; it was measured on loads of up to "
            f"{highest:.4g} ml."
        )


def _times(lengths: Sequence[float]) -> str:
    return " x ".join(f"{round(length, 2):g}" for length in lengths)


def _is_length(value) -> bool:
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    return number and math.isfinite(value) and value > 0


def _are_lengths(values) -> bool:
    return isinstance(values, (list, tuple)) and len(values) == 3 and all(map(_is_length, values))


def _are_channels(values) -> bool:
    return isinstance(values, (list, tuple)) and all(isinstance(v, str) and shows(v) is not None for v in values)


_RULES = {
    "coarsest_spacing_mm": (
        lambda value: _are_lengths(value) and sorted(value) == list(value),
        "the three edges of a voxel in mm, the shortest first",
    ),
    "smallest_extent_mm": (_are_lengths, "three lengths in mm: right-left, front-back, foot-head"),
    "contrast": (_are_channels, "a list of channels, each of them one of flair, t1, t1c, t2, ct"),
    "highest_lesion_ml": (_is_length, "a volume in ml above 0"),
}
