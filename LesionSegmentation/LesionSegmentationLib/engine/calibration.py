"""From a network's logits to lesion probabilities."""

from __future__ import annotations

import math

import numpy as np
from scipy.special import expit

HIGHEST_SHIFT = 1.0
# log odds below which a voxel adds nothing to a sum that matters
HOPELESS = -15.0
_STEPS = 100


def calibrated(logits: np.ndarray, calibration: dict, voxel_ml: float) -> tuple[np.ndarray, float]:
    """Return the probabilities of ``logits`` as float32, and the shift in their log odds; see :func:`log_odds`."""
    odds, shift = log_odds(logits, calibration, voxel_ml)
    return (1 / (1 + np.exp(-np.clip(odds, -80, 80)))).astype(np.float32), shift


def log_odds(
    logits: np.ndarray, calibration: dict, voxel_ml: float, count: np.ndarray | None = None
) -> tuple[np.ndarray, float]:
    """Return (scale * logit + bias + shift as float32, shift).

    ``calibration``: a bundle's entry: ``scale`` > 0, ``bias`` and, where known, ``usual_ml``, the mean lesion load of
    the cases that these were fitted on; without it the shift is 0, else see :func:`load_shift`. ``voxel_ml``: volume of
    a voxel of ``logits``; ``count``: how many voxels each of them stands for, one when left out.
    """
    odds = np.float32(calibration["scale"]) * logits + np.float32(calibration["bias"])
    usual_ml = calibration.get("usual_ml")
    if not usual_ml:
        return odds, 0.0
    near = odds > HOPELESS
    shift = load_shift(odds[near], usual_ml / voxel_ml, None if count is None else count[near])
    return odds + np.float32(shift), shift


def load_shift(odds: np.ndarray, usual: float, count: np.ndarray | None = None) -> float:
    """Return what is to be added to the log odds of an image because it shows more lesion than usual; 0 to 1.

    ``odds``: log odds of its voxels, any shape, right for images of ``usual`` lesion voxels in the mean; ``count``: how
    many voxels each stands for. A bias that is right on average is too low for a head full of lesions and would leave
    half of them out. The prior odds of the image are raised until its probabilities add up to the load that these odds
    stand for (Saerens et al., Neural Computation 2002;14:21-41, their EM with the voxels as the sample). Only upwards,
    since a few faint lesions would otherwise argue themselves away, and at most e-fold, since voxels of one image are
    no independent sample.
    """
    odds = np.asarray(odds, np.float64)
    shift = 0.0
    for _ in range(_STEPS):
        probability = expit(odds + shift)
        load = float((probability if count is None else probability * count).sum())
        before, shift = shift, min(max(math.log(load / usual), 0.0), HIGHEST_SHIFT) if load > 0 else 0.0
        if abs(shift - before) < 1e-4:
            break
    return shift
