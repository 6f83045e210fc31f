"""Training patches: where they lie and how they are turned, by step and seed alone, so that a run can be resumed."""

from __future__ import annotations

import numpy as np
import torch

from LesionSegmentationLib.engine.bridge import to_tensor
from LesionSegmentationLib.engine.prepare import TISSUE

from .augmentation import augment
from .cases import Case

JITTER = 20


class PatchBatches(torch.utils.data.Dataset):
    """Batch number n of a run: ``(image (batch, 2, p, p, p) float32, target (batch, 1, p, p, p) float32)``.

    The batch depends on ``seed`` and n only. ``lesion_share`` of the patches lie around a lesion (after Hashemi et al.
    2019: a random lesion voxel with jitter; the lesion is drawn evenly, so that small ones count as much as large
    ones), the others anywhere in the head. ``real_share`` of the patches come from real cases.
    """

    def __init__(
        self,
        cases: list[Case],
        *,
        patch: int,
        batch: int,
        batches: int,
        seed: int,
        lesion_share: float,
        real_share: float,
        first: int = 0,
    ):
        self.groups = [[c for c in cases if c.real], [c for c in cases if not c.real]]
        self.patch, self.batch, self.batches, self.seed, self.first = patch, batch, batches, seed, first
        self.lesion_share, self.real_share = lesion_share, real_share

    def __len__(self) -> int:
        return self.batches - self.first

    def __getitem__(self, index: int) -> tuple[torch.Tensor, torch.Tensor]:
        rng = np.random.default_rng([self.seed, self.first + index])
        drawn = [self._patch(rng) for _ in range(self.batch)]
        return torch.stack([image for image, _ in drawn]), torch.stack([target for _, target in drawn])

    def _patch(self, rng: np.random.Generator) -> tuple[torch.Tensor, torch.Tensor]:
        real, synthetic = self.groups
        group = real if real and (not synthetic or rng.random() < self.real_share) else synthetic
        at_lesion = rng.random() < self.lesion_share
        case = group[draw_case(rng, group, at_lesion)]
        image, target = cut(case, patch_centre(rng, case, at_lesion), random_turn(rng), self.patch)
        return augment(rng, image), target


def draw_case(rng: np.random.Generator, group: list[Case], at_lesion: bool) -> int:
    """Index of a case: any for a patch anywhere; for a patch at a lesion likelier the more lesion a case has.

    The root of the load: with even odds most patches would show a few lesion voxels among a million others.
    """
    if not at_lesion:
        return int(rng.integers(len(group)))
    odds = np.sqrt([case.facts["load_ml"] for case in group])
    return int(rng.choice(len(group), p=odds / odds.sum())) if odds.any() else int(rng.integers(len(group)))


def patch_centre(rng: np.random.Generator, case: Case, at_lesion: bool) -> np.ndarray:
    """Voxel (3,) a patch is centred on: near an evenly drawn lesion, or anywhere the flair shows tissue."""
    if at_lesion and len(case.centres):
        lesion = rng.integers(case.centres[-1, 0] + 1)
        voxels = case.centres[case.centres[:, 0] == lesion, 1:]
        return voxels[rng.integers(len(voxels))] + rng.integers(-JITTER, JITTER + 1, 3)
    shape = np.array(case.mask.shape)
    for _ in range(50):
        at = (rng.random(3) * shape).astype(int)
        if case.image[0, at[0], at[1], at[2]] > TISSUE:
            return at
    return shape // 2


def random_turn(rng: np.random.Generator) -> np.ndarray:
    """(3, 3) matrix: mirrored left to right half of the time, turned up to 20 degrees about each axis, scaled."""
    angles = np.deg2rad(rng.uniform(-20, 20, 3)) if rng.random() < 0.8 else np.zeros(3)
    matrix = np.diag([-1.0 if rng.random() < 0.5 else 1.0, 1.0, 1.0])
    for axis, angle in enumerate(angles):
        a, b = [n for n in range(3) if n != axis]
        turn = np.eye(3)
        turn[a, a] = turn[b, b] = np.cos(angle)
        turn[a, b], turn[b, a] = -np.sin(angle), np.sin(angle)
        matrix = matrix @ turn
    return matrix @ np.diag(rng.uniform(0.85, 1.15) * rng.uniform(0.96, 1.04, 3))


def cut(case: Case, centre: np.ndarray, turn: np.ndarray, patch: int) -> tuple[torch.Tensor, torch.Tensor]:
    """Sample a cube of ``patch`` voxels around ``centre`` through ``turn``, image and mask in one resampling.

    Zeros outside the case. Returns float32 (2, p, p, p) and float32 (1, p, p, p) of 0 and 1.
    """
    axis = np.arange(patch) - (patch - 1) / 2
    reach = np.abs(turn) @ np.full(3, patch / 2) + 1
    shape = np.array(case.mask.shape)
    low = np.clip(np.floor(centre - reach), 0, shape - 2).astype(int)
    high = np.clip(np.ceil(centre + reach) + 1, low + 2, shape).astype(int)
    box = tuple(slice(a, b) for a, b in zip(low, high))
    stacked = np.concatenate([case.image[(slice(None), *box)], case.mask[box][None]]).astype(np.float32)
    # affine_grid counts in units of half the box, axes reversed; theta maps patch units to box units
    size = high - low
    theta = turn * (axis[-1] / ((size[:, None] - 1) / 2))
    offset = (centre - low) / ((size - 1) / 2) - 1
    matrix = to_tensor(np.column_stack([theta[::-1, ::-1], offset[::-1]]).astype(np.float32))[None]
    grid = torch.nn.functional.affine_grid(matrix, (1, 1, patch, patch, patch), align_corners=True)
    sampled = torch.nn.functional.grid_sample(to_tensor(stacked)[None], grid, align_corners=True)[0]
    return sampled[:-1], (sampled[-1:] > 0.5).float()
