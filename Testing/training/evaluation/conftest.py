"""Made-up masks and posteriors with a few lesions each."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import ndimage

SPACING = (0.7, 1.3, 3.0)
# Two masks of one shape, sparse enough that there are several lesions.
MASK_PAIRS = arrays(np.uint8, (2, 6, 5, 7), elements=st.sampled_from([0, 0, 0, 1]), fill=st.just(0)).map(
    lambda pair: pair > 0
)


def blobs(seed: int, shape=(24, 26, 22), share: float = 0.06) -> np.ndarray:
    """Smooth random blobs that mark ``share`` of the voxels."""
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal(shape), 1.2)
    return noise > np.quantile(noise, 1 - share)


def posterior_of(mask: np.ndarray, seed: int) -> np.ndarray:
    """A probability volume that is right more often than not, with ties."""
    noise = ndimage.gaussian_filter(np.random.default_rng(seed).standard_normal(mask.shape), 1.0)
    logit = 5 * ndimage.gaussian_filter(mask.astype(float), 0.7) - 2.8 + 4 * noise
    return np.round(1 / (1 + np.exp(-logit)), 3).astype(np.float32)


@pytest.fixture(scope="session")
def pairs() -> list[tuple[np.ndarray, np.ndarray]]:
    """Six pairs of a prediction and a reference that share many, not all, lesions."""
    return [(posterior_of(blobs(seed), seed + 50) > 0.5, blobs(seed)) for seed in range(6)]


def bright_head(seed: int, shape=(44, 40, 36)) -> tuple[np.ndarray, np.ndarray]:
    """A ball that passes for a head, float32, with bright lesions and dimmer ones, and the mask of them all."""
    rng = np.random.default_rng(seed)
    at = np.stack(np.meshgrid(*(np.arange(size) for size in shape), indexing="ij"), axis=-1)
    head = np.linalg.norm((at - np.array(shape) / 2) / (np.array(shape) / 2.4), axis=-1) <= 1
    image, mask = np.where(head, rng.normal(100, 6, shape), 0), np.zeros(shape, bool)
    for n, brightness in enumerate((300, 280, 260, 190)):
        centre = np.array(shape) / 2 + rng.uniform(-8, 8, 3)
        lesion = np.linalg.norm(at - centre, axis=-1) <= 1.5 + n / 2
        image[lesion], mask[lesion] = brightness, True
    return image.astype(np.float32), mask
