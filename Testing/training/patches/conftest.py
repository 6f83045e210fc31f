"""A small cache with cases of different shapes: two lesions, one lesion, none."""

from __future__ import annotations

import numpy as np
import pytest

from LesionSegmentationTraining.patches import CacheWriter, open_cache


def blob(shape, centre, radius) -> np.ndarray:
    at = np.stack(np.meshgrid(*map(np.arange, shape), indexing="ij"), -1)
    return np.linalg.norm(at - np.array(centre), axis=-1) <= radius


def made_up(seed: int, shape, balls) -> tuple[np.ndarray, np.ndarray]:
    """Image (2, i, j, k) with tissue around 1, lesions at 2, air at the edge; lesion numbers."""
    rng = np.random.default_rng(seed)
    lesions = np.zeros(shape, np.uint16)
    for number, (centre, radius) in enumerate(balls, 1):
        lesions[blob(shape, centre, radius)] = number
    image = 1 + 0.05 * rng.standard_normal((2, *shape))
    image[0] += lesions > 0
    edge = np.zeros(shape, bool)
    edge[3:-3, 3:-3, 3:-3] = True
    return (image * edge).astype(np.float16), lesions


CASES = (
    ("two", "a", "train", "real", (40, 44, 36), [((12, 12, 12), 2), ((26, 30, 24), 6)]),
    ("one", "b", "train", "synthetic", (36, 36, 36), [((18, 18, 18), 4)]),
    ("none", "c", "train", "synthetic", (30, 34, 38), []),
    ("left", "d", "test", "real", (32, 32, 32), [((16, 16, 16), 3)]),
)


@pytest.fixture
def cache_path(tmp_path):
    path = tmp_path / "cases.safetensors"
    with CacheWriter(path, ("flair", "t1"), (1, 1, 1), {"made": "up"}) as writer:
        for seed, (name, patient, split, kind, shape, balls) in enumerate(CASES):
            image, lesions = made_up(seed, shape, balls)
            writer.add(name, patient, split, kind, image, lesions, {"seed": seed})
    return path


@pytest.fixture
def cases(cache_path):
    """The three training cases."""
    return open_cache(cache_path).split("train")
