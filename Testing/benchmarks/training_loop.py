"""Training steps a second: this package's loop and loader against MONAI's loader in a plain loop, on one network.

python Testing/benchmarks/training_loop.py [--steps 24] [--patch 64] [--workers 1] [--threads 1]

Both loops learn the same U-Net from the same made-up heads with patches of one size and a Tversky loss, first with
patches alone, then with the changes a head scan gets (turned, scaled, mirrored, bias field, contrast, noise, blur).
"""

from __future__ import annotations

import argparse
import logging
import tempfile
import time
import warnings
from pathlib import Path

import lightning.pytorch as pl
import numpy as np
import torch
from lightning.pytorch.callbacks import Callback

from LesionSegmentationTraining.fitting.case_data_module import CaseDataModule
from LesionSegmentationTraining.fitting.segmentation_module import SegmentationModule
from LesionSegmentationTraining.networks import build_training_network
from LesionSegmentationTraining.patches import CacheWriter, open_cache

NETWORK = {"name": "unet", "in_channels": 2, "features": [8, 16, 32], "convolutions": 2, "stem": "shuffle"}
HEADS, SIZE, BATCH, FIRST = 4, 96, 2, 4
STEPS = [
    {"name": "bias_field", "probability": 0.3},
    {"name": "contrast", "probability": 0.5},
    {"name": "scale", "probability": 0.7},
    {"name": "gaussian_noise", "probability": 0.3},
    {"name": "smooth", "probability": 0.2},
]


def write_heads(path: Path) -> None:
    """Made-up heads of SIZE^3 with twenty lesions each."""
    rng = np.random.default_rng(0)
    at = np.stack(np.meshgrid(*[np.linspace(-1, 1, SIZE)] * 3, indexing="ij"))
    head = np.square(at).sum(axis=0) < 0.8
    with CacheWriter(path, ("flair", "t1"), (1, 1, 1)) as writer:
        for number in range(HEADS):
            lesions = np.zeros(head.shape, np.uint16)
            for label in range(1, 21):
                i, j, k = rng.integers(SIZE // 3, 2 * SIZE // 3, 3)
                lesions[i : i + 4, j : j + 5, k : k + 4] = label
            lesions = np.unique(lesions, return_inverse=True)[1].reshape(head.shape)
            image = head * (1 + 0.1 * rng.standard_normal((2, *head.shape))) + [[[[1.0]]], [[[0.0]]]] * (lesions > 0)
            writer.add(f"{number}", f"{number}", "train", "real", image.clip(0, 5).astype(np.float16), lesions, {})


class Clock(Callback):
    """Seconds from step FIRST to the end."""

    def on_train_batch_end(self, trainer, *_):
        if trainer.global_step == FIRST:
            self.started = time.perf_counter()
        self.ended = time.perf_counter()


def ours(cache: Path, options, augmented: bool) -> float:
    """Steps a second of SegmentationModule and CaseDataModule under Lightning's Trainer, averaged weights included."""
    spatial = {"degrees": 20.0, "scale": 1.15, "mirrored": 0.5}
    data = CaseDataModule(
        [str(cache)], patch=options.patch, batch=BATCH, steps_per_epoch=options.steps, workers=options.workers,
        sampler={"name": "balanced"}, augmentation={"spatial": spatial, "steps": STEPS} if augmented else None,
    )  # fmt: skip
    module = SegmentationModule(NETWORK, {"name": "tversky", "alpha": 0.5, "beta": 0.5}, schedule={"name": "constant"})
    clock = Clock()
    trainer = pl.Trainer(
        max_epochs=1, accelerator="cpu", logger=False, enable_checkpointing=False, enable_progress_bar=False,
        enable_model_summary=False, use_distributed_sampler=False, gradient_clip_val=5.0, callbacks=[clock],
    )  # fmt: skip
    trainer.fit(module, datamodule=data)
    return (options.steps - FIRST) / (clock.ended - clock.started)


def monais(cache: Path, options, augmented: bool) -> float:
    """Steps a second of a plain loop over MONAI's CacheDataset, transforms and DataLoader with its TverskyLoss."""
    from monai.data import CacheDataset, DataLoader
    from monai.losses import TverskyLoss

    cases = [
        {"image": np.array(case.image, np.float32), "label": np.array(case.mask, np.float32)[None]}
        for case in open_cache(cache).cases
    ]
    # its default copies the whole volume for every draw; none of these transforms writes into it
    transform = monai_transforms(options.patch, augmented)
    dataset = CacheDataset(cases, transform=transform, progress=False, num_workers=0, copy_cache=False)
    draws = torch.utils.data.RandomSampler(dataset, replacement=True, num_samples=options.steps * BATCH)
    loader = DataLoader(dataset, batch_size=BATCH, num_workers=options.workers, sampler=draws)
    network, loss = build_training_network(NETWORK), TverskyLoss(sigmoid=True, alpha=0.5, beta=0.5, batch=True)
    optimiser = torch.optim.AdamW(network.parameters(), lr=1e-3)
    for step, batch in enumerate(loader, start=1):
        optimiser.zero_grad(set_to_none=True)
        loss(network(batch["image"].as_tensor()), batch["label"].as_tensor()).backward()
        torch.nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimiser.step()
        if step == FIRST:
            started = time.perf_counter()
    return (options.steps - FIRST) / (time.perf_counter() - started)


def monai_transforms(patch: int, augmented: bool):
    """The same kind of patches and changes by MONAI's dictionary transforms."""
    from monai import transforms as t

    both, size = ["image", "label"], (patch,) * 3
    crop = t.RandCropByPosNegLabeld(both, "label", spatial_size=size, pos=1, neg=1, num_samples=1)
    steps = [t.EnsureTyped(both), crop]
    if augmented:
        turn = float(np.deg2rad(20))
        steps += [
            t.RandAffined(
                both, prob=0.8, rotate_range=(turn,) * 3, scale_range=(0.15,) * 3, mode=("bilinear", "nearest"),
                padding_mode="zeros",
            ),
            t.RandFlipd(both, prob=0.5, spatial_axis=0),
            t.RandBiasFieldd("image", prob=0.3, degree=3, coeff_range=(0.0, 0.15)),
            t.RandAdjustContrastd("image", prob=0.5, gamma=(0.7, 1.4)),
            t.RandScaleIntensityd("image", prob=0.7, factors=0.2),
            t.RandGaussianNoised("image", prob=0.3, std=0.06),
            t.RandGaussianSmoothd("image", prob=0.2, sigma_x=(0.3, 0.9), sigma_y=(0.3, 0.9), sigma_z=(0.3, 0.9)),
        ]  # fmt: skip
    return t.Compose(steps)


def main() -> None:
    """Print steps a second of both, and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=int, default=24)
    parser.add_argument("--patch", type=int, default=64)
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--threads", type=int, default=1, help="of the learning process; workers come on top")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    warnings.filterwarnings("ignore")
    logging.getLogger("lightning.pytorch").setLevel(logging.ERROR)
    print(f"{torch.get_num_threads()} threads, {options.workers} workers, batch {BATCH} of {options.patch}^3")
    with tempfile.TemporaryDirectory() as folder:
        cache = Path(folder) / "heads.safetensors"
        write_heads(cache)
        for augmented in (False, True):
            # taken in turns, so that other work on the machine falls on both
            pace = [[loop(cache, options, augmented) for loop in (ours, monais)] for _ in range(2)]
            mine, theirs = np.max(pace, axis=0)
            name = "patches and augmentation" if augmented else "patches alone"
            print(f"{name}: {mine:.2f} steps/s, MONAI {theirs:.2f} steps/s, ratio {mine / theirs:.2f}", flush=True)


if __name__ == "__main__":
    main()
