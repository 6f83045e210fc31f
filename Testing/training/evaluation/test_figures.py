"""Figures of two masks against other people's libraries, against their definitions, and against what must hold."""

import time

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from LesionSegmentationLib.engine.errors import InputError
from LesionSegmentationTraining.evaluation.figures import figures_of
from LesionSegmentationTraining.evaluation.lesion_figures import equivalent_diameter, lesions_found, recall_by_size
from LesionSegmentationTraining.evaluation.surface_figures import surface_figures

from .conftest import MASK_PAIRS, SPACING, blobs

SHARES = ("dice", "jaccard", "precision", "recall", "specificity", "f1", "f2", "lesion_tpr", "lesion_fdr", "lesion_f1")


def monai(predicted, reference, **options):
    """MONAI's Hausdorff and average surface distance."""
    from monai.metrics import compute_average_surface_distance, compute_hausdorff_distance

    p, r = (torch.from_numpy(mask[None, None].astype(np.float32)) for mask in (predicted, reference))
    hausdorff = compute_hausdorff_distance(p, r, include_background=True, percentile=95, spacing=list(SPACING))
    directed = [
        compute_average_surface_distance(*ways, include_background=True, spacing=list(SPACING)).item()
        for ways in ((p, r), (r, p))
    ]
    return hausdorff.item(), directed


def test_overlap_is_that_of_lesion_metrics(pairs):
    from lesion_metrics import metrics as theirs

    for predicted, reference in pairs:
        ours = figures_of(predicted, reference, SPACING)
        assert ours["dice"] == pytest.approx(theirs.dice(predicted, reference))
        assert ours["jaccard"] == pytest.approx(theirs.jaccard(predicted, reference))
        assert ours["precision"] == pytest.approx(theirs.ppv(predicted, reference))
        assert ours["recall"] == pytest.approx(theirs.tpr(predicted, reference))
        # their counts are unsigned where numpy's are; the difference is taken of whole numbers
        assert ours["volume_error"] == pytest.approx(abs(int(predicted.sum()) - int(reference.sum())) / reference.sum())
        assert ours["lesion_tpr"] == pytest.approx(theirs.ltpr(predicted, reference))
        assert ours["lesion_fdr"] == pytest.approx(theirs.lfdr(predicted, reference))


def test_counts_are_those_of_scikit_learn(pairs):
    from sklearn import metrics as theirs

    for predicted, reference in pairs:
        ours, flat = figures_of(predicted, reference, SPACING), (reference.ravel(), predicted.ravel())
        assert ours["precision"] == pytest.approx(theirs.precision_score(*flat))
        assert ours["recall"] == pytest.approx(theirs.recall_score(*flat))
        assert ours["f1"] == pytest.approx(theirs.f1_score(*flat))
        assert ours["f2"] == pytest.approx(theirs.fbeta_score(*flat, beta=2))
        assert ours["jaccard"] == pytest.approx(theirs.jaccard_score(*flat))
        assert ours["specificity"] == pytest.approx(theirs.recall_score(*flat, pos_label=False))


def test_surfaces_are_those_of_monai(pairs):
    for predicted, reference in pairs:
        ours = surface_figures(predicted, reference, SPACING)
        hausdorff, directed = monai(predicted, reference)
        assert ours["hd95_mm"] == pytest.approx(hausdorff, rel=1e-5)
        # theirs is directed; ours weighs both directions by their number of surface voxels
        assert min(directed) - 1e-5 <= ours["assd_mm"] <= max(directed) + 1e-5


def test_surface_distances_of_parallel_planes_agree_with_surface_distance():
    """Google's library puts the surface between voxels and weighs it by area; for two shifted boxes both agree."""
    import surface_distance as theirs

    one, two = np.zeros((2, 20, 20, 20), bool)
    one[5:9, 2:18, 2:18], two[8:12, 2:18, 2:18] = True, True
    ours = surface_figures(one, two, (1.0, 1.0, 1.0))
    found = theirs.compute_surface_distances(two, one, (1.0, 1.0, 1.0))
    assert ours["hd95_mm"] == theirs.compute_robust_hausdorff(found, 95) == 3
    both = np.mean(theirs.compute_average_surface_distance(found))
    assert ours["assd_mm"] == pytest.approx(both, abs=0.35)


@settings(deadline=None, max_examples=60)
@given(MASK_PAIRS)
def test_bounds_and_what_is_not_defined(pair):
    predicted, reference = pair
    figures = figures_of(predicted, reference, SPACING)
    assert all(figures[name] is None or 0 <= figures[name] <= 1 for name in SHARES)
    assert (figures["recall"] is None) == (figures["volume_error"] is None) == (not reference.any())
    assert (figures["lesion_tpr"] is None) == (not reference.any())
    assert (figures["precision"] is None) == (figures["lesion_fdr"] is None) == (not predicted.any())
    assert (figures["jaccard"] is None) == (not (predicted | reference).any())
    assert (figures["assd_mm"] is None) == (figures["hd95_mm"] is None) == (not (predicted.any() and reference.any()))
    if figures["dice"] is not None:
        assert figures["jaccard"] == pytest.approx(figures["dice"] / (2 - figures["dice"]))
    if figures["hd95_mm"] is not None:
        assert 0 <= figures["hd95_mm"] and 0 <= figures["assd_mm"]


@settings(deadline=None, max_examples=40)
@given(MASK_PAIRS, st.permutations(range(3)))
def test_axes_may_change_places_with_their_spacing(pair, order):
    turned = figures_of(*(mask.transpose(order) for mask in pair), [SPACING[axis] for axis in order])
    straight = figures_of(*pair, SPACING)
    assert turned.keys() == straight.keys()
    for name, value in straight.items():
        assert turned[name] == (None if value is None else pytest.approx(value, rel=1e-9)), name


@settings(deadline=None, max_examples=40)
@given(MASK_PAIRS)
def test_sides_may_change_places(pair):
    one, other = figures_of(*pair, SPACING), figures_of(*reversed(pair), SPACING)
    for name in ("dice", "jaccard", "lesion_f1", "assd_mm", "hd95_mm"):
        assert one[name] == pytest.approx(other[name]), name
    assert one["precision"] == other["recall"] and one["volume_difference_ml"] == -other["volume_difference_ml"]
    assert one["lesion_tpr"] == (None if other["lesion_fdr"] is None else pytest.approx(1 - other["lesion_fdr"]))


def test_a_border_of_air_changes_nothing_but_the_specificity():
    pair = [blobs(seed) for seed in (1, 2)]
    small, large = (figures_of(*masks, SPACING) for masks in (pair, [np.pad(mask, 4) for mask in pair]))
    assert large.pop("specificity") > small.pop("specificity")
    assert large == small


def test_masks_of_other_shapes_are_refused():
    with pytest.raises(InputError, match="one grid"):
        figures_of(np.ones((2, 2, 2)), np.ones((2, 2, 3)), SPACING)


def test_recall_by_size_by_hand():
    reference = np.zeros((20, 20, 20), bool)
    reference[1, 1, 1] = reference[5:7, 5:7, 5:7] = reference[10:14, 10:14, 10:14] = True
    predicted = np.zeros_like(reference)
    predicted[6, 6, 6] = predicted[19, 19, 19] = True
    lesions = lesions_found(predicted, reference, 0.001)
    assert [lesion["volume_ml"] for lesion in lesions] == pytest.approx([0.001, 0.008, 0.064])
    assert [lesion["found"] for lesion in lesions] == [False, True, False]
    rows = recall_by_size(lesions, (0.0, 0.008, 0.064, np.inf))
    assert [(row["lesions"], row["found"], row["recall"]) for row in rows] == [(1, 0, 0), (1, 1, 1), (1, 0, 0)]
    assert rows[-1]["to_ml"] is None and rows[0]["recall"] == 0
    assert recall_by_size([], (0.0, 1.0))[0]["recall"] is None
    assert equivalent_diameter(4 / 3 * np.pi * 2**3 / 1000) == pytest.approx(4)
    with pytest.raises(InputError, match="rise"):
        recall_by_size(lesions, (1.0, 1.0))


def test_a_large_pair_with_two_hundred_lesions_is_quick():
    rng = np.random.default_rng(0)
    masks = np.zeros((2, 256, 256, 256), bool)
    for centre in rng.integers(8, 248, (200, 3)):
        for mask in masks:
            size = rng.integers(2, 5)
            mask[tuple(slice(c - size, c + size) for c in centre + rng.integers(-1, 2, 3))] = True
    start = time.process_time()
    figures = figures_of(*masks, (1, 1, 1), surfaces=False)
    seconds = time.process_time() - start
    assert figures["lesions_reference"] > 150 and figures["dice"] > 0.3
    assert seconds < 3, f"{seconds:.2f} s"
