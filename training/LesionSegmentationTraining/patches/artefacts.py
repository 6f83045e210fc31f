"""What goes wrong in a scanner, on a patch: shading, noise, blur, thick slices, motion, ghosts.

Images are tensors (1, i, j, k) on any device, 0 air and 1 tissue; everything is drawn from ``random``, noise by a
generator of the image's own device that is seeded from it.

After the descriptions of the artefacts in TorchIO (Perez-Garcia et al. 2021) and Shaw et al. 2019 (motion as a
mixture of the k-spaces of a moved head).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch.nn import functional

from LesionSegmentationLib.engine.bridge import to_tensor

from .spatial import rotation


def bias_field(
    image: torch.Tensor, random: np.random.RandomState, strength: float = 0.12, degree: int = 3
) -> torch.Tensor:
    """Shading: the image times the exponential of a polynomial (products of Legendre polynomials up to ``degree``).

    ``strength``: largest coefficient, either sign (van Leemput et al. 1999 for the form).
    """
    orders = np.indices((degree + 1,) * 3).sum(axis=0)
    coefficients = random.uniform(-strength, strength, orders.shape) * ((orders > 0) & (orders <= degree))
    bases = [np.polynomial.legendre.legvander(np.linspace(-1, 1, size), degree) for size in image.shape[1:]]
    factors = [to_tensor(array.astype(np.float32)).to(image.device) for array in (coefficients, *bases)]
    # one axis after the other: a full-size array arises only at the end
    field = torch.einsum("abc,kc->abk", factors[0], factors[3])
    field = torch.einsum("abk,jb->ajk", field, factors[2])
    return image * torch.einsum("ajk,ia->ijk", field, factors[1]).exp()


def gaussian_noise(image: torch.Tensor, random: np.random.RandomState, std: float = 0.06) -> torch.Tensor:
    """Noise of a standard deviation between 0 and ``std``."""
    return image + float(random.uniform(0, std)) * _noise(image, random)


def rician_noise(image: torch.Tensor, random: np.random.RandomState, std: float = 0.06) -> torch.Tensor:
    """Noise of a magnitude image: complex, of a standard deviation between 0 and ``std`` (Gudbjartsson, Patz 1995)."""
    strength = float(random.uniform(0, std))
    return torch.hypot(image + strength * _noise(image, random), strength * _noise(image, random))


def smooth(image: torch.Tensor, random: np.random.RandomState, sigma: Sequence[float] = (0.3, 0.9)) -> torch.Tensor:
    """Gaussian blur; its width, in voxels, is drawn per axis. Beyond the patch lies what lies at its rim."""
    radius = int(np.ceil(3 * max(sigma)))
    steps = torch.arange(-radius, radius + 1, device=image.device)
    for axis, width in enumerate(random.uniform(*sigma, 3), start=1):
        weights = torch.exp(-0.5 * (steps / float(width)) ** 2)
        weights = (weights / weights.sum()).to(image.dtype)
        size = image.shape[axis]
        taken = (torch.arange(size, device=image.device)[:, None] + steps).clamp(0, size - 1)
        matrix = image.new_zeros(size, size).scatter_add_(1, taken, weights.expand(size, -1))
        image = torch.tensordot(matrix, image, ([1], [axis])).movedim(0, axis)
    return image.contiguous()


def thick_slices(image: torch.Tensor, random: np.random.RandomState, thickest: float = 5.0) -> torch.Tensor:
    """Slices of 2 to ``thickest`` voxels along one axis (mostly the last), through their mean, and linear back."""
    size = list(image.shape[1:])
    axis = int(random.choice(3, p=[0.2, 0.2, 0.6]))
    small = list(size)
    small[axis] = max(2, round(size[axis] / random.uniform(2, thickest)))
    thick = functional.interpolate(image[None], size=small, mode="area")
    return functional.interpolate(thick, size=size, mode="trilinear", align_corners=False)[0]


def motion(
    image: torch.Tensor, random: np.random.RandomState, voxels: float = 3.0, degrees: float = 3.0, moves: int = 2
) -> torch.Tensor:
    """The head lay still, then elsewhere: parts of the k-space lines along one axis come from moved copies.

    ``voxels``, ``degrees``: farthest shift and turn per axis; ``moves``: largest number of moves. The middle of
    k-space, which holds the contrast, stays that of the first position.
    """
    axis = int(random.choice(3)) + 1
    size = image.shape[axis]
    line = torch.fft.fftfreq(size, device=image.device).abs().reshape(_along(axis, size))
    mixed = torch.fft.fftn(image, dim=(1, 2, 3))
    for _ in range(random.randint(1, moves + 1)):
        turn = rotation(random.uniform(-degrees, degrees, 3))
        shift = random.uniform(-voxels, voxels, 3) * 2 / np.array(image.shape[1:])
        theta = to_tensor(np.column_stack([turn, shift]).astype(np.float32)).to(image.device)
        grid = functional.affine_grid(theta[None], [1, 1, *image.shape[1:]], align_corners=False)
        moved = functional.grid_sample(image[None], grid, padding_mode="border", align_corners=False)[0]
        late = line > random.uniform(0.08, 0.35)
        mixed = torch.where(late, torch.fft.fftn(moved, dim=(1, 2, 3)), mixed)
    return torch.fft.ifftn(mixed, dim=(1, 2, 3)).real.to(image.dtype)


def ghosts(image: torch.Tensor, random: np.random.RandomState, strongest: float = 0.25) -> torch.Tensor:
    """Fainter copies of the image along one axis: every n-th line of k-space is stronger than the others."""
    axis = int(random.choice(3)) + 1
    every = int(random.randint(2, 6))
    spectrum = torch.fft.fft(image, dim=axis)
    size = image.shape[axis]
    strength = float(random.uniform(0.02, strongest))
    lines = torch.arange(size, device=image.device)
    gain = 1 + strength * ((lines % every == 0).float() * every - 1)
    # the middle of k-space keeps its strength, so the image its brightness
    gain[torch.fft.fftfreq(size, device=image.device).abs() < 0.02] = 1
    return torch.fft.ifft(spectrum * gain.reshape(_along(axis, size)), dim=axis).real.to(image.dtype)


def _noise(image: torch.Tensor, random: np.random.RandomState) -> torch.Tensor:
    generator = torch.Generator(image.device).manual_seed(int(random.randint(2**31)))
    return torch.randn(image.shape, generator=generator, device=image.device, dtype=image.dtype)


def _along(axis: int, size: int) -> list[int]:
    shape = [1, 1, 1, 1]
    shape[axis] = size
    return shape
