"""What is measured piece by piece while a slider moves, against measuring all of it by hand at every setting."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage
from scipy.spatial.distance import pdist

from LesionSegmentationLib.engine.decisions import KEPT, REJECTED, Decision, Decisions
from LesionSegmentationLib.engine.geometry import Geometry
from LesionSegmentationLib.engine.lesion_measures import slice_axis
from LesionSegmentationLib.engine.lesions import find_lesions
from LesionSegmentationLib.engine.operating_curve import OperatingCurve

SHAPE = (17, 15, 9)
GEOMETRIES = [
    Geometry(SHAPE, affine)
    for affine in (
        np.eye(4),
        np.diag([-0.8, 0.8, 3.0, 1.0]),
        np.array([[0, -0.7, 0.3, 12], [0.69, 0.05, 0.1, -40], [-0.05, 0.1, 2.9, 7], [0, 0, 0, 1.0]]),
    )
]


def blobs(seed):
    smooth = ndimage.gaussian_filter(np.random.default_rng(seed).normal(size=SHAPE), 1.1)
    return np.clip(smooth / smooth.max(), 0, 1).astype(np.float32)


def by_hand(p, geometry, threshold):
    """{peak: (voxels, longest in-slice diameter in mm, mean, centroid)} of all components."""
    labels, count = ndimage.label(p.astype(float) >= threshold, np.ones((3, 3, 3)))
    across, found = slice_axis(geometry), {}
    spacing = np.delete(geometry.spacing, across)
    for number in range(1, count + 1):
        ijk = np.argwhere(labels == number)
        values = p[tuple(ijk.T)]
        longest = 0.0
        for n in np.unique(ijk[:, across]):
            longest = max(longest, pdist(np.delete(ijk[ijk[:, across] == n], across, 1) * spacing).max(initial=0))
        place = geometry.world(ijk).mean(axis=0)
        diameter = longest + np.sqrt(spacing.prod())
        found[tuple(ijk[values.argmax()].tolist())] = len(ijk), diameter, values.mean(dtype=float), place
    return found


@given(data=st.data(), seed=st.integers(0, 50), geometry=st.sampled_from(GEOMETRIES))
@settings(max_examples=25, deadline=None)
def test_any_part_of_any_list_is_what_measuring_by_hand_gives(data, seed, geometry):
    p = blobs(seed)
    curve, decisions = OperatingCurve(p, geometry), Decisions()
    minimum, diameter = 0, 0.0
    for _ in range(data.draw(st.integers(1, 6))):
        threshold = data.draw(st.floats(0.05, 0.95))
        if data.draw(st.booleans()):  # seldom changed, as in the panel: what is known of one diameter is used again
            minimum, diameter = data.draw(st.integers(0, 6)), data.draw(st.sampled_from([0.0, 1.7, 2.3, 4.6]))
        lesions = find_lesions(
            curve, curve.at_threshold(threshold), 0.0, minimum, minimum_diameter_mm=diameter, decisions=decisions
        )
        expected = {
            peak: row
            for peak, row in by_hand(p, geometry, threshold).items()
            if row[0] >= minimum and row[1] >= diameter
        }
        looked_at = data.draw(st.lists(st.integers(0, max(0, len(expected) - 1)), max_size=3))
        assert len(lesions.listed) == len(expected)
        for lesion in [lesions.listed[n] for n in looked_at if n < len(expected)] + lesions.listed[1:4]:
            voxels, longest, mean, place = expected[lesion.peak]
            assert lesion.voxels == voxels and lesion.highest_probability == p[lesion.peak]
            assert lesion.diameter_mm == pytest.approx(longest, rel=2e-4)
            assert lesion.mean_probability == pytest.approx(mean, rel=1e-5)
            assert lesion.centroid_ras == pytest.approx(tuple(place), abs=1e-6)
            assert lesions.listed[lesions.listed.index(lesion)] is lesion
            assert lesions.holding(lesion.peak) is lesions.listed.with_id(lesion.id) is lesion
        assert {lesion.peak for lesion in lesions.listed} == set(expected)
        sizes = [(-lesion.voxels, lesion.id) for lesion in lesions.listed]
        assert sizes == sorted(sizes)
        shown = sum(expected[lesion.peak][0] for lesion in lesions.rows)
        assert lesions.mask().sum() == lesions.voxels.size == shown
        if len(lesions.listed):
            lesion = lesions.listed[data.draw(st.integers(0, len(expected) - 1))]
            state = data.draw(st.sampled_from([KEPT, REJECTED]))
            decisions.decide(Decision(lesion.peak, lesions.point.count, state))


def test_only_what_is_looked_at_is_measured(monkeypatch):
    p = blobs(3)
    curve = OperatingCurve(p, GEOMETRIES[0])
    measured = []
    rows = curve.measures.rows
    monkeypatch.setattr(curve.measures, "rows", lambda of, wanted: measured.extend(wanted) or rows(of, wanted))
    listed = find_lesions(curve, curve.at_threshold(0.3), minimum_diameter_mm=2).listed
    assert len(listed) > 3 and not measured
    first = listed[:2]
    assert len(measured) == 2
    assert listed[0] is first[0] and len(measured) == 2
    assert listed == list(listed) and len(measured) == len(listed)
    assert listed.with_id(999) is None
    with pytest.raises(IndexError):
        listed[len(listed)]


def test_a_list_outlives_candidates_that_are_added():
    p = blobs(5)
    curve, fresh = (OperatingCurve(p * np.float32(0.9), GEOMETRIES[1]) for _ in range(2))
    lesions = find_lesions(curve, curve.at_threshold(0.4))
    before, tree = curve.order.size, curve.tree
    curve.at_threshold(1e-9)
    assert curve.order.size >= before and curve.tree is not tree
    assert lesions.listed == find_lesions(fresh, fresh.at_threshold(0.4)).listed
    for lesion in lesions.listed:
        assert lesions.holding(lesion.peak) is lesion
