"""What a scanner does to an image: blur, bias field, thick slices, noise. Arrays are (i, j, k) float32 at 1 mm."""

from __future__ import annotations

import numpy as np
import torch
from scipy import ndimage

from LesionSegmentationLib.engine.bridge import to_array, to_tensor


def smooth_field(rng: np.random.Generator, shape: tuple[int, int, int], wavelength_mm: float) -> np.ndarray:
    """Smooth random field, standard deviation 1, that changes over about ``wavelength_mm`` (voxels of 1 mm)."""
    coarse = [max(3, int(np.ceil(size / wavelength_mm)) + 3) for size in shape]
    seedlings = to_tensor(rng.standard_normal(coarse).astype(np.float32))[None, None]
    # twice as fine, smoothed once, then linear: cheap and without the creases of a purely linear field
    fine = torch.nn.functional.interpolate(seedlings, scale_factor=2, mode="trilinear", align_corners=False)
    fine = torch.nn.functional.avg_pool3d(fine, 3, stride=1, padding=1, count_include_pad=False)
    field = to_array(torch.nn.functional.interpolate(fine, size=shape, mode="trilinear", align_corners=True)[0, 0])
    return (field - field.mean()) / max(float(field.std()), 1e-6)


def bias_field(rng: np.random.Generator, shape: tuple[int, int, int], strength: float) -> np.ndarray:
    """Multiplicative receive-coil shading around 1."""
    return np.exp(strength * smooth_field(rng, shape, 0.7 * max(shape))).astype(np.float32)


def slice_profile(
    rng: np.random.Generator, image: np.ndarray, thickness: tuple[float, float, float], noise: float
) -> np.ndarray:
    """Sample ``image`` at voxels of ``thickness`` mm per axis, add Rician noise there, and bring it back to 1 mm.

    The noise is added on the coarse grid, where a scanner adds it, so that it is smooth between slices afterwards.
    """
    sigma = [0.4 * max(step - 1.0, 0.0) for step in thickness]
    coarse = ndimage.gaussian_filter(image, sigma) if max(sigma) > 0 else image
    shape = image.shape
    small = [max(2, round(size / step)) for size, step in zip(shape, thickness)]
    mode = {"mode": "trilinear", "align_corners": True}
    tensor = to_tensor(np.ascontiguousarray(coarse))[None, None]
    if small != list(shape):
        tensor = torch.nn.functional.interpolate(tensor, size=small, **mode)
    noisy = rician(rng, to_array(tensor[0, 0]), noise)
    if small != list(shape):
        noisy = to_array(torch.nn.functional.interpolate(to_tensor(noisy)[None, None], size=shape, **mode)[0, 0])
    return noisy


def rician(rng: np.random.Generator, image: np.ndarray, sigma: float) -> np.ndarray:
    """Magnitude of ``image`` plus complex Gaussian noise of standard deviation ``sigma``."""
    real = image + sigma * rng.standard_normal(image.shape, np.float32)
    imaginary = sigma * rng.standard_normal(image.shape, np.float32)
    return np.hypot(real, imaginary)


def random_thickness(rng: np.random.Generator) -> tuple[float, float, float]:
    """Voxel size in mm per axis: a third isotropic, else slices of 2 to 5 mm along any axis (axial most often)."""
    if rng.random() < 0.35:
        return (float(rng.uniform(0.8, 1.2)),) * 3
    axis = rng.choice(3, p=[0.2, 0.15, 0.65])
    thickness = [float(rng.uniform(0.8, 1.2))] * 3
    thickness[axis] = float(rng.uniform(2.0, 5.0))
    return tuple(thickness)
