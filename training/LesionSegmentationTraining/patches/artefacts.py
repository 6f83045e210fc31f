"""What goes wrong in a scanner, on a patch: thick slices, motion, ghosts. Tensors (1, i, j, k) on any device.

After the descriptions of the artefacts in TorchIO (Perez-Garcia et al. 2021) and Shaw et al. 2019 (motion as a
mixture of the k-spaces of a moved head).
"""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional


def thick_slices(image: torch.Tensor, random: np.random.RandomState, thickest: float = 5.0) -> torch.Tensor:
    """Slices of 2 to ``thickest`` voxels along one axis (mostly the last), through their mean, and linear back."""
    size = list(image.shape[1:])
    axis = int(random.choice(3, p=[0.2, 0.2, 0.6]))
    small = list(size)
    small[axis] = max(2, round(size[axis] / random.uniform(2, thickest)))
    thick = functional.interpolate(image[None], size=small, mode="area")
    return functional.interpolate(thick, size=size, mode="trilinear", align_corners=False)[0]


def motion(image: torch.Tensor, random: np.random.RandomState, voxels: float = 3.0, moves: int = 2) -> torch.Tensor:
    """The head lay still, then elsewhere: parts of the k-space lines along one axis come from shifted copies.

    ``voxels``: farthest shift per axis; ``moves``: largest number of moves. The middle of k-space, which holds the
    contrast, stays that of the first position.
    """
    axis = int(random.choice(3)) + 1
    spectrum = torch.fft.fftn(image, dim=(1, 2, 3))
    size = image.shape[axis]
    moved = spectrum
    for _ in range(random.randint(1, moves + 1)):
        shifted = spectrum
        for along, shift in enumerate(random.uniform(-voxels, voxels, 3), start=1):
            phase = -2 * np.pi * shift * torch.fft.fftfreq(image.shape[along], device=image.device)
            shifted = shifted * torch.polar(torch.ones_like(phase), phase).reshape(_along(along, image.shape[along]))
        # lines of the outer k-space from a random one on
        line = torch.fft.fftfreq(size, device=image.device).abs()
        late = (line > random.uniform(0.08, 0.35)).reshape(_along(axis, size))
        moved = torch.where(late, shifted, moved)
    return torch.fft.ifftn(moved, dim=(1, 2, 3)).real.to(image.dtype)


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


def _along(axis: int, size: int) -> list[int]:
    shape = [1, 1, 1, 1]
    shape[axis] = size
    return shape
