"""What became of each lesion: matching, classes, limits, against brute force."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays
from scipy import ndimage

from LesionSegmentationLib.engine.errors import InputError
from LesionSegmentationLib.engine.geometry import Geometry
from LesionSegmentationLib.engine.lesion_changes import CLASSES, ChangeLimit, class_labels, find_changes

UNIT = Geometry((24, 20, 16), np.diag([1.0, 1, 1, 1]))
NONE = ChangeLimit(0, 0, 0)


def masks(earlier, later, shape=UNIT.shape):
    """Two masks of boxes, each ((i, j, k), (ni, nj, nk))."""
    made = []
    for boxes in (earlier, later):
        mask = np.zeros(shape, bool)
        for start, size in boxes:
            mask[tuple(slice(a, a + n) for a, n in zip(start, size))] = True
        made.append(mask)
    return made


def only_change(earlier, later, limit=NONE):
    changes, _ = find_changes(*masks(earlier, later), UNIT, limit)
    assert len(changes) == 1
    return changes[0]


def test_classes_volumes_and_centre():
    change = only_change([((2, 3, 4), (2, 2, 2))], [((2, 3, 4), (4, 2, 2))])
    assert (change.change, change.earlier_ml, change.later_ml) == ("grown", 0.008, 0.016)
    assert change.change_percent == pytest.approx(100) and change.change_ml == pytest.approx(0.008)
    assert change.centroid_ras == pytest.approx((3.5, 3.5, 4.5))
    assert only_change([], [((2, 3, 4), (2, 2, 2))]).change == "new"
    gone = only_change([((2, 3, 4), (2, 2, 2))], [])
    assert gone.change == "gone" and gone.change_percent == -100
    assert only_change([], [((0, 0, 0), (2, 1, 1))]).change_percent is None


def test_split_merged_and_regrouped():
    whole, parts = [((2, 2, 2), (9, 2, 2))], [((2, 2, 2), (3, 2, 2)), ((8, 2, 2), (3, 2, 2))]
    assert only_change(whole, parts).grouping == "split"
    assert only_change(parts, whole).grouping == "merged"
    chain_earlier = [((2, 2, 2), (4, 1, 1)), ((8, 2, 2), (4, 1, 1))]
    chain_later = [((5, 2, 2), (4, 1, 1)), ((11, 2, 2), (4, 1, 1))]
    assert only_change(chain_earlier, chain_later).grouping == "regrouped"
    assert only_change(whole, whole).grouping == ""


def test_touching_is_not_overlapping():
    changes, _ = find_changes(*masks([((2, 2, 2), (2, 2, 2))], [((4, 2, 2), (2, 2, 2))]), UNIT, NONE)
    assert [change.change for change in changes] == ["new", "gone"]


@pytest.mark.parametrize(
    "earlier_ml, later_ml, expected",
    [
        (0, 0.013, "unchanged"),
        (0, 0.014, "new"),
        (0.013, 0, "unchanged"),
        (0.014, 0, "gone"),
        (0.1, 0.149, "unchanged"),  # 49 % but below 0.05 ml
        (0.1, 0.15, "grown"),
        (0.15, 0.1, "shrunk"),
        (1.0, 1.24, "unchanged"),  # 0.24 ml but below 25 %
        (1.0, 1.25, "grown"),
        (1.0, 0.75, "shrunk"),
        (0.4, 0.4, "unchanged"),
    ],
)
def test_limits(earlier_ml, later_ml, expected):
    assert ChangeLimit().class_of(earlier_ml, later_ml) == expected


def test_without_any_limit_equal_volumes_are_unchanged():
    assert NONE.class_of(0.3, 0.3) == "unchanged"


@pytest.mark.parametrize("wrong", [{"ml": -1}, {"share": float("nan")}, {"single_ml": -0.1}])
def test_refuses_a_limit_below_zero(wrong):
    with pytest.raises(InputError, match="0 or more"):
        ChangeLimit(**wrong)


def test_minimum_volume_counts_at_the_larger_time():
    earlier, later = masks([((2, 2, 2), (2, 2, 2)), ((12, 12, 2), (1, 1, 1))], [((2, 2, 2), (1, 1, 1))])
    changes, numbers = find_changes(earlier, later, UNIT, NONE, 0.008)
    assert [change.change for change in changes] == ["shrunk"]
    assert numbers[12, 12, 2] == 0 and numbers[2, 2, 2] == 1


def test_nothing_marked():
    empty = np.zeros(UNIT.shape, bool)
    changes, numbers = find_changes(empty, empty, UNIT, NONE)
    assert changes == [] and not numbers.any() and not class_labels(changes, numbers).any()


def brute_force(earlier, later):
    """Groups as sets of voxels, grown one overlap at a time."""
    found = []
    for mask in (earlier, later):
        labels, count = ndimage.label(mask, np.ones((3, 3, 3)))
        found += [frozenset(map(tuple, np.argwhere(labels == n))) for n in range(1, count + 1)]
    groups = []
    for lesion in found:
        together = [group for group in groups if group & lesion]
        groups = [group for group in groups if not group & lesion] + [lesion.union(*together)]
    return set(groups)


small = arrays.arrays(bool, (5, 4, 4), elements=st.booleans(), fill=st.just(False))


@settings(max_examples=60, deadline=None)
@given(small, small)
def test_groups_are_those_of_brute_force(earlier, later):
    geometry = Geometry(earlier.shape, np.diag([2.0, 1, 1.5, 1]))
    changes, numbers = find_changes(earlier, later, geometry, NONE)
    groups = {frozenset(map(tuple, np.argwhere(numbers == change.number))) for change in changes}
    assert groups == brute_force(earlier, later)
    assert sum(c.earlier_ml for c in changes) == pytest.approx(earlier.sum() * geometry.voxel_ml)
    assert sum(c.later_ml for c in changes) == pytest.approx(later.sum() * geometry.voxel_ml)
    labels = class_labels(changes, numbers)
    for change in changes:
        own = numbers == change.number
        assert (labels[own] == CLASSES.index(change.change) + 1).all()
        assert change.earlier_ml == pytest.approx((own & earlier).sum() * geometry.voxel_ml)
    # Exchanging the two times exchanges what became of each.
    mirrored = {"new": "gone", "gone": "new", "grown": "shrunk", "shrunk": "grown", "unchanged": "unchanged"}
    back, _ = find_changes(later, earlier, geometry, NONE)
    assert sorted(mirrored[c.change] for c in back) == sorted(c.change for c in changes)
