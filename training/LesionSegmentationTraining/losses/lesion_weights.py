"""Inverse lesion weights: every lesion counts the same, however small (Shirokikh et al. 2020, arXiv 2007.10033).

With K lesions L_1..L_K and the background L_0 in N voxels, w_k = N / ((K + 1) |L_k|), so that every lesion and the
background have total weight N / (K + 1).

Two consequences of the published form, which computes this per patch and clips to [1, 2e5]:

- Background has |L_0| near N, so w_0 is near 1 / (K + 1), below 1, and is **always clipped up to 1**: it then weighs
  about K + 1 times as much as a lesion. Without clipping it weighs as much as one lesion.
- A **sliver** of a lesion, cut off by the edge of the patch, weighs as much as a whole lesion; one voxel of it gets
  N / (K + 1), the largest weight in the patch, for what is only the rim of something else.

So weights are computed here from the sizes of the WHOLE image's lesions, and looked up in the patch;
:func:`patch_weights` is the published form, for reproduction.
"""

from __future__ import annotations

import numpy as np

from LesionSegmentationLib.engine.errors import InputError

PUBLISHED_CLIP = (1.0, 2e5)


def weight_by_size(sizes: np.ndarray, voxels: int, clip: tuple[float, float] | None = None) -> np.ndarray:
    """Weight of label 0 (background), 1, ..., K, float32 (K + 1,): look a map up with ``weights[labels]``.

    sizes: (K,) voxels of each lesion in the whole image, 0 for a number that is not used (it gets weight 0 and does
    not count in K). voxels: N, voxels of the whole image. clip: (lowest, highest) weight of labels in use, or None.
    """
    sizes = np.asarray(sizes, dtype=np.float64).ravel()
    background = voxels - sizes.sum()
    if (sizes < 0).any() or background < 0:
        raise InputError(f"Lesions of {sizes.sum():.0f} voxels do not fit an image of {voxels} voxels.")
    counts = np.concatenate([[background], sizes])
    used = counts > 0
    weights = np.zeros(len(counts))
    weights[used] = voxels / ((1 + used[1:].sum()) * counts[used])
    if clip is not None:
        weights[used] = np.clip(weights[used], *clip)
    return weights.astype(np.float32)


def patch_weights(labels: np.ndarray, clip: tuple[float, float] | None = PUBLISHED_CLIP) -> np.ndarray:
    """The published patch-wise map, float32 of the shape of ``labels``.

    labels: integers >= 0 of any shape, the lesions' numbers in one patch, 0 background; numbers may be missing.
    """
    if labels.size == 0:
        return np.zeros(labels.shape, np.float32)
    sizes = np.bincount(labels.ravel())
    return weight_by_size(sizes[1:], labels.size, clip)[labels]
