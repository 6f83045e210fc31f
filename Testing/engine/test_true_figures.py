"""True figures along a ranking against the same figures of the masks, and grids of references."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from grids import GRIDS, affines, shapes
from LesionSegmentationLib.engine.agreement import overlap_figures
from LesionSegmentationLib.engine.decisions import Decision, Decisions
from LesionSegmentationLib.engine.errors import InputError
from LesionSegmentationLib.engine.geometry import Geometry, to_canonical
from LesionSegmentationLib.engine.lesions import find_lesions
from LesionSegmentationLib.engine.operating_curve import OperatingCurve
from LesionSegmentationLib.engine.resample import resample_mask
from LesionSegmentationLib.engine.true_figures import TrueFigures
from LesionSegmentationLib.engine.volume import Volume

SHAPE = (6, 5, 4)
posteriors = hnp.arrays(np.float32, SHAPE, elements=st.sampled_from([0.0, 0.001, 0.02, 0.2, 0.5, 0.7, 0.9, 1.0]))
masks = hnp.arrays(bool, SHAPE)
rhos = st.floats(0.02, 50)


def curve_of(posterior):
    return OperatingCurve(posterior, Geometry(posterior.shape, np.diag([1.0, 2.0, 0.5, 1.0])))


def assert_same(figures, expected):
    assert (figures.tp, figures.fp, figures.fn) == tuple(
        expected[name] for name in ("true_positives", "false_positives", "false_negatives")
    )
    for name in ("precision", "recall", "dice", "f2"):
        assert getattr(figures, name) == expected[name]
    assert figures.volume_ml == pytest.approx(expected["prediction_ml"])


@given(posteriors, masks, st.lists(rhos, min_size=1, max_size=3), st.integers(0, 4), st.data())
def test_they_are_those_of_the_masks(posterior, reference, settings, smallest, data):
    """With a smallest size, a rejected lesion and hand edits; settings may extend the ranking."""
    curve = curve_of(posterior)
    truth = TrueFigures(curve, reference)
    for rho in settings:
        point = curve.at(1, rho)
        assert_same(truth.at(point), overlap_figures(curve.mask(point) > 0, reference, curve.geometry.voxel_ml))
        decisions = Decisions()
        lesions = find_lesions(curve, point, minimum_voxels=smallest, decisions=decisions)
        if lesions.listed:
            chosen = data.draw(st.sampled_from(lesions.listed))
            decisions.decide(Decision(chosen.peak, point.count, "rejected"))
            lesions = find_lesions(curve, point, minimum_voxels=smallest, decisions=decisions)
        mask = lesions.mask() > 0
        expected = overlap_figures(mask, reference, curve.geometry.voxel_ml)
        assert_same(truth.figures(lesions), expected)
        counts = truth.lesion_counts(lesions)
        assert (counts.reference, counts.marked) == (expected["lesions_reference"], len(lesions))
        assert counts.found == round((expected["lesion_tpr"] or 0) * counts.reference)
        assert counts.false == sum(not reference.reshape(-1)[lesions.voxels_of(row)].any() for row in lesions.rows)

        edits = data.draw(masks)
        added, removed = np.flatnonzero(edits & ~mask), np.flatnonzero(edits & mask)
        edited = overlap_figures(mask ^ edits, reference, curve.geometry.voxel_ml)
        assert_same(truth.figures(lesions, added, removed), edited)
        found = truth.lesion_counts(lesions, added, removed).found
        assert found == round((edited["lesion_tpr"] or 0) * counts.reference)


def test_a_reference_of_another_shape_is_refused():
    curve = curve_of(np.full(SHAPE, 0.5, np.float32))
    with pytest.raises(InputError, match="does not fit"):
        TrueFigures(curve, np.zeros((2, 2, 2), bool))


@pytest.mark.parametrize("grid", GRIDS)
def test_a_mask_arrives_in_any_voxel_order(grid):
    """What was drawn on the same lattice in another order, or on a part of it, comes voxel by voxel."""
    rng = np.random.default_rng(3)
    geometry = Geometry((7, 9, 8), GRIDS[grid])
    mask = rng.random(geometry.shape) < 0.3
    canonical, order, flips = geometry.canonical()
    turned = Volume(to_canonical(mask, order, flips), canonical, "turned")
    assert geometry.same_lattice(canonical) and geometry.overlaps(canonical)
    np.testing.assert_array_equal(resample_mask(turned, geometry), mask)
    part = geometry.affine.copy()
    part[:3, 3] = geometry.world(np.array([[2.0, 3.0, 1.0]]))[0]
    cropped = Volume(mask[2:6, 3:8, 1:5], Geometry((4, 5, 4), part), "part")
    assert geometry.same_lattice(cropped.geometry)
    expected = np.zeros_like(mask)
    expected[2:6, 3:8, 1:5] = mask[2:6, 3:8, 1:5]
    np.testing.assert_array_equal(resample_mask(cropped, geometry), expected)


def test_finer_and_shifted_grids_are_other_lattices():
    geometry = Geometry((6, 6, 6), GRIDS["oblique"])
    for matrix in (np.diag([0.5, 0.5, 0.5, 1]), np.diag([1, 1, 2.0, 1]), np.diag([1, 1, 1, 1.0]) + np.eye(4, k=3) / 2):
        assert not geometry.same_lattice(Geometry((4, 4, 4), geometry.affine @ matrix))


@given(shapes, affines)
def test_grids_overlap_where_they_share_a_voxel(shape, matrix):
    geometry = Geometry(shape, matrix)
    beside = matrix.copy()
    beside[:3, 3] += matrix[:3, :3] @ [shape[0] + 0.5, 0, 0]
    assert geometry.overlaps(geometry)
    assert not geometry.overlaps(Geometry(shape, beside))
    touching = matrix.copy()
    touching[:3, 3] += matrix[:3, :3] @ [shape[0] - 1, 0, 0]
    assert geometry.overlaps(Geometry(shape, touching))
