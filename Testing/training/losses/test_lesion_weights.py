"""Inverse lesion weights: the published loop, the whole image's sizes, and what they do to a loss."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from LesionSegmentationLib.engine.errors import InputError
from LesionSegmentationTraining.losses import build_loss
from LesionSegmentationTraining.losses.lesion_weights import PUBLISHED_CLIP, patch_weights, weight_by_size


def published_loop(labels: np.ndarray) -> np.ndarray:
    """w_k = N / ((K + 1) |L_k|) for every label there is, background included; clipped."""
    weights = np.zeros(labels.shape, np.float64)
    present = np.unique(labels)
    for label in present:
        weights[labels == label] = labels.size / (len(present) * (labels == label).sum())
    return np.clip(weights, *PUBLISHED_CLIP)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(0, 6))
def test_the_patch_map_is_that_of_the_published_loop(seed, lesions):
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, lesions + 1, (6, 5, 4)) * (rng.random((6, 5, 4)) < rng.random())
    np.testing.assert_allclose(patch_weights(labels), published_loop(labels), rtol=1e-6)


def test_every_lesion_and_the_background_weigh_the_same():
    sizes, voxels = np.array([3, 50, 400]), 10_000
    weights = weight_by_size(sizes, voxels)
    totals = weights * np.concatenate([[voxels - sizes.sum()], sizes])
    np.testing.assert_allclose(totals, voxels / 4, rtol=1e-6)
    assert weight_by_size(sizes, voxels, (1.0, 100.0)).tolist() == [1.0, 100.0, 50.0, 6.25]


def test_numbers_without_voxels_do_not_count():
    with_gap = weight_by_size(np.array([3, 0, 50]), 1000)
    assert with_gap[2] == 0
    np.testing.assert_allclose(with_gap[[0, 1, 3]], weight_by_size(np.array([3, 50]), 1000))


def test_a_sliver_in_a_patch_gets_the_weight_of_its_whole_lesion():
    """The published map gives the one voxel that the patch cut off the largest weight of all."""
    labels = np.zeros((16, 16, 16), int)
    labels[0, 0, 0], labels[5:8, 5:8, 5:8] = 1, 2
    published = patch_weights(labels)
    assert published.max() == published[0, 0, 0] > 20 * published[6, 6, 6]
    whole = weight_by_size(np.array([5000, 27]), 200_000)[labels]
    assert whole[0, 0, 0] < whole[6, 6, 6] / 100


def test_the_background_is_always_clipped_up_to_one():
    labels = np.zeros((16, 16, 16), int)
    labels[5:8, 5:8, 5:8] = 1
    assert patch_weights(labels)[0, 0, 0] == 1
    assert patch_weights(labels, None)[0, 0, 0] == pytest.approx(0.5, abs=0.01)
    assert patch_weights(np.zeros((4, 4, 4), int)).tolist() == np.ones((4, 4, 4)).tolist()


def test_sizes_that_cannot_be_are_said():
    with pytest.raises(InputError, match="do not fit"):
        weight_by_size(np.array([50, 60]), 100)


@pytest.mark.parametrize("name", ["cross_entropy", "squared_dice", "asymmetric_similarity", "focal", "tversky", "dice"])
def test_with_the_map_a_missed_small_lesion_costs_as_much_as_a_large_one(name):
    labels = np.zeros((1, 1, 20, 20, 20), int)
    labels[..., 2:4, 2:4, 2:4], labels[..., 8:16, 8:16, 8:16] = 1, 2
    weight = torch.as_tensor(weight_by_size(np.bincount(labels.ravel())[1:], labels.size)[labels])
    target = torch.as_tensor(labels > 0)
    right = torch.where(target, 8.0, -8.0)
    costs = {}
    for lesion in (1, 2):
        missed = torch.where(torch.as_tensor(labels == lesion), -8.0, right)
        costs[lesion] = [float(build_loss({"name": name})(missed, target, w)) for w in (None, weight)]
    assert costs[1][0] < 0.2 * costs[2][0]
    assert costs[1][1] == pytest.approx(costs[2][1], rel=1e-3)


def test_a_patch_that_is_all_lesion_still_counts_the_background():
    # K is the number of lesions, so K + 1 = 2 although no voxel is background.
    assert patch_weights(np.ones((2, 5), int), clip=None).tolist() == [[0.5] * 5] * 2
