"""How the grey values of an image become what a network sees."""

from __future__ import annotations

import math

import numpy as np

from .errors import InputError

# Between air (0) and the median of the tissue (1).
TISSUE = 0.25


def standardise(values: np.ndarray) -> np.ndarray:
    """Scale an MR image (i, j, k) so that air is near 0 and the median of the tissue is 1; clipped to [0, 5], float32.

    Whole-image rule, the same in training: the lowest half per cent counts as air, and tissue is what exceeds a quarter
    of the 98th percentile. It needs no brain mask and does not depend on the voxel order.
    """
    values = values.astype(np.float32, copy=False)
    sample = np.sort(values, axis=None)
    air = sample[int(0.005 * (sample.size - 1))]
    bright = sample[int(0.98 * (sample.size - 1))]
    first_tissue = np.searchsorted(sample, air + 0.25 * (bright - air), side="right")
    tissue = sample[first_tissue:]
    unit = (tissue[tissue.size // 2] - air) if tissue.size else np.float32(0)
    if not unit > 0:
        return np.zeros_like(values)
    return np.clip((values - air) / unit, 0, 5)


def windowed(values: np.ndarray, window: tuple[float, float]) -> np.ndarray:
    """Map the ``window`` (low, high) of an image, such as Hounsfield units of CT, to [0, 1] and clip; float32."""
    low, high = (np.float32(edge) for edge in window)
    return np.clip((values.astype(np.float32, copy=False) - low) / (high - low), 0, 1)


def scaled(values: np.ndarray, intensity: dict | None) -> np.ndarray:
    """Apply a plan's ``intensity`` rule: None for :func:`standardise`, {"window": [low, high]} for :func:`windowed`."""
    return standardise(values) if intensity is None else windowed(values, intensity["window"])


def head_mask(scaled_values: np.ndarray, intensity: dict | None = None) -> np.ndarray:
    """Return where an image (i, j, k) scaled by the rule ``intensity`` shows tissue rather than air, bool.

    In a windowed image that is all above the window's lower edge.
    """
    return scaled_values > (TISSUE if intensity is None else 0)


def check_intensity(intensity: dict | None, source: str) -> None:
    """Raise InputError, naming ``source``, unless ``intensity`` is None or {"window": [low, high]} with low < high."""
    if intensity is None:
        return
    window = intensity.get("window") if isinstance(intensity, dict) and len(intensity) == 1 else None
    numbers = isinstance(window, (list, tuple)) and len(window) == 2
    numbers = numbers and all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in window)
    if not (numbers and all(math.isfinite(v) for v in window) and window[0] < window[1]):
        raise InputError(
            f'The intensity rule of {source} is {intensity}; it must be {{"window": [low, high]}} with low < high, '
            "or be left out for MR images."
        )
