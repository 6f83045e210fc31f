"""How a patch is turned, scaled, mirrored and bent: everything in one resampling, on any device."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch.nn import functional

from LesionSegmentationLib.engine.bridge import to_tensor

from .case_cache import Case


@dataclass(frozen=True)
class Spatial:
    """What is drawn for every patch.

    ``degrees``: largest turn about each axis; ``turned``: share of patches that are turned at all. ``scale``: largest
    change of size, as a factor (1.15: from 1/1.15 to 1.15), ``stretch``: of each axis on top of it. ``mirrored``: share
    of patches mirrored left to right (the first axis). ``bend_voxels``: largest shift of a smooth bend; 0 for none.
    """

    degrees: float = 20.0
    turned: float = 0.8
    scale: float = 1.15
    stretch: float = 1.04
    mirrored: float = 0.5
    bend_voxels: float = 0.0

    def draw(self, rng: np.random.Generator) -> np.ndarray:
        """(3, 3) matrix that takes steps between the voxels of a patch to steps between those of the case."""
        angles = np.deg2rad(rng.uniform(-self.degrees, self.degrees, 3)) * (rng.random() < self.turned)
        matrix = np.diag([-1.0 if rng.random() < self.mirrored else 1.0, 1.0, 1.0])
        for axis, angle in enumerate(angles):
            a, b = (n for n in range(3) if n != axis)
            turn = np.eye(3)
            turn[a, a] = turn[b, b] = np.cos(angle)
            turn[a, b], turn[b, a] = -np.sin(angle), np.sin(angle)
            matrix = matrix @ turn
        sizes = np.exp(rng.uniform(-1, 1) * np.log(self.scale) + rng.uniform(-1, 1, 3) * np.log(self.stretch))
        return matrix @ np.diag(sizes)

    def draw_bend(self, rng: np.random.Generator, patch: Sequence[int]) -> torch.Tensor | None:
        """(3, g, g, g) shifts in voxels at knots about 16 voxels apart, or None without a bend."""
        if not self.bend_voxels:
            return None
        knots = [max(4, size // 16 + 2) for size in patch]
        return to_tensor(rng.uniform(-self.bend_voxels, self.bend_voxels, (3, *knots)).astype(np.float32))

    @property
    def reach(self) -> float:
        """How many times the size of a patch the part of a case must be that holds every patch it may draw."""
        angle = np.deg2rad(self.degrees)
        # the largest row of a product of three turns: 1 + sin + sin
        return float((1 + 2 * np.sin(angle)) * self.scale * self.stretch) if self.degrees else self.scale * self.stretch


@dataclass(frozen=True)
class Source:
    """The part of a case that a patch is sampled from: image float32 (C, a, b, c), numbers float32 (1, a, b, c).

    ``theta``: float32 (3, 4), patch to source in the units of ``torch.nn.functional.affine_grid``.
    """

    image: torch.Tensor
    numbers: torch.Tensor
    theta: torch.Tensor


def source_of(
    case: Case, centre: np.ndarray, matrix: np.ndarray, patch: Sequence[int], size=None, margin=0.0
) -> Source:
    """Read what a patch around ``centre``, turned by ``matrix``, needs of ``case``; zeros beyond its edges.

    ``size``: voxels per axis of the part, for parts of one size (a GPU's batch); None for as few as suffice.
    ``margin``: voxels that a bend may reach further.
    """
    patch = np.asarray(patch)
    reach = np.abs(matrix) @ (patch / 2) + 1 + margin if size is None else np.asarray(size) / 2 - 0.5
    low = np.floor(np.asarray(centre) - reach).astype(int)
    high = low + (np.ceil(2 * reach).astype(int) + 2 if size is None else np.asarray(size))
    shape = np.array(case.lesions.shape)
    first, last = np.clip(low, 0, shape), np.clip(high, 0, shape)
    box = tuple(slice(a, b) for a, b in zip(first, last))
    before, after = first - low, high - last
    if size is None:  # what lies outside is zero either way
        low, high, before, after = first, np.maximum(last, first + 2), np.zeros(3, int), np.maximum(first + 2 - last, 0)
    padding = [(0, 0), *zip(before, after)]
    stacked = np.concatenate([case.image[(slice(None), *box)], case.lesions[box][None].astype(np.float32)])
    stacked = to_tensor(np.ascontiguousarray(np.pad(stacked.astype(np.float32), padding)))
    half = (high - low - 1) / 2
    # affine_grid counts from -1 to 1 between the outer voxel centres, axes in reverse order
    scaled = matrix * ((patch - 1) / 2) / half[:, None]
    offset = (np.asarray(centre) - low) / half - 1
    theta = np.column_stack([scaled[::-1, ::-1], offset[::-1]]).astype(np.float32)
    return Source(stacked[:-1], stacked[-1:], to_tensor(theta))


def resample(
    image: torch.Tensor,
    numbers: torch.Tensor,
    theta: torch.Tensor,
    patch: Sequence[int],
    bend: torch.Tensor | None = None,
) -> tuple[torch.Tensor, torch.Tensor]:
    """Sample patches from sources, on the device they are on.

    ``image``: float (B, C, a, b, c); ``numbers``: (B, 1, a, b, c), lesion numbers; ``theta``: (B, 3, 4), see
    :class:`Source`; ``bend``: (B, 3, g, g, g) shifts in patch voxels. Answers the image float32 (B, C, *patch), linear,
    and the lesion numbers float32 (B, 1, *patch): a voxel is lesion where the linear share of lesion exceeds one half,
    and has the number of the nearest lesion voxel there.
    """
    image, numbers = image.float(), numbers.float()
    grid = functional.affine_grid(theta, [len(theta), 1, *patch], align_corners=True)
    if bend is not None:
        shifts = functional.interpolate(bend, size=tuple(patch), mode="trilinear", align_corners=True)
        steps = theta[:, :, :3] / ((torch.tensor(list(patch)[::-1], device=theta.device) - 1) / 2)
        grid = grid + torch.einsum("bxy,byijk->bijkx", steps, shifts.flip(1))
    sampled = functional.grid_sample(torch.cat([image, (numbers > 0).float()], 1), grid, align_corners=True)
    nearest = functional.grid_sample(numbers, grid, mode="nearest", align_corners=True)
    around = functional.max_pool3d(nearest, 3, stride=1, padding=1)
    found = torch.where(nearest > 0, nearest, around)
    return sampled[:, :-1], torch.where(sampled[:, -1:] > 0.5, found, torch.zeros_like(found))
