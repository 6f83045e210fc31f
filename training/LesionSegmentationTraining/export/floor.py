"""The floor of a bundle: the level below which no voxel is marked, so that "nothing" is a possible answer."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy.special import expit

from .evidence import Evidence

# settings at which the floor is stored: alpha = 1 - beta
BETAS = (0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95)
ALLOWED_ML = 0.2
# the level of a study whose best set is expected to reach this index is never raised
INDEX = 0.6


def choose_floor(
    cases: Sequence[Evidence], scale: float, bias: float, voxel_ml: float = 0.001, allowed_ml: float = ALLOWED_ML
) -> list[list[float]]:
    """[[rho, level], ...]: the level that leaves at most ``allowed_ml`` of every lesion-free case at alpha = beta.

    At other settings the allowance goes with rho, so that a user who asks for fewer misses gets more. Never above 0.6 /
    (1 + rho), the level of a study whose best set is expected to reach an index of 0.6: from there on the floor would
    rule instead of the curve, and a network that sees lesions in healthy heads needs training, not a floor. Rising in
    rho and strictly falling in level, as the engine asks. Empty when no case is free of lesions.
    """
    free = [np.sort(expit(scale * case.logits.astype(np.float64) + bias))[::-1] for case in cases if case.lesion_free]
    floor: list[list[float]] = []
    for beta in BETAS if free else ():
        rho = beta / (1 - beta)
        # the hopeless voxels that stand for many come last, so ranks among the others are voxels
        rank = max(1, int(allowed_ml * rho / voxel_ml))
        level = max(float(p[min(rank, len(p)) - 1]) if len(p) else 0.0 for p in free)
        level = min(level, INDEX / (1 + rho))
        if floor:
            level = min(level, floor[-1][1] - 1e-4)
        if level <= 0:
            break
        floor.append([round(rho, 6), round(level, 5)])
    return [pair for n, pair in enumerate(floor) if n == 0 or pair[1] < floor[n - 1][1]]
