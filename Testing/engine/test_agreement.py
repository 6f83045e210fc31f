"""Figures of agreement against their definitions, spelled out voxel by voxel."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from grids import GRIDS, affine
from LesionSegmentationLib.engine.agreement import agreement
from LesionSegmentationLib.engine.errors import InputError
from LesionSegmentationLib.engine.geometry import Geometry
from LesionSegmentationLib.engine.volume import Volume, read_mask
from real_data import REAL_DATA, needs_real_data

SPACING = (0.7, 1.3, 3.0)
GRID = affine((12, -7, 21), SPACING, (-1, 1, 1), origin=(5, 6, 7))


def mask(array, matrix=GRID, name="mask.nii"):
    return Volume(array, Geometry(array.shape, matrix), name)


def ratio(part, whole):
    return part / whole if whole else None


def lesions(array):
    """26-connected components as sets of voxels, by flooding."""
    left, found = set(map(tuple, np.argwhere(array))), []
    while left:
        component, front = set(), [left.pop()]
        while front:
            voxel = front.pop()
            component.add(voxel)
            for step in product((-1, 0, 1), repeat=3):
                near = tuple(a + b for a, b in zip(voxel, step))
                if near in left:
                    left.remove(near)
                    front.append(near)
        found.append(component)
    return found


def surface(array):
    """Centres in mm of the marked voxels with an unmarked face neighbour or the edge of the array beside them."""
    steps = [s for s in product((-1, 0, 1), repeat=3) if sum(map(abs, s)) == 1]
    centres = []
    for voxel in np.argwhere(array):
        near = [tuple(voxel + step) for step in steps]
        inside = [all(0 <= n < size for n, size in zip(place, array.shape)) for place in near]
        if not all(ok and array[place] for ok, place in zip(inside, near)):
            centres.append(voxel * SPACING)
    return np.array(centres)


def by_hand(p, r):
    tp, fp, fn = int((p & r).sum()), int((p & ~r).sum()), int((~p & r).sum())
    lp, lr = lesions(p), lesions(r)
    found = sum(any(p[v] for v in lesion) for lesion in lr)
    false = sum(not any(r[v] for v in lesion) for lesion in lp)
    ml = np.prod(SPACING) / 1000
    assd = None
    if p.any() and r.any():
        between = np.linalg.norm(surface(p)[:, None] - surface(r)[None], axis=-1)
        assd = (between.min(1).sum() + between.min(0).sum()) / sum(between.shape)
    return {
        "dice": ratio(2 * tp, 2 * tp + fp + fn),
        "precision": ratio(tp, tp + fp),
        "recall": ratio(tp, tp + fn),
        "f1": ratio(2 * tp, 2 * tp + fp + fn),
        "f2": ratio(5 * tp, 5 * tp + 4 * fn + fp),
        "true_positives": tp,
        "false_positives": fp,
        "false_negatives": fn,
        "prediction_ml": p.sum() * ml,
        "reference_ml": r.sum() * ml,
        "volume_difference_ml": (int(p.sum()) - int(r.sum())) * ml,
        "volume_difference": ratio(int(p.sum()) - int(r.sum()), int(r.sum())),
        "lesions_prediction": len(lp),
        "lesions_reference": len(lr),
        "lesion_tpr": ratio(found, len(lr)),
        "lesion_fdr": ratio(false, len(lp)),
        "assd_mm": assd,
    }


def same(found, expected):
    assert found.keys() == expected.keys()
    for name, value in expected.items():
        assert found[name] == (None if value is None else pytest.approx(value, abs=1e-12)), name


masks = arrays(np.uint8, (5, 4, 6), elements=st.integers(0, 1), fill=st.just(0))


@settings(deadline=None)
@given(masks, masks)
def test_any_two_masks(p, r):
    same(agreement(mask(p), mask(r)), by_hand(p > 0, r > 0))


@pytest.mark.parametrize("density", [0.02, 0.1, 0.4, 0.95])
def test_masks_of_many_lesions(density):
    rng = np.random.default_rng(1)
    p, r = (rng.random((2, 12, 11, 10)) < density).astype(np.uint8)
    same(agreement(mask(p), mask(r)), by_hand(p > 0, r > 0))


def test_empty_masks_have_no_figures():
    empty, some = np.zeros((4, 5, 6), np.uint8), np.zeros((4, 5, 6), np.uint8)
    some[1:3, 2, 2] = 1
    both = agreement(mask(empty), mask(empty))
    assert {name for name, value in both.items() if value is not None} == {
        "true_positives",
        "false_positives",
        "false_negatives",
        "prediction_ml",
        "reference_ml",
        "volume_difference_ml",
        "lesions_prediction",
        "lesions_reference",
    }
    missed = agreement(mask(empty), mask(some))
    assert (missed["dice"], missed["precision"], missed["recall"]) == (0, None, 0)
    assert (missed["lesion_tpr"], missed["lesion_fdr"], missed["assd_mm"]) == (0, None, None)
    invented = agreement(mask(some), mask(empty))
    assert (invented["dice"], invented["precision"], invented["recall"]) == (0, 0, None)
    assert (invented["lesion_tpr"], invented["lesion_fdr"], invented["volume_difference"]) == (None, 1, None)


def test_perfect_agreement():
    r = np.zeros((8, 8, 8), np.uint8)
    r[2:5, 2:5, 2:5] = 1
    found = agreement(mask(r), mask(r))
    assert (found["dice"], found["lesion_tpr"], found["lesion_fdr"], found["assd_mm"]) == (1, 1, 0, 0)


def test_the_distance_is_in_millimetres():
    one, two = np.zeros((2, 9, 9, 9), np.uint8)
    one[4, 4, 2], two[4, 4, 6] = 1, 1
    assert agreement(mask(one), mask(two))["assd_mm"] == pytest.approx(4 * SPACING[2])


def test_voxels_that_touch_at_a_corner_are_one_lesion():
    p = np.zeros((4, 4, 4), np.uint8)
    p[1, 1, 1] = p[2, 2, 2] = 1
    assert agreement(mask(p), mask(p))["lesions_prediction"] == 1


def test_another_voxel_order_of_the_same_grid_is_the_same_grid():
    rng = np.random.default_rng(2)
    p, r = (rng.random((2, 6, 7, 8)) < 0.3).astype(np.uint8)
    # As Slicer stores a left-handed image: slices in the other order.
    flipped = GRID.copy()
    flipped[:3, 3] += GRID[:3, 2] * 7
    flipped[:3, 2] *= -1
    same(agreement(mask(p[..., ::-1], flipped), mask(r)), agreement(mask(p), mask(r)))


@pytest.mark.parametrize(
    ("shape", "matrix", "says"),
    [
        ((4, 5, 7), GRIDS["plain"], "4 x 5 x 7 voxels"),
        ((4, 5, 6), affine(spacing=(1, 1, 2)), "1 x 1 x 2 mm"),
        ((4, 5, 6), affine(origin=(0, 3, 4)), "5.00 mm apart"),
    ],
)
def test_different_grids_are_refused_with_the_difference(shape, matrix, says):
    one = mask(np.ones((4, 5, 6), np.uint8), GRIDS["plain"], "one.nii")
    two = mask(np.ones(shape, np.uint8), matrix, "two.nii")
    with pytest.raises(InputError, match=says) as caught:
        agreement(one, two)
    assert "one.nii and two.nii" in str(caught.value)


@needs_real_data
def test_real_masks_of_two_time_points():
    cases = REAL_DATA / "ms-real" / "mslesseg-P14"
    one, two = (read_mask(cases / f"time{n}_mask.nii.gz") for n in (1, 2))
    found = agreement(one, two)
    assert 0 < found["dice"] < 1 and found["assd_mm"] > 0
    turned = agreement(two, one)
    assert turned["precision"] == found["recall"] and turned["assd_mm"] == pytest.approx(found["assd_mm"])
