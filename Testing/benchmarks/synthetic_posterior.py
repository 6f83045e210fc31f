"""A lesion posterior of a realistic kind, made up: blobs of all sizes, soft borders, faint haze."""

from __future__ import annotations

import numpy as np
from scipy import ndimage


def synthetic_posterior(size: int, lesions: int, seed: int) -> np.ndarray:
    """Return probabilities, float32 (size, size, size): ``lesions`` blobs of 1 to 8 voxels' radius in a faint haze."""
    rng = np.random.default_rng(seed)
    logit = np.full((size, size, size), -9.0, np.float32)
    middle = slice(size // 6, size - size // 6)
    haze = ndimage.gaussian_filter(rng.normal(size=logit[middle, middle, middle].shape).astype(np.float32), 2)
    logit[middle, middle, middle] += 1.0 * haze / haze.std()
    offsets = np.stack(np.meshgrid(*[np.arange(-14, 15)] * 3, indexing="ij")).astype(np.float32)
    for _ in range(lesions):
        centre = rng.integers(size // 6 + 14, size - size // 6 - 14, 3)
        radius = np.exp(rng.uniform(np.log(1.0), np.log(8.0)))
        stretch = np.exp(rng.normal(0, 0.25, 3))
        distance = np.sqrt(((offsets / stretch[:, None, None, None]) ** 2).sum(axis=0))
        blob = rng.uniform(1.0, 4.0) + (radius - distance) * 2.5
        place = tuple(slice(c - 14, c + 15) for c in centre)
        np.maximum(logit[place], blob.astype(np.float32), out=logit[place])
    return (1 / (1 + np.exp(-logit))).astype(np.float32)
