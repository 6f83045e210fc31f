import numpy as np
import torch

from LesionSegmentationTraining.first.cases import lesion_centres
from LesionSegmentationTraining.first.patches import PatchBatches, cut, patch_centre


def batches(cases, **changes):
    settings = {"patch": 32, "batch": 3, "batches": 4, "seed": 7, "lesion_share": 0.6, "real_share": 0.25}
    return PatchBatches(cases, **{**settings, **changes})


def test_shapes_and_values(cases):
    image, target = batches(cases)[0]
    assert image.shape == (3, 2, 32, 32, 32) and image.dtype == torch.float32
    assert target.shape == (3, 1, 32, 32, 32) and target.dtype == torch.float32
    assert set(target.unique().tolist()) <= {0.0, 1.0}
    assert torch.isfinite(image).all() and image.min() >= 0 and image.max() <= 5


def test_a_batch_depends_on_seed_and_number_alone(cases):
    whole, resumed = batches(cases), batches(cases, first=2)
    assert torch.equal(whole[2][0], resumed[0][0]) and torch.equal(whole[2][1], resumed[0][1])
    assert len(resumed) == 2
    assert not torch.equal(whole[0][0], batches(cases, seed=8)[0][0])


def test_without_turning_a_patch_is_the_case_itself(cases):
    case = cases[0]
    centre = np.array(case.mask.shape) // 2
    image, target = cut(case, centre - 0.5, np.eye(3), 16)
    box = tuple(slice(c - 8, c + 8) for c in centre)
    assert np.allclose(image[0].numpy(), case.image[0][box], atol=2e-3)
    assert np.array_equal(target[0].numpy(), case.mask[box])


def test_a_mirrored_patch_is_mirrored(cases):
    case = cases[2]
    centre = np.array(case.mask.shape) // 2 - 0.5
    straight, _ = cut(case, centre, np.eye(3), 16)
    mirrored, _ = cut(case, centre, np.diag([-1.0, 1.0, 1.0]), 16)
    assert np.allclose(mirrored.numpy(), straight.flip(1).numpy(), atol=1e-3)


def test_beyond_the_case_there_is_nothing(cases):
    image, target = cut(cases[0], np.array([-200, 0, 0]), np.eye(3), 16)
    assert not image.any() and not target.any()


def test_lesion_patches_lie_near_lesions(cases):
    case = cases[2]
    voxels = np.argwhere(case.mask)
    for n in range(10):
        centre = patch_centre(np.random.default_rng(n), case, at_lesion=True)
        assert np.abs(voxels - centre).max(axis=1).min() <= 20


def test_centres_cover_every_lesion():
    mask = np.zeros((20, 20, 20), np.uint8)
    mask[2:8, 2:8, 2:8] = 1
    mask[15, 15, 15] = 1
    centres = lesion_centres(mask)
    assert set(centres[:, 0]) == {0, 1}
    assert (mask[tuple(centres[:, 1:].T)] == 1).all()
    assert lesion_centres(np.zeros((4, 4, 4), np.uint8)).shape == (0, 4)
