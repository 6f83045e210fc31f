"""A cache of five tiny made-up heads, and the settings of a run of seconds."""

from __future__ import annotations

import copy
from pathlib import Path

import numpy as np
import pytest
import yaml

from LesionSegmentationTraining.fitting.command import main

SPLITS = ("train", "train", "validate", "validate", "test")


def write_cache(path: Path, splits=SPLITS) -> Path:
    """One head of 32^3 a split, two channels; three bright cubes in each are its lesions."""
    from LesionSegmentationTraining.patches import CacheWriter

    rng = np.random.default_rng(0)
    with CacheWriter(path, ("flair", "t1"), (1, 1, 1)) as writer:
        for number, split in enumerate(splits):
            lesions = np.zeros((32, 32, 32), np.uint16)
            for label in (1, 2, 3):
                i, j, k = rng.integers(6, 22, 3)
                lesions[i : i + 4, j : j + 4, k : k + 4] = label
            labels = np.unique(lesions)[1:]
            lesions = np.searchsorted(np.append(0, labels), lesions).astype(np.uint16)
            image = np.zeros((2, 32, 32, 32), np.float32)
            image[:, 3:-3, 3:-3, 3:-3] = 1
            image[0] += 2 * (lesions > 0)
            image += 0.1 * rng.standard_normal(image.shape) * (image > 0)
            writer.add(f"case-{number}", f"patient-{number}", split, "real", image.astype(np.float16), lesions, {})
    return path


@pytest.fixture(scope="session")
def cache(tmp_path_factory) -> Path:
    return write_cache(tmp_path_factory.mktemp("cache") / "cases.safetensors")


@pytest.fixture
def settings(cache) -> dict:
    """Settings of ``fit``: four rounds of five steps."""
    return {
        "seed_everything": 3,
        "model": {
            "network": {"name": "unet", "in_channels": 2, "features": [4, 8], "convolutions": 1},
            "loss": {
                "name": "sum",
                "terms": [
                    {"name": "cross_entropy", "factor": 5.0},
                    {"name": "tversky", "alpha": 0.5, "beta": 0.5},
                ],
            },
            "optimiser": {"name": "adamw", "learning_rate": 0.01},
            "schedule": {"name": "cosine", "warmup": 5},
            "ema": 0.9,
            "initial_logit": -2.0,
        },
        "data": {
            "caches": [str(cache)], "patch": 16, "batch": 2, "steps_per_epoch": 5, "workers": 0,
            "sampler": {"name": "balanced", "jitter": 4},
        },
        "trainer": {
            "max_epochs": 4, "accelerator": "cpu", "enable_progress_bar": False, "enable_model_summary": False,
            "logger": False, "log_every_n_steps": 5, "check_val_every_n_epoch": 2,
        },
    }  # fmt: skip


@pytest.fixture
def fit(tmp_path, settings):
    """Run ``fit`` in this process; answers (exit code, the run's folder)."""

    def run(name: str = "run", changes: dict | None = None, more: list[str] = (), callbacks=()) -> tuple[int, Path]:
        config = copy.deepcopy(settings)
        for part, values in (changes or {}).items():
            config[part] = {**config[part], **values} if isinstance(values, dict) else values
        path = tmp_path / f"{name}.yaml"
        path.write_text(yaml.safe_dump(config))
        folder = tmp_path / name
        return main(["fit", "--config", str(path), "--run", str(folder), *more], callbacks), folder

    return run
