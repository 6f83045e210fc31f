"""Scale and bias of the logit, the calibration error, and the floor, from whole naturally sampled cases.

Patch sampling shows a network far more lesion than a head holds, so its raw probabilities are too high for a head. Here
the logit x becomes scale x + bias with the smallest log loss over the voxels of whole heads.
"""

from __future__ import annotations

import numpy as np
from scipy import optimize

# settings at which the floor is stored: beta 0.1 to 0.95 with alpha = 1 - beta
FLOOR_BETAS = (0.1, 0.3, 0.5, 0.7, 0.8, 0.9, 0.95)


def fit_scale_and_bias(
    logits: list[np.ndarray], masks: list[np.ndarray], weights: list[float] | None = None
) -> tuple[float, float]:
    """Minimise the log loss of sigmoid(scale x + bias) over all voxels of all cases, each case weighted.

    ``logits``, ``masks``: one array each per case (any shape, the same within a case).
    """
    weights = [1.0] * len(logits) if weights is None else weights
    parts = []
    rng = np.random.default_rng(0)
    for x, mask, weight in zip(logits, masks, weights):
        x, y = x.ravel(), mask.ravel() > 0
        # hopeless background voxels are many and alike: one in fifty stands for all
        near = (x > -9) | y
        far = np.flatnonzero(~near)
        chosen = far[rng.integers(len(far), size=len(far) // 50)] if len(far) else far
        counts = np.concatenate([np.ones(near.sum()), np.full(len(chosen), len(far) / max(1, len(chosen)))])
        parts.append(
            (np.concatenate([x[near], x[chosen]]), np.concatenate([y[near], y[chosen]]), counts * weight / x.size)
        )
    x, y, w = (np.concatenate([part[n] for part in parts]).astype(np.float64) for n in range(3))
    w /= w.sum()

    def loss(parameters):
        z = np.exp(parameters[0]) * x + parameters[1]
        p = 1 / (1 + np.exp(-np.clip(z, -60, 60)))
        error = w * (p - y)
        value = (w * (np.logaddexp(0, z) - y * z)).sum()
        return 1e4 * value, 1e4 * np.array([(error * x).sum() * np.exp(parameters[0]), error.sum()])

    found = optimize.minimize(loss, [0.0, 0.0], jac=True, method="L-BFGS-B", bounds=[(-2.5, 2.5), (-8, 8)])
    return float(np.exp(found.x[0])), float(found.x[1])


def calibration_error(posteriors: list[np.ndarray], masks: list[np.ndarray], lowest: float = 0.01) -> float:
    """Expected calibration error over the voxels with p >= ``lowest``: 20 equal bins, each weighted by its voxels.

    Voxels of certain background are left out: they are nearly all of a head and would hide every other error.
    """
    p = np.concatenate([posterior[posterior >= lowest] for posterior in posteriors])
    y = np.concatenate([mask[posterior >= lowest] > 0 for posterior, mask in zip(posteriors, masks)])
    if p.size == 0:
        return 0.0
    bins = np.minimum((p * 20).astype(int), 19)
    count = np.bincount(bins, minlength=20)
    gap = np.abs(np.bincount(bins, p, 20) - np.bincount(bins, y, 20))
    return float(gap[count > 0].sum() / p.size)


def choose_floor(free: list[np.ndarray], allowed_ml: float = 0.2, voxel_ml: float = 0.001) -> list[list[float]]:
    """[[rho, level], ...]: the level that leaves at most ``allowed_ml`` of every lesion-free posterior at alpha = beta.

    At other settings the allowance goes with rho, so that a user who asks for fewer misses gets more. Never above 0.6 /
    (1 + rho), the level of a study whose best set is expected to reach an index of 0.6: from there on the floor would
    rule instead of the curve, and a network that sees lesions in healthy heads needs training, not a floor. Strictly
    falling.
    """
    floor = []
    for beta in FLOOR_BETAS:
        rho = beta / (1 - beta)
        rank = max(1, int(allowed_ml * rho / voxel_ml))
        level = max((float(np.partition(p.ravel(), -rank)[-rank]) for p in free), default=0.0)
        level = min(level, 0.6 / (1 + rho))
        if floor:
            level = min(level, floor[-1][1] - 1e-4)
        floor.append([round(rho, 6), max(round(level, 5), 0.0)])
    return [pair for n, pair in enumerate(floor) if n == 0 or pair[1] < floor[n - 1][1]]
