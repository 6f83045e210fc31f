"""Scale and bias of the logit, and how right the probabilities then are.

Patch sampling shows a network far more lesion than a head holds, so its raw probabilities are too high for a head. Here
the logit x becomes scale x + bias with the smallest log loss over the voxels of whole, naturally sampled cases
(Platt 1999, with the slope kept positive so that the order of the voxels stays).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from scipy import optimize
from scipy.special import expit

from .evidence import Evidence

LOWEST = 0.01
BINS = 20


def fit_scale_and_bias(cases: Sequence[Evidence], real_weight: float = 1.0) -> tuple[float, float]:
    """Minimise the log loss of sigmoid(scale x + bias); every case counts alike, a real one ``real_weight`` times.

    Scale within [0.08, 12], bias within [-8, 8]. Raises ValueError without any case.
    """
    if not cases:
        raise ValueError("no case to calibrate on")
    x = np.concatenate([case.logits for case in cases]).astype(np.float64)
    y = np.concatenate([case.lesion for case in cases])
    w = np.concatenate(
        [case.count * ((real_weight if case.kind == "real" else 1.0) / case.voxels) for case in cases]
    ).astype(np.float64)
    w /= w.sum()

    def loss(parameters):
        scale = np.exp(parameters[0])
        z = scale * x + parameters[1]
        error = w * (expit(z) - y)
        value = (w * (np.logaddexp(0, z) - y * z)).sum()
        # the loss of a voxel of a whole head is tiny; the optimiser's tolerance is not
        return 1e4 * value, 1e4 * np.array([(error * x).sum() * scale, error.sum()])

    found = optimize.minimize(loss, [0.0, 0.0], jac=True, method="L-BFGS-B", bounds=[(-2.5, 2.5), (-8, 8)])
    return float(np.exp(found.x[0])), float(found.x[1])


def reliability(cases: Sequence[Evidence], scale: float, bias: float, bins: int = 10) -> list[dict]:
    """Reliability by equal bins of the probability (ten: by decile), over the voxels with p >= 0.01 of all cases.

    One row a bin that holds voxels: ``from``, ``to``, ``voxels``, ``said`` (mean probability) and ``true`` (share of
    lesion). Voxels of certain background are left out: they are nearly all of a head and would hide every other error.
    """
    if not cases:
        return []
    p = expit(scale * np.concatenate([case.logits for case in cases]).astype(np.float64) + bias)
    y = np.concatenate([case.lesion for case in cases])
    count = np.concatenate([case.count for case in cases]).astype(np.float64)
    kept = p >= LOWEST
    p, y, count = p[kept], y[kept], count[kept]
    which = np.minimum((p * bins).astype(int), bins - 1)
    voxels = np.bincount(which, count, bins)
    said, true = np.bincount(which, count * p, bins), np.bincount(which, count * y, bins)
    return [
        {"from": n / bins, "to": (n + 1) / bins, "voxels": round(float(voxels[n])),
         "said": float(said[n] / voxels[n]), "true": float(true[n] / voxels[n])}
        for n in np.flatnonzero(voxels)
    ]  # fmt: skip


def calibration_error(cases: Sequence[Evidence], scale: float, bias: float) -> float:
    """Expected calibration error: the mean gap between said and true of :func:`reliability` in 20 bins, by voxels.

    0 where no voxel reaches a probability of 0.01.
    """
    rows = reliability(cases, scale, bias, BINS)
    voxels = sum(row["voxels"] for row in rows)
    return sum(row["voxels"] * abs(row["said"] - row["true"]) for row in rows) / voxels if voxels else 0.0
