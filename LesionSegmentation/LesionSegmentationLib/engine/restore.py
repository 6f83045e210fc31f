"""From the network's grid back to the reference image."""

from __future__ import annotations

import numpy as np

from .geometry import from_canonical
from .prepare import Prepared
from .resample import resample_axes


def restore(values: np.ndarray, prepared: Prepared, outside: float = 0.0) -> np.ndarray:
    """Return ``values`` (i, j, k on the cropped working grid) on the reference grid, float32, C-contiguous.

    Outside the crop lies ``outside``. Exact where only voxel order and direction differ, linear where resampled.
    """
    canonical, order, flips = prepared.reference.canonical()
    whole = np.full(prepared.working.shape, outside, np.float32)
    whole[prepared.crop] = values
    return from_canonical(resample_axes(whole, canonical.shape), order, flips)
