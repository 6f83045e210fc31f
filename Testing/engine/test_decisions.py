"""What a decision means at every other setting, against relabelling the volume at each of them."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from scipy import ndimage

from LesionSegmentationLib.engine.decisions import KEPT, MERGED, REJECTED, UNDECIDED, Decision, Decisions
from LesionSegmentationLib.engine.errors import InputError
from LesionSegmentationLib.engine.geometry import Geometry
from LesionSegmentationLib.engine.lesions import find_lesions
from LesionSegmentationLib.engine.operating_curve import OperatingCurve

ANISOTROPIC = np.diag([1.0, 1.5, 3.0, 1.0])
# Few distinct values make plateaus and voxels that join several components at once.
volumes = hnp.arrays(
    np.float32,
    st.tuples(st.integers(2, 7), st.integers(2, 6), st.integers(1, 3)),
    elements=st.sampled_from([0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9]),
)
choices = st.lists(
    st.tuples(st.floats(0, 1), st.floats(0, 1), st.sampled_from([KEPT, REJECTED, UNDECIDED])), min_size=1, max_size=5
)
sizes = st.sampled_from([(0, 0.0), (2, 0.0), (3, 2.0), (0, 3.0)])


class OneByOne:
    """The same rules from the labels of every prefix, voxel by voxel."""

    def __init__(self, curve, minimum):
        self.curve, self.minimum = curve, minimum
        self.peaks = {int(peak) for count in range(1, curve.order.size + 1) for peak in self.peaks_new_at(count)}
        self.state_of_peak = {}

    def prefix(self, count):
        return [set(np.flatnonzero(labels)) for labels in self.labels(count)]

    def labels(self, count):
        mask = np.zeros(self.curve.geometry.shape, bool)
        mask.reshape(-1)[self.curve.order[:count]] = True
        labels, number = ndimage.label(mask, np.ones((3, 3, 3)))
        return [(labels == n).reshape(-1) for n in range(1, number + 1)]

    def peaks_new_at(self, count):
        newest = int(self.curve.order[count - 1])
        return [newest] if {newest} in self.prefix(count) else []

    def decide(self, component, state):
        self.state_of_peak.update(dict.fromkeys(component & self.peaks, state))

    def is_listed(self, component, count):
        lesions = find_lesions(self.curve, point(self.curve, count), 0.0, *self.minimum)
        voxel = np.unravel_index(min(component), self.curve.geometry.shape)
        return lesions.holding(tuple(int(index) for index in voxel)) is not None

    def state(self, component, count):
        states = {self.state_of_peak.get(peak, UNDECIDED) for peak in component & self.peaks} - {UNDECIDED}
        if len(states) != 1:
            return MERGED if states else UNDECIDED
        for earlier in range(1, count + 1):
            for other in self.prefix(earlier):
                undecided = all(self.state_of_peak.get(peak, UNDECIDED) == UNDECIDED for peak in other & self.peaks)
                if undecided and other <= component and self.is_listed(other, earlier):
                    return MERGED
        return states.pop()


def point(curve, count):
    """An operating point of exactly that many voxels."""
    made = curve.at(0.5, 0.5)
    return type(made)(0.5, 0.5, None, count, curve._prefix(count))


def curve_of(p, affine=ANISOTROPIC):
    curve = OperatingCurve(p, Geometry(p.shape, affine))
    curve.at_threshold(1e-3)
    return curve


def voxel_of(curve, flat):
    return tuple(int(index) for index in np.unravel_index(flat, curve.geometry.shape))


@settings(max_examples=60, deadline=None)
@given(volumes, choices, sizes)
def test_equals_the_rules_applied_one_by_one(p, choices, minimum):
    curve, decisions = curve_of(p), Decisions()
    slow = OneByOne(curve, minimum)
    for level, which, state in choices:
        count = 1 + round(level * (curve.order.size - 1))
        components = slow.prefix(count)
        component = components[round(which * (len(components) - 1))]
        best = next(int(flat) for flat in curve.order if int(flat) in component)
        decisions.decide(Decision(voxel_of(curve, best), count, state))
        slow.decide(component, state)
    for count in np.unique(np.linspace(1, curve.order.size, 6).astype(int)):
        lesions = find_lesions(curve, point(curve, count), 0.0, *minimum, decisions=decisions)
        shown = set()
        for component in slow.prefix(count):
            lesion = lesions.holding(voxel_of(curve, min(component)))
            assert (lesion is not None) == slow.is_listed(component, count)
            if lesion is not None:
                state = slow.state(component, count)
                assert lesions.states[lesion.id] == state
                shown |= component if state != REJECTED else set()
        assert set(lesions.voxels.tolist()) == shown
        figures = lesions.figures
        assert figures.tp == pytest.approx(p.reshape(-1)[sorted(shown)].sum(dtype=float), abs=1e-5)
        assert figures.tp + figures.fp == pytest.approx(len(shown), abs=1e-5)
        assert len(lesions) == len(lesions.rows) == len(lesions.listed) - list(lesions.states.values()).count(REJECTED)
        assert sum(lesion.voxels for lesion in lesions.rows) == len(shown)


@settings(max_examples=30, deadline=None)
@given(volumes, st.floats(0, 1), st.floats(0, 1), st.sampled_from([KEPT, REJECTED]))
def test_undecided_again_is_as_if_nothing_had_been_decided(p, level, other, state):
    curve, decisions = curve_of(p), Decisions()
    count = 1 + round(level * (curve.order.size - 1))
    lesion = find_lesions(curve, point(curve, count)).listed[0]
    for made in (state, UNDECIDED):
        decisions.decide(Decision(lesion.peak, count, made))
    later = point(curve, 1 + round(other * (curve.order.size - 1)))
    assert set(find_lesions(curve, later, decisions=decisions).states.values()) == {UNDECIDED}


def two_blobs():
    """A high and a lower blob in a row of voxels that is bridged at 0.3, the row one voxel high and deep."""
    p = np.full((30, 3, 1), 0.01, np.float32)
    p[2:12, 1, 0] = [0.5, 0.6, 0.7, 0.8, 0.95, 0.9, 0.8, 0.7, 0.6, 0.5]
    p[12:14, 1, 0] = 0.3
    p[14:22, 1, 0] = [0.45, 0.55, 0.65, 0.85, 0.84, 0.65, 0.55, 0.45]
    return curve_of(p, np.eye(4))


def shown_at(curve, threshold, decisions, diameter=3.0):
    return find_lesions(curve, curve.at_threshold(threshold), minimum_diameter_mm=diameter, decisions=decisions)


def test_a_rejected_lesion_stays_out_until_it_meets_another():
    curve, decisions = two_blobs(), Decisions()
    first = shown_at(curve, 0.6, decisions).listed[0]
    assert first.peak == (6, 1, 0)
    decisions.decide(Decision(first.peak, curve.at_threshold(0.6).count, REJECTED))
    for threshold in (0.9, 0.75, 0.6, 0.5, 0.46):
        lesions = shown_at(curve, threshold, decisions)
        assert lesions.states.get(first.id, REJECTED) == REJECTED
        assert not lesions.mask()[2:13].any()
    assert [lesion.peak for lesion in shown_at(curve, 0.46, decisions).rows] == [(17, 1, 0)]
    merged = shown_at(curve, 0.3, decisions)
    assert merged.states == {first.id: MERGED} and merged.mask()[2:22, 1].all()
    assert merged.undecided == merged.listed
    # Both decided alike: then so is what they become.
    other = shown_at(curve, 0.5, decisions).rows[0]
    decisions.decide(Decision(other.peak, curve.at_threshold(0.5).count, REJECTED))
    assert len(shown_at(curve, 0.3, decisions)) == 0
    # And a decision on the whole holds for the parts.
    decisions.decide(Decision(first.peak, curve.at_threshold(0.3).count, KEPT))
    assert set(shown_at(curve, 0.6, decisions).states.values()) == {KEPT}


def test_what_is_too_small_to_be_listed_is_no_other_lesion():
    p = np.full((30, 3, 1), 0.01, np.float32)
    p[2:8, 1, 0] = [0.5, 0.8, 0.9, 0.8, 0.6, 0.3]
    p[8, 1, 0] = 0.7  # a speck beside it, one voxel until they meet at 0.3
    curve, decisions = curve_of(p, np.eye(4)), Decisions()
    lesion = shown_at(curve, 0.5, decisions).listed[0]
    decisions.decide(Decision(lesion.peak, curve.at_threshold(0.5).count, REJECTED))
    assert len(shown_at(curve, 0.3, decisions)) == 0
    assert shown_at(curve, 0.3, decisions, diameter=0.0).states == {lesion.id: MERGED}


def test_notes_go_with_their_lesion_and_are_joined_with_it():
    curve, decisions = two_blobs(), Decisions()
    first, second = shown_at(curve, 0.5, decisions).listed
    decisions.set_note(first.peak, "cortical?  ")
    decisions.set_note(second.peak, "see T2")
    assert shown_at(curve, 0.5, decisions).notes == {first.id: "cortical?", second.id: "see T2"}
    assert shown_at(curve, 0.3, decisions).notes == {first.id: "cortical?; see T2"}
    decisions.set_note(first.peak, "")
    assert shown_at(curve, 0.3, decisions).notes == {first.id: "see T2"}


def test_they_survive_json():
    decisions = Decisions([Decision((1, 2, 3), 40, REJECTED), Decision((4, 5, 6), 7, KEPT)], {(1, 2, 3): "ä | ; \n"})
    again = Decisions.from_dict(json.loads(json.dumps(decisions.to_dict())))
    assert again.to_dict() == decisions.to_dict()
    assert again.notes == {(1, 2, 3): "ä | ; \n"}
    for damaged in ({}, {"decisions": [{"peak": [1, 2], "marked": 3, "state": KEPT}], "notes": []}, None):
        with pytest.raises(InputError, match="damaged"):
            Decisions.from_dict(damaged)
    with pytest.raises(InputError, match="can be"):
        Decision((0, 0, 0), 1, "perhaps")


def test_decisions_from_elsewhere_do_nothing():
    curve = two_blobs()
    decisions = Decisions([Decision((99, 0, 0), 5, REJECTED), Decision((0, 0, 0), 5, REJECTED)])
    assert set(shown_at(curve, 0.5, decisions).states.values()) == {UNDECIDED}


@pytest.mark.parametrize("seed", [0, 1])
def test_changes_from_one_setting_to_another(seed):
    rng = np.random.default_rng(seed)
    smooth = ndimage.gaussian_filter(rng.normal(size=(20, 18, 14)), 1.3)
    curve, decisions = curve_of(np.clip(smooth / smooth.max(), 0, 1).astype(np.float32)), Decisions()
    earlier, mask = None, None
    for _ in range(30):
        point_now = curve.at_threshold(rng.uniform(0.02, 0.9))
        lesions = find_lesions(curve, point_now, minimum_voxels=int(rng.integers(0, 9)), decisions=decisions)
        if lesions.listed:
            lesion = lesions.listed[rng.integers(len(lesions.listed))]
            decisions.decide(Decision(lesion.peak, point_now.count, str(rng.choice([KEPT, REJECTED]))))
        if earlier is not None:
            added, removed = lesions.changes_from(earlier)
            mask.reshape(-1)[curve.order[added]] += 1
            mask.reshape(-1)[curve.order[removed]] -= 1
            assert np.array_equal(mask, lesions.mask())
        earlier, mask = lesions, lesions.mask()
