"""Batches a second: this package's patches against MONAI's usual way, on the same volumes in the same run.

python Testing/benchmarks/patches.py [--batches 32] [--patch 64] [--workers 1]

MONAI's way: volumes and the places of lesion and background voxels in memory (CacheDataset, FgBgToIndicesd),
RandCropByPosNegLabeld, then RandAffined, RandFlipd and intensity transforms on the patch, in a DataLoader with as many
workers; once as it comes, where CacheDataset copies the whole cached volume for every draw, and once with
copy_cache=False. Ours: the memory-mapped cache and PatchBatches. First patches alone, then with changes of the same
kinds at the same odds; RandAffined turns the patch that was cut, so its corners are empty, ours reads what turns in.
"""

from __future__ import annotations

import argparse
import tempfile
import time
import warnings
from collections.abc import Iterable
from functools import partial
from pathlib import Path

import numpy as np
import torch

from LesionSegmentationTraining.patches import CacheWriter, PatchBatches, build_sampler, open_cache

CASES, SHAPE, BATCH, REPEATS = 4, (182, 218, 182), 2, 3
SPATIAL = {"degrees": 20.0, "turned": 0.8, "scale": 1.15, "stretch": 1.0, "mirrored": 0.5}
STEPS = [
    {"name": "bias_field", "probability": 0.3},
    {"name": "contrast", "probability": 0.5},
    {"name": "scale", "probability": 0.7},
    {"name": "gaussian_noise", "probability": 0.3},
    {"name": "smooth", "probability": 0.2},
]
STILL = {"preset": "none"}


def write_heads(path: Path) -> None:
    """Made-up heads of two channels at the size of a brain in MNI space, with thirty lesions each."""
    rng = np.random.default_rng(0)
    at = np.meshgrid(*(np.linspace(-1, 1, size, dtype=np.float32) for size in SHAPE), indexing="ij", sparse=True)
    head = at[0] ** 2 + at[1] ** 2 + at[2] ** 2 < 0.8
    with CacheWriter(path, ("flair", "t1"), (1, 1, 1)) as writer:
        for number in range(CASES):
            lesions = np.zeros(SHAPE, np.uint16)
            for label in range(1, 31):
                # one lesion in each sixth by fifth of the middle, so that none covers another
                i, j = 55 + 12 * (label % 6), 60 + 20 * (label // 6)
                k = int(rng.integers(60, 120))
                lesions[i : i + 4, j : j + 5, k : k + 4] = label
            image = head * (1 + 0.1 * rng.standard_normal((2, *SHAPE), np.float32))
            image[0] += lesions > 0
            writer.add(f"{number}", f"{number}", "train", "real", image.clip(0, 5), lesions, {})


def ours(cache: Path, options: argparse.Namespace, augmented: bool) -> Iterable:
    """A loader of batches by this package."""
    cases, patch = open_cache(cache).split("train"), (options.patch,) * 3
    batches = PatchBatches(
        cases,
        sampler=build_sampler({"name": "balanced", "lesion_share": 0.5}, cases, patch),
        patch=patch,
        batch=BATCH,
        seed=0,
        augmentation={"spatial": SPATIAL, "steps": STEPS} if augmented else STILL,
    )
    numbers = range(options.batches)
    return torch.utils.data.DataLoader(batches, batch_size=None, sampler=numbers, num_workers=options.workers)


def monais(cache: Path, options: argparse.Namespace, augmented: bool, copy_cache: bool = True) -> Iterable:
    """A loader of batches by MONAI; ``copy_cache`` is CacheDataset's, True by default there."""
    from monai import transforms as t
    from monai.data import CacheDataset, DataLoader

    both, patch, turn = ["image", "label"], (options.patch,) * 3, float(np.deg2rad(SPATIAL["degrees"]))
    steps = [
        t.EnsureTyped(both),
        t.FgBgToIndicesd("label"),
        t.RandCropByPosNegLabeld(
            both, "label", patch, pos=1, neg=1, num_samples=1,
            fg_indices_key="label_fg_indices", bg_indices_key="label_bg_indices",
        ),
        t.DeleteItemsd(["label_fg_indices", "label_bg_indices"]),
    ]  # fmt: skip
    if augmented:
        steps += [
            t.RandAffined(
                both, prob=0.8, rotate_range=(turn,) * 3, scale_range=(0.15,) * 3, mode=("bilinear", "nearest"),
                padding_mode="zeros",
            ),
            t.RandFlipd(both, prob=0.5, spatial_axis=0),
            t.RandBiasFieldd("image", prob=0.3, degree=3, coeff_range=(-0.12, 0.12)),
            t.RandAdjustContrastd("image", prob=0.5, gamma=(0.7, 1.4)),
            t.RandScaleIntensityd("image", prob=0.7, factors=0.2),
            t.RandGaussianNoised("image", prob=0.3, std=0.06),
            t.RandGaussianSmoothd("image", prob=0.2, sigma_x=(0.3, 0.9), sigma_y=(0.3, 0.9), sigma_z=(0.3, 0.9)),
        ]  # fmt: skip
    cases = [
        {"image": np.array(case.image, np.float32), "label": np.array(case.mask, np.float32)[None]}
        for case in open_cache(cache).cases
    ]
    transform = t.Compose(steps)
    dataset = CacheDataset(cases, transform=transform, progress=False, num_workers=0, copy_cache=copy_cache)
    draws = torch.utils.data.RandomSampler(dataset, replacement=True, num_samples=options.batches * BATCH)
    return DataLoader(dataset, batch_size=BATCH, sampler=draws, num_workers=options.workers)


def pace(loader: Iterable, first: int = 8) -> float:
    """Batches a second after the first few, in which workers start and look at every case once."""
    for number, batch in enumerate(loader, 1):
        assert batch["image"].shape[:2] == (BATCH, 2)
        if number == first:
            started = time.perf_counter()
    return (number - first) / (time.perf_counter() - started)


def main() -> None:
    """Print batches a second of both ways, and the ratio."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batches", type=int, default=32)
    parser.add_argument("--patch", type=int, default=64)
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    warnings.filterwarnings("ignore")
    torch.set_num_threads(1)
    print(f"{CASES} cases of {SHAPE}, {options.workers} workers of one thread, batch {BATCH} of {options.patch}^3")
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder) / "heads.safetensors"
        write_heads(cache)
        for augmented in (False, True):
            loaders = [make(cache, options, augmented) for make in (ours, monais, partial(monais, copy_cache=False))]
            # taken in turns, so that other work on the machine falls on both
            measured = [[pace(loader) for loader in loaders] for _ in range(REPEATS)]
            mine, usual, uncopied = np.max(measured, axis=0)
            name = "patches and augmentation" if augmented else "patches alone"
            print(
                f"{name}: {mine:.1f} batches/s; MONAI {usual:.1f} (ratio {mine / usual:.2f}), "
                f"MONAI with copy_cache=False {uncopied:.1f} (ratio {mine / uncopied:.2f})",
                flush=True,
            )


if __name__ == "__main__":
    main()
