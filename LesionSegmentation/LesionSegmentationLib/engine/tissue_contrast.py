"""What kind of image a head scan is, told from its grey values alone: FLAIR, T1 or T2.

Two questions answer it. Is the fluid in the middle of the head brighter than the brain (T2) or darker (FLAIR, T1)? And
is the white matter, which is thick, brighter than the grey matter, which is a thin ribbon next to the fluid (T1), or
darker (FLAIR)? The answer is for a warning: where the figures do not agree there is none.
"""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from .geometry import Geometry, to_canonical

__all__ = ["looks_like"]

_COARSE_MM = 3.0
_FEWEST_BLOCKS = 10
_SCALP_AND_SKULL_MM = 15.0
_BRAIN_HEIGHT_MM = 95.0  # below the vertex; further down are face and neck
_SHADING_MM = 12.0
_LEAST_BRAIN_ML = 100.0
_CT_AIR = -500.0


def looks_like(array: np.ndarray, geometry: Geometry) -> str | None:
    """Return ``"flair"``, ``"t1"`` (with contrast agent or without), ``"t2"`` or ``"ct"``; None where it is not clear.

    ``array`` (i, j, k): a head, with its skull or without, in any voxel order; ``geometry`` says where it lies. About a
    tenth of a second. Heads that are cut off, other parts of the body and other contrasts give None, or sometimes the
    kind that they resemble most.
    """
    image, spacing = _coarse(array, geometry)
    if min(image.shape) < _FEWEST_BLOCKS:
        return None
    if np.percentile(image, 5) < _CT_AIR:
        return "ct"
    positive = image[image > 0]
    if positive.size < 1000:
        return None
    image = np.clip(image / np.percentile(positive, 99), 0, 1)
    depth = ndimage.distance_transform_edt(np.pad(_head(image), 1), sampling=spacing)[1:-1, 1:-1, 1:-1]
    planes = np.flatnonzero((depth > 0).mean((0, 1)) > 0.01)
    if planes.size:
        depth[:, :, : max(0, int(planes[-1] - _BRAIN_HEIGHT_MM / spacing[2]))] = 0
    brain = depth > _SCALP_AND_SKULL_MM
    if brain.sum() * np.prod(spacing) / 1000 < _LEAST_BRAIN_ML:
        return None
    fluid = _skew(image[depth > depth.max() / 2])
    if abs(fluid) < 0.2:
        return None
    if fluid > 0:
        return "t2"
    tail, inward = _matter(image, brain, spacing)
    if tail < -0.2 and inward > 0.1:
        return "t1"
    if tail > -0.1 and inward < 0.05:
        return "flair"
    return None


def _coarse(array: np.ndarray, geometry: Geometry) -> tuple[np.ndarray, np.ndarray]:
    """Means over blocks of about _COARSE_MM, float32 in nearest-RAS order, and their size in mm."""
    size = np.maximum(1, np.rint(_COARSE_MM / geometry.spacing)).astype(int)
    counts = np.array(array.shape) // size
    image = array[tuple(slice(0, count * n) for count, n in zip(counts, size))]
    for axis in range(3):
        starts = np.arange(counts[axis]) * size[axis]
        image = np.add.reduceat(image, starts, axis=axis, dtype=np.float32)
    _, order, flips = geometry.canonical()
    return to_canonical(image / size.prod(), order, flips), (geometry.spacing * size)[list(order)]


def _head(image: np.ndarray) -> np.ndarray:
    """The largest bright piece with its holes filled."""
    head = ndimage.binary_opening(image > 0.12)
    labels, count = ndimage.label(head)
    if count > 1:
        head = labels == 1 + np.argmax(np.bincount(labels.ravel())[1:])
    head = ndimage.binary_closing(np.pad(head, 5), iterations=5)[5:-5, 5:-5, 5:-5]
    for axis in range(3):
        planes = [ndimage.binary_fill_holes(plane) for plane in np.moveaxis(head, axis, 0)]
        head = np.moveaxis(np.stack(planes), 0, axis)
    return head


def _matter(image: np.ndarray, brain: np.ndarray, spacing: np.ndarray) -> tuple[float, float]:
    """How the solid part of the brain varies, shading removed: the skew of its values, and whether they rise inward.

    The bulk is white matter, so grey matter is the longer tail, below it in T1 and above it in FLAIR. The second figure
    is the correlation (-1 to 1) with the distance to the nearest fluid.
    """
    middle = np.median(image[brain])
    matter = brain & (image > 0.65 * middle) & (image < 1.5 * middle)
    width = _SHADING_MM / spacing
    share = ndimage.gaussian_filter(matter.astype(np.float32), width)
    shading = ndimage.gaussian_filter(np.where(matter, image, 0).astype(np.float32), width) / np.maximum(share, 1e-3)
    distance = ndimage.distance_transform_edt(matter, sampling=spacing)
    # Voxels beside the fluid hold some of it.
    solid = matter & (distance > 1.2 * spacing.max())
    if solid.sum() < 500:
        return 0.0, 0.0
    values = image[solid] / np.maximum(shading[solid], 1e-3)
    return _skew(values, 5, 95), float(np.corrcoef(values, distance[solid])[0, 1])


def _skew(values: np.ndarray, low: float = 2, high: float = 98) -> float:
    """How much longer the upper tail is than the lower one, -1 to 1, from percentiles."""
    below, middle, above = np.percentile(values, [low, 50, high])
    return float((above + below - 2 * middle) / (above - below)) if above > below else 0.0
