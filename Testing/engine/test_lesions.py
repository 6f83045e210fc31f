"""The lesion list: volumes, places and diameters against counting by hand."""

import numpy as np
import pytest
from scipy import ndimage
from scipy.spatial.distance import pdist

from LesionSegmentationLib.engine.errors import InputError
from LesionSegmentationLib.engine.geometry import Geometry
from LesionSegmentationLib.engine.lesion_measures import slice_axis
from LesionSegmentationLib.engine.lesions import find_lesions
from LesionSegmentationLib.engine.operating_curve import OperatingCurve

OBLIQUE = np.array([[0, -0.7, 0.3, 12], [0.69, 0.05, 0.1, -40], [-0.05, 0.1, 2.9, 7], [0, 0, 0, 1.0]])


def noisy(shape=(30, 28, 12), seed=3):
    smooth = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=shape), 1.2)
    return np.clip(smooth / smooth.max(), 0, 1).astype(np.float32)


@pytest.mark.parametrize("affine", [np.eye(4), OBLIQUE])
def test_rows_equal_counting_by_hand(affine):
    p = noisy()
    geometry = Geometry(p.shape, affine)
    curve = OperatingCurve(p, geometry)
    lesions = find_lesions(curve, curve.at_threshold(0.35))
    labels, number = ndimage.label(p >= np.float32(0.35), np.ones((3, 3, 3)))
    assert len(lesions.rows) == number > 5
    across = slice_axis(geometry)
    for lesion in lesions.rows:
        ijk = np.argwhere(labels == labels[lesion.peak])
        assert lesion.voxels == len(ijk)
        assert lesion.volume_ml == pytest.approx(len(ijk) * geometry.voxel_ml)
        assert lesion.highest_probability == p[lesion.peak] == p[tuple(ijk.T)].max()
        assert lesion.mean_probability == pytest.approx(p[tuple(ijk.T)].mean(dtype=float), rel=1e-5)
        assert np.allclose(lesion.centroid_ras, geometry.world(ijk).mean(axis=0))
        sphere = np.pi / 6 * lesion.equivalent_diameter_mm**3
        assert sphere / 1000 == pytest.approx(lesion.volume_ml)
        spacing = np.delete(geometry.spacing, across)
        longest = 0.0
        for n in np.unique(ijk[:, across]):
            points = np.delete(ijk[ijk[:, across] == n], across, axis=1) * spacing
            longest = max(longest, pdist(points).max(initial=0))
        assert lesion.diameter_mm == pytest.approx(longest + np.sqrt(spacing.prod()), rel=2e-4)
    volumes = [lesion.volume_ml for lesion in lesions.rows]
    assert volumes == sorted(volumes, reverse=True)


def test_labels_and_mask_agree_with_the_rows():
    p = noisy()
    curve = OperatingCurve(p, Geometry(p.shape, np.eye(4)))
    lesions = find_lesions(curve, curve.at(0.5, 0.5), minimum_voxels=3)
    labels = lesions.labels()
    assert np.array_equal(labels > 0, lesions.mask() == 1)
    assert {lesion.id: lesion.voxels for lesion in lesions.rows} == dict(
        zip(*(column.tolist() for column in np.unique(labels[labels > 0], return_counts=True)))
    )
    assert lesions.figures.volume_ml == pytest.approx(sum(lesion.volume_ml for lesion in lesions.rows))


def test_a_lesion_appears_at_its_setting():
    p = noisy()
    curve = OperatingCurve(p, Geometry(p.shape, np.eye(4)))
    for lesion in find_lesions(curve, curve.at(0.2, 0.8)).rows:
        beta = lesion.appears_at_beta
        assert 0 <= beta <= 0.8
        at = lambda b: {row.peak for row in find_lesions(curve, curve.at(1 - b, b)).rows}  # noqa: E731
        rank = int(np.flatnonzero(curve.order == np.ravel_multi_index(lesion.peak, p.shape))[0])
        assert curve.at(1 - beta, beta + 1e-9).count > rank
        if beta > 1e-6:
            assert lesion.peak not in at(beta * (1 - 1e-6))


def test_no_lesion_is_an_answer():
    curve = OperatingCurve(np.zeros((4, 5, 6), np.float32), Geometry((4, 5, 6), np.eye(4)))
    lesions = find_lesions(curve, curve.at(0.5, 0.5))
    assert len(lesions) == 0 and lesions.rows == [] and not lesions.mask().any()
    assert lesions.figures.precision is None


def test_the_slices_lie_across_the_coarsest_axis_or_axial():
    assert slice_axis(Geometry((9, 9, 9), np.diag([3, 1, 1, 1.0]))) == 0
    assert slice_axis(Geometry((9, 9, 9), np.eye(4))) == 2
    assert slice_axis(Geometry((9, 9, 9), np.eye(4)[[2, 1, 0, 3]])) == 0


@pytest.mark.parametrize("size", [{"minimum_volume_ml": -1}, {"minimum_volume_ml": np.nan}, {"minimum_voxels": -1}])
def test_negative_sizes_are_refused(size):
    curve = OperatingCurve(np.ones((2, 2, 2), np.float32), Geometry((2, 2, 2), np.eye(4)))
    with pytest.raises(InputError, match="size"):
        find_lesions(curve, curve.at(1, 1), **size)


@pytest.mark.parametrize("affine", [np.eye(4), OBLIQUE])
def test_rows_do_not_depend_on_the_settings_seen_before(affine):
    """What is carried over from one setting to the next is what measuring anew gives."""
    rng = np.random.default_rng(4)
    p = noisy((40, 36, 20), seed=8)
    used = OperatingCurve(p, Geometry(p.shape, affine))
    threshold = 0.4
    for _ in range(60):
        step = rng.choice([0.002, 0.01, 0.1])
        threshold = float(np.clip(threshold + rng.normal(0, step), 0.05, 0.95))
        rows = find_lesions(used, used.at_threshold(threshold), minimum_voxels=int(rng.integers(1, 8))).rows
        fresh = OperatingCurve(p, Geometry(p.shape, affine))
        anew = {row.id: row for row in find_lesions(fresh, fresh.at_threshold(threshold)).rows}
        for row in rows:
            assert row.diameter_mm == pytest.approx(anew[row.id].diameter_mm, rel=2e-4)
            assert (row.voxels, row.volume_ml) == (anew[row.id].voxels, anew[row.id].volume_ml)
            assert row.centroid_ras == pytest.approx(anew[row.id].centroid_ras, abs=1e-6)
