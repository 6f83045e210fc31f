"""The weight of a patch's voxels when overlapping patches are fused (Hashemi et al. 2019)."""

from __future__ import annotations

import numpy as np


def spline_window(length: int) -> np.ndarray:
    """Return the window along one axis of ``length`` voxels, float32: a piecewise quadratic bump between 0 and 1.

    With t the triangle that rises from 0 to 1 and falls back, w = 2 t^2 below 1/2 and 1 - 2 (1 - t)^2 above. Windows
    at half a length's distance add up to one (for even lengths), so they blend without a seam. The weight of a voxel
    in a 3D patch is the product over its axes. The authors' released code scales the window to mean 1, which is twice
    this, and then divides by half of what the windows sum to, so its fused probabilities come out doubled.
    """
    t = 1 - np.abs((np.arange(length) + 0.5) / (length / 2) - 1)
    return np.where(t < 0.5, 2 * t**2, 1 - 2 * (1 - t) ** 2).astype(np.float32)
