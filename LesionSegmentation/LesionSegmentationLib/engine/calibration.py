"""From a network's logits to lesion probabilities."""

from __future__ import annotations

import numpy as np


def calibrated(logits: np.ndarray, calibration: dict) -> np.ndarray:
    """Return sigmoid(scale * logit + bias) as float32; ``calibration``: a bundle's entry, with ``scale`` > 0."""
    odds = np.float32(calibration["scale"]) * np.asarray(logits, np.float32) + np.float32(calibration["bias"])
    return (1 / (1 + np.exp(-np.clip(odds, -80, 80)))).astype(np.float32)
