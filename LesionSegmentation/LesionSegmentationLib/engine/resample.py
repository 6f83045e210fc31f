"""Moving image values between grids: along the axes of one grid, or from one grid to another by geometry."""

from __future__ import annotations

import numpy as np
import SimpleITK

from .geometry import Geometry
from .volume import Volume, to_sitk


def resample_axes(array: np.ndarray, shape: tuple[int, int, int]) -> np.ndarray:
    """Return ``array`` (i, j, k) on a grid of ``shape`` over the same field of view, as float32.

    Linear along each axis; where an axis loses voxels the kernel widens with it, so that thin structures are averaged
    in rather than skipped. Outer faces of the two grids coincide: nothing moves in space.
    """
    for axis, count in enumerate(shape):
        if array.shape[axis] != count:
            weights = _linear_weights(array.shape[axis], count)
            array = np.moveaxis(np.tensordot(weights, array, axes=(1, axis)), 0, axis)
    return np.ascontiguousarray(array, dtype=np.float32)


def resampled_geometry(geometry: Geometry, shape: tuple[int, int, int]) -> Geometry:
    """Return the geometry of :func:`resample_axes`'s answer: ``shape`` voxels over the same field of view."""
    factor = np.array(geometry.shape) / np.array(shape)
    affine = geometry.affine.copy()
    affine[:3, :3] = geometry.affine[:3, :3] * factor
    affine[:3, 3] += geometry.affine[:3, :3] @ ((factor - 1) / 2)
    return Geometry(tuple(shape), affine)


def resample_to(volume: Volume, geometry: Geometry, outside: float = 0.0) -> np.ndarray:
    """Return the values of ``volume`` at the voxel centres of ``geometry`` (float32, linear; ``outside`` its field)."""
    image = to_sitk(Volume(volume.array.astype(np.float32), volume.geometry, volume.name))
    target = to_sitk(Volume(np.zeros(geometry.shape, np.uint8), geometry, "grid"))
    moved = SimpleITK.Resample(image, target, SimpleITK.Transform(), SimpleITK.sitkLinear, outside)
    return np.ascontiguousarray(SimpleITK.GetArrayFromImage(moved).transpose(2, 1, 0))


def _linear_weights(before: int, after: int) -> np.ndarray:
    """Rows sum to one: the share of each of ``before`` samples in each of ``after`` samples."""
    scale = before / after
    centres = (np.arange(after) + 0.5) * scale - 0.5
    distance = np.abs(np.arange(before)[None, :] - np.clip(centres, 0, before - 1)[:, None])
    weights = np.clip(1 - distance / max(scale, 1.0), 0, None)
    return (weights / weights.sum(axis=1, keepdims=True)).astype(np.float32)


def resample_mask(mask: Volume, geometry: Geometry) -> np.ndarray:
    """Return whether the voxel of ``mask`` nearest to each voxel centre of ``geometry`` is marked, bool (i, j, k).

    Beyond the mask's grid nothing is marked.
    """
    image = to_sitk(Volume((mask.array != 0).astype(np.uint8), mask.geometry, mask.name))
    target = to_sitk(Volume(np.zeros(geometry.shape, np.uint8), geometry, "grid"))
    moved = SimpleITK.Resample(image, target, SimpleITK.Transform(), SimpleITK.sitkNearestNeighbor, 0)
    return np.ascontiguousarray(SimpleITK.GetArrayFromImage(moved).transpose(2, 1, 0) > 0)
