"""The same head in another voxel order, affine or grid gives the same segmentation in the patient."""

import numpy as np
import pytest
from scipy import ndimage

from bright_model import write_bright_model
from LesionSegmentationLib.engine.bundle import Bundle
from LesionSegmentationLib.engine.geometry import Geometry
from LesionSegmentationLib.engine.operating_curve import OperatingCurve
from LesionSegmentationLib.engine.prepare import Plan, prepare, standardise
from LesionSegmentationLib.engine.process import process
from LesionSegmentationLib.engine.resample import resample_axes, resample_to, resampled_geometry
from LesionSegmentationLib.engine.restore import restore
from LesionSegmentationLib.engine.study import Study
from LesionSegmentationLib.engine.volume import Volume

LESIONS = [((20, 30, 20), 6), ((42, 35, 28), 5), ((30, 50, 25), 7), ((25, 20, 30), 4.5), ((36, 22, 18), 5)]
PLAN = Plan(channels=("flair", "t1"))


def head(shape=(60, 70, 50), spacing=(1.0, 1.0, 1.0), seed=0) -> Volume:
    """An ellipsoid of tissue in noise with five bright lesions, unlike left and right, front and back, up and down."""
    rng = np.random.default_rng(seed)
    affine = np.diag([*spacing, 1.0])
    affine[:3, 3] = -30, -20, 10
    size = np.array(shape) * spacing
    ijk = np.moveaxis(np.indices(shape), 0, -1) * np.array(spacing)
    radius = np.sqrt((((ijk - size / 2) / (size * 0.4)) ** 2).sum(axis=-1))
    image = np.where(radius < 1, 100.0, 5.0)
    for centre, r in LESIONS:
        image[(((ijk - centre) ** 2).sum(axis=-1)) < r**2] = 260
    return Volume(
        ndimage.gaussian_filter(image, 0.5 / np.array(spacing)) + rng.normal(0, 2, shape),
        Geometry(shape, affine),
        "head",
    )


def reordered(volume: Volume, order, signs) -> Volume:
    """The same image with its voxel axes permuted and reversed, the affine following."""
    array = volume.array.transpose(order)
    affine = volume.geometry.affine.copy()
    affine[:3, :3] = affine[:3, list(order)]
    for axis, sign in enumerate(signs):
        if sign < 0:
            affine[:3, 3] += affine[:3, axis] * (array.shape[axis] - 1)
            affine[:3, axis] *= -1
    array = array[tuple(slice(None, None, sign) for sign in signs)]
    return Volume(np.ascontiguousarray(array), Geometry(array.shape, affine), "copy")


def rotation(degrees, axis=(0.3, 0.5, 0.8)) -> np.ndarray:
    u = np.array(axis) / np.linalg.norm(axis)
    angle = np.radians(degrees)
    k = np.array([[0, -u[2], u[1]], [u[2], 0, -u[0]], [-u[1], u[0], 0]])
    return np.eye(3) + np.sin(angle) * k + (1 - np.cos(angle)) * k @ k


def placed(volume: Volume, matrix, shift) -> Volume:
    affine = np.eye(4)
    affine[:3, :3], affine[:3, 3] = matrix, shift
    return Volume(volume.array, Geometry(volume.geometry.shape, affine @ volume.geometry.affine), "placed")


@pytest.fixture(scope="module")
def bundle(tmp_path_factory) -> Bundle:
    return write_bright_model(tmp_path_factory.mktemp("models") / "bright")


def dice(a: np.ndarray, b: np.ndarray) -> float:
    return 2 * (a & b).sum() / (a.sum() + b.sum())


def segment(volume: Volume, bundle: Bundle) -> tuple[np.ndarray, np.ndarray]:
    probability = process(Study({"flair": volume}), bundle, device="cpu")
    curve = OperatingCurve.of(probability)
    return curve.mask(curve.at(0.5, 0.5)), probability.array


@pytest.mark.parametrize(
    "order, signs",
    [((0, 1, 2), (-1, 1, 1)), ((2, 0, 1), (1, -1, 1)), ((1, 0, 2), (1, 1, 1)), ((2, 1, 0), (-1, -1, -1))],
)
def test_copies_in_another_voxel_order_are_identical(bundle, order, signs):
    mask, probability = segment(head(), bundle)
    copy_mask, copy_probability = segment(reordered(head(), order, signs), bundle)
    back = tuple(slice(None, None, sign) for sign in signs)
    assert mask.sum() > 500
    assert np.array_equal(copy_probability[back].transpose(np.argsort(order)), probability)
    assert np.array_equal(copy_mask[back].transpose(np.argsort(order)), mask)


def test_copies_with_another_affine_are_identical(bundle):
    mask, probability = segment(head(), bundle)
    for matrix, shift in [(rotation(17), (5, -3, 80)), (np.diag([-1, 1, 1]), (0, 0, 0)), (rotation(-30), (0, 0, 0))]:
        copy_mask, copy_probability = segment(placed(head(), matrix, shift), bundle)
        # A mirrored affine means a mirrored patient: its array is then read from the other side.
        assert np.array_equal(copy_mask, mask) and np.array_equal(copy_probability, probability)


def test_a_thick_sliced_copy_does_not_move(bundle):
    """0.7 x 0.7 x 3 mm: no lesion's centre is off by half a voxel of the copy."""
    fine = head()
    shape = tuple(np.round(np.array(fine.geometry.shape) / (0.7, 0.7, 3)).astype(int))
    thick = Volume(resample_axes(fine.array, shape), resampled_geometry(fine.geometry, shape), "thick")
    truth = resample_axes(segment(fine, bundle)[0], shape) >= 0.5
    mask = segment(thick, bundle)[0].astype(bool)
    # What "bright" means to this model follows the share of air in the field of view, so position is the point here.
    assert dice(truth, mask) >= 0.8
    assert (np.abs(np.argwhere(mask).mean(axis=0) - np.argwhere(truth).mean(axis=0)) < 0.5).all()


def test_a_copy_on_a_rotated_grid_does_not_move(bundle):
    fine = head()
    centre = fine.geometry.world(np.array([np.array(fine.geometry.shape) / 2]))[0]
    affine = np.eye(4)
    affine[:3, :3] = rotation(12)
    affine[:3, 3] = centre - affine[:3, :3] @ (np.array([90, 90, 90]) / 2)
    grid = Geometry((90, 90, 90), affine)
    rotated = Volume(resample_to(fine, grid), grid, "rotated")
    truth_mask = segment(fine, bundle)[0]
    truth = resample_to(Volume(truth_mask.astype(np.float32), fine.geometry, "truth"), grid) >= 0.5
    mask = segment(rotated, bundle)[0].astype(bool)
    # What "bright" means to this model follows the share of air in the field of view, so position is the point here.
    assert dice(truth, mask) >= 0.8
    assert (np.abs(np.argwhere(mask).mean(axis=0) - np.argwhere(truth).mean(axis=0)) < 0.5).all()


def test_restore_undoes_prepare_exactly():
    volume = reordered(head(), (2, 0, 1), (1, -1, -1))
    prepared = prepare(Study({"flair": volume}), PLAN)
    back = restore(prepared.array[0], prepared)
    expected = standardise(volume.array)
    covered = restore(np.ones(prepared.array.shape[1:], np.float32), prepared).astype(bool)
    assert covered.mean() > 0.5
    assert np.array_equal(back[covered], expected[covered])
    assert (back[~covered] == 0).all()


def test_the_crop_keeps_the_head_and_a_margin():
    prepared = prepare(Study({"flair": head()}), PLAN)
    whole = np.zeros(prepared.working.shape, bool)
    whole[prepared.crop] = True
    tissue = head().array > 60
    assert whole[tissue].all()


def test_a_channel_on_another_grid_lands_in_the_same_place():
    flair = head()
    grid = Geometry((80, 60, 40), placed(flair, rotation(8), (2, 3, 1)).geometry.affine @ np.diag([0.9, 1.2, 1.6, 1]))
    t1 = Volume(resample_to(flair, grid), grid, "t1.nii.gz")
    prepared = prepare(Study({"flair": flair, "t1": t1}), PLAN)
    covered = prepared.array[1] > 0.2
    assert np.corrcoef(prepared.array[0][covered], prepared.array[1][covered])[0, 1] > 0.9
    assert any("t1.nii.gz" in note and "resampled" in note for note in prepared.notes)


def test_a_missing_channel_is_zero_and_an_unused_one_is_said():
    study = Study({"flair": head(), "t2": head(seed=1)})
    prepared = prepare(study, PLAN)
    assert not prepared.array[1].any()
    assert any("t2" in note for note in prepared.notes)


def test_resampling_keeps_the_field_of_view_and_the_mean():
    rng = np.random.default_rng(0)
    array = ndimage.gaussian_filter(rng.random((31, 40, 17)), 2).astype(np.float32)
    geometry = Geometry(array.shape, np.diag([0.7, 0.7, 3, 1]))
    for shape in [(22, 28, 51), (31, 40, 17), (10, 80, 17)]:
        moved, grid = resample_axes(array, shape), resampled_geometry(geometry, shape)
        assert moved.shape == grid.shape == shape
        assert moved.mean() == pytest.approx(array.mean(), rel=0.01)
        faces = [g.world(np.array([[-0.5] * 3, np.array(g.shape) - 0.5])) for g in (geometry, grid)]
        assert np.allclose(*faces, atol=1e-9)


def test_standardise_does_not_depend_on_scale():
    values = head().array
    assert np.allclose(standardise(values), standardise(values * 7 + 40), atol=1e-3)
    assert np.median(standardise(values)[values > 60]) == pytest.approx(1, abs=0.02)
