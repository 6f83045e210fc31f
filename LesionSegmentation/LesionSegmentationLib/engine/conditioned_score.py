"""The score of a conditioned head: a network that was trained over a range of settings at once.

Such a network answers three maps: a, s > 0 and the logit of a posterior. Its own logit at the setting rho = beta/alpha
is a + s log(rho), so what it marks there is {a / s >= -log(rho)}: one scalar volume, cut lower as rho rises.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from .errors import InputError

POSTERIOR, CONDITIONED = "posterior", "conditioned"
OUTPUTS = 3
# s is above 0 by its making; where float32 lost it, the sign of a decides at every setting.
_SMALLEST_STEP = np.float32(1e-30)


@dataclass(frozen=True)
class ConditionedScore:
    """a / s of every voxel, with the range of settings that the network learnt.

    ``array``: float32 (i, j, k), finite; a voxel is marked from rho = exp(-score) on. ``lowest``, ``highest``: rho.
    Raises InputError for numbers that are no range.
    """

    array: np.ndarray
    lowest: float
    highest: float

    def __post_init__(self):
        check_rho_range([self.lowest, self.highest], "the score")

    @classmethod
    def of_maps(cls, a: np.ndarray, s: np.ndarray, rho: tuple[float, float]) -> ConditionedScore:
        """Return the score of the maps ``a`` and ``s`` >= 0, float32 of one shape; ``rho``: (lowest, highest)."""
        array = np.maximum(s, _SMALLEST_STEP)
        return cls(np.divide(a, array, out=array), *rho)

    @property
    def entry(self) -> dict:
        """What a bundle and a result say of it, ready for JSON."""
        return score_entry((self.lowest, self.highest))


def score_entry(rho: tuple[float, float]) -> dict:
    """Return the entry ``score`` of a conditioned bundle; ``rho``: (lowest, highest)."""
    return {"kind": CONDITIONED, "rho": [float(value) for value in rho]}


def rho_range(entry: dict | None, source: str) -> tuple[float, float] | None:
    """Return (lowest, highest) rho of the entry ``score`` of a bundle or a result; None for a posterior.

    ``source`` names, in a message, the file that says so. Raises InputError for an unknown kind or a bad range.
    """
    if entry is None:
        return None
    kind = entry.get("kind") if isinstance(entry, dict) else entry
    if kind == POSTERIOR:
        return None
    if kind != CONDITIONED:
        raise InputError(
            f"The score in {source} is of the kind '{kind}', which this version does not know (it knows {POSTERIOR} "
            f"and {CONDITIONED}); update the extension."
        )
    check_rho_range(entry.get("rho"), source)
    lowest, highest = entry["rho"]
    return float(lowest), float(highest)


def check_rho_range(rho: list, source: str) -> None:
    """Raise InputError unless ``rho`` is [lowest, highest]: finite numbers, 0 < lowest < highest."""
    pair = isinstance(rho, list) and len(rho) == 2
    numbers = pair and all(isinstance(value, (int, float)) and not isinstance(value, bool) for value in rho)
    if not (numbers and 0 < rho[0] < rho[1] < math.inf):
        raise InputError(
            f"The range 'rho' of the score in {source} is not [lowest, highest] with both above 0 and in this order; "
            "write the range of beta / alpha that the network was trained on."
        )
