"""How a patch is turned, scaled, mirrored and bent: everything in one resampling, on any device.

Voxel p of a patch of n voxels around the centre c lies at c + M (p - n // 2) of the case, with the drawn matrix M: with
nothing drawn a patch is made of the case's own voxels, not of values between them.
"""

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
    of patches mirrored left to right (the first axis). ``half_turns``: share of patches turned by 180 degrees about a
    random axis (Hashemi et al. 2019: three in four). ``bend_voxels``: largest shift of a smooth bend; 0 for none.
    """

    degrees: float = 20.0
    turned: float = 0.8
    scale: float = 1.15
    stretch: float = 1.04
    mirrored: float = 0.5
    half_turns: float = 0.0
    bend_voxels: float = 0.0

    def draw(self, rng: np.random.Generator) -> np.ndarray:
        """(3, 3) matrix that takes steps between the voxels of a patch to steps between those of the case."""
        angles = rng.uniform(-self.degrees, self.degrees, 3) * (rng.random() < self.turned)
        matrix = np.diag([-1.0 if rng.random() < self.mirrored else 1.0, 1.0, 1.0])
        if self.half_turns and rng.random() < self.half_turns:
            matrix = matrix @ np.diag(np.where(np.arange(3) == rng.integers(3), 1.0, -1.0))
        sizes = np.exp(rng.uniform(-1, 1) * np.log(self.scale) + rng.uniform(-1, 1, 3) * np.log(self.stretch))
        return matrix @ rotation(angles) @ np.diag(sizes)

    def draw_bend(self, rng: np.random.Generator, patch: Sequence[int]) -> torch.Tensor | None:
        """(3, g, g, g) shifts in voxels at knots about 16 voxels apart, or None without a bend."""
        if not self.bend_voxels:
            return None
        knots = [max(4, size // 16 + 2) for size in patch]
        return to_tensor(rng.uniform(-self.bend_voxels, self.bend_voxels, (3, *knots)).astype(np.float32))

    @property
    def on_grid(self) -> bool:
        """Whether patches are voxels of the case as they are, mirrored at most, so that nothing need be resampled."""
        return not (self.degrees and self.turned) and self.scale == self.stretch == 1 and not self.bend_voxels


def rotation(degrees: Sequence[float]) -> np.ndarray:
    """(3, 3) product of turns about the first, second and third axis."""
    matrix = np.eye(3)
    for axis, angle in enumerate(np.deg2rad(degrees)):
        a, b = (n for n in range(3) if n != axis)
        turn = np.eye(3)
        turn[a, a] = turn[b, b] = np.cos(angle)
        turn[a, b], turn[b, a] = -np.sin(angle), np.sin(angle)
        matrix = matrix @ turn
    return matrix


@dataclass(frozen=True)
class Source:
    """The part of a case that a patch is sampled from: image float32 or float16 (C, a, b, c), numbers (1, a, b, c).

    ``theta``: float32 (3, 4), patch to source in the units of ``torch.nn.functional.affine_grid``; None where the part
    is the patch already.
    """

    image: torch.Tensor
    numbers: torch.Tensor
    theta: torch.Tensor | None = None


def cut(case: Case, centre: np.ndarray, matrix: np.ndarray, patch: Sequence[int], stripped: bool = False) -> Source:
    """The patch around ``centre`` for a ``matrix`` that only mirrors axes; zeros beyond the case's edge."""
    patch, backward = np.asarray(patch), np.diag(matrix) < 0
    low = np.asarray(centre) - np.where(backward, patch - 1 - patch // 2, patch // 2)
    image, numbers = read(case, low, low + patch, np.float32, stripped)
    axes = [axis - 3 for axis in np.flatnonzero(backward)]
    return Source(image.flip(axes), numbers.flip(axes)) if axes else Source(image, numbers)


def extent(matrix: np.ndarray, patch: Sequence[int], margin: float = 0.0) -> np.ndarray:
    """Voxels per axis (3,) of the part of a case that a patch turned by ``matrix`` and bent by ``margin`` needs."""
    return 2 * np.ceil(np.abs(matrix) @ (np.asarray(patch) / 2) + 1 + margin).astype(int) + 2


def source_of(
    case: Case, centre: np.ndarray, matrix: np.ndarray, patch: Sequence[int], margin: float = 0.0,
    size: np.ndarray | None = None, stripped: bool = False,
) -> Source:  # fmt: skip
    """Read what a patch around ``centre``, turned by ``matrix``, needs of ``case``.

    ``margin``: voxels that a bend may reach further. ``size``: voxels per axis of the part, at least :func:`extent`,
    for parts of one size (a GPU's batch, float16 and zero beyond the case's edge); None for as few as suffice, float32.
    ``stripped``: with the brain alone, see :class:`Case`.
    """
    patch, shape = np.asarray(patch), np.array(case.lesions.shape)
    middle = np.asarray(centre) + matrix @ ((patch - 1) / 2 - patch // 2)
    whole = extent(matrix, patch, margin) if size is None else np.asarray(size)
    low = np.floor(middle - (whole - 1) / 2).astype(int)
    high = low + whole
    if size is None:  # what lies outside is zero either way
        low = np.clip(low, 0, shape - 2)
        high = np.clip(high, low + 2, shape)
    image, numbers = read(case, low, high, np.float32 if size is None else np.float16, stripped)
    # affine_grid counts from -1 to 1 between the outer voxel centres, axes in reverse order
    half = (high - low - 1) / 2
    scaled = matrix * ((patch - 1) / 2) / half[:, None]
    offset = (middle - low) / half - 1
    theta = np.column_stack([scaled[::-1, ::-1], offset[::-1]]).astype(np.float32)
    return Source(image, numbers, to_tensor(theta))


def read(
    case: Case, low: np.ndarray, high: np.ndarray, dtype: type, stripped: bool = False
) -> tuple[torch.Tensor, torch.Tensor]:
    """Voxels ``low`` up to ``high`` (3,) of a case: image of ``dtype`` (C, a, b, c), numbers float32 (1, a, b, c)."""
    size = np.asarray(high) - low
    first, last = np.clip(low, 0, case.lesions.shape), np.clip(high, 0, case.lesions.shape)
    box = tuple(slice(a, b) for a, b in zip(first, last))
    inner = tuple(slice(a, b) for a, b in zip(first - low, last - low))
    image = np.zeros((len(case.image), *size), dtype)
    numbers = np.zeros((1, *size), np.float32)
    image[(slice(None), *inner)] = case.image[(slice(None), *box)]
    numbers[(0, *inner)] = case.lesions[box]
    if stripped:
        image[(slice(None), *inner)] *= case.brain[box]
        image *= case.stripped_scale.astype(dtype)[:, None, None, None]
    return to_tensor(image), to_tensor(numbers)


def resample(
    image: torch.Tensor, numbers: torch.Tensor, theta: torch.Tensor, patch: Sequence[int],
    bend: torch.Tensor | None = None, numbered: bool = True,
) -> tuple[torch.Tensor, torch.Tensor]:  # fmt: skip
    """Sample patches from sources, on the device they are on.

    ``image``: float (B, C, a, b, c); ``numbers``: (B, 1, a, b, c), lesion numbers; ``theta``: (B, 3, 4), see
    :class:`Source`; ``bend``: (B, 3, g, g, g) shifts in patch voxels. Answers the image float32 (B, C, *patch), linear,
    and the lesion numbers float32 (B, 1, *patch): a voxel is lesion where the linear share of lesion exceeds one half,
    and has the number of the nearest lesion voxel there. ``numbered``: False answers 1 for every lesion, sooner.
    """
    image = image.float()
    grid = functional.affine_grid(theta, [len(theta), 1, *patch], align_corners=True)
    if bend is not None:
        shifts = functional.interpolate(bend, size=tuple(patch), mode="trilinear", align_corners=True)
        steps = theta[:, :, :3] / ((torch.tensor(list(patch)[::-1], device=theta.device) - 1) / 2)
        grid = grid + torch.einsum("bxy,byijk->bijkx", steps, shifts.flip(1))
    sampled = functional.grid_sample(torch.cat([image, (numbers > 0).float()], 1), grid, align_corners=True)
    lesion = sampled[:, -1:] > 0.5
    if not numbered:
        return sampled[:, :-1], lesion.float()
    nearest = functional.grid_sample(numbers, grid, mode="nearest", align_corners=True)
    return sampled[:, :-1], torch.where(lesion, _with_neighbours(nearest, lesion), torch.zeros_like(nearest))


def _with_neighbours(numbers: torch.Tensor, lesion: torch.Tensor) -> torch.Tensor:
    """``numbers`` with one of a neighbour at the few voxels of ``lesion`` (both (B, 1, i, j, k)) that have none."""
    batch, _, *at = (lesion & (numbers == 0)).nonzero(as_tuple=True)
    around = functional.pad(numbers, (1,) * 6)
    near = [around[batch, 0, at[0] + i, at[1] + j, at[2] + k] for i in range(3) for j in range(3) for k in range(3)]
    numbers[batch, 0, at[0], at[1], at[2]] = torch.stack(near).amax(dim=0)
    return numbers
