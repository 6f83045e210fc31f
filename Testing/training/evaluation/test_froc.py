"""The free-response curve by brute force, against MONAI, and the properties it must have."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from LesionSegmentationLib.engine.errors import InputError
from LesionSegmentationTraining.evaluation.froc import Findings, findings, froc, lesions_at

from .conftest import blobs, posterior_of

TOUCHING = np.ones((3, 3, 3))
IMAGES = [(posterior_of(blobs(seed), seed + 9), blobs(seed)) for seed in range(5)]

scores = st.lists(st.sampled_from([0.55, 0.6, 0.7, 0.8, 0.9]), max_size=5)
some_findings = st.builds(
    lambda hits, missed, false: Findings(
        np.ones(len(hits) + missed), np.array(hits + [-np.inf] * missed), np.array(false, float)
    ),
    scores, st.integers(0, 3), scores,
)  # fmt: skip


def by_hand(images, level):
    """False positives per image and recall when components with a lower peak than ``level`` are dropped."""
    found = lesions = false = 0
    for probability, mask in images:
        labels, count = ndimage.label(probability > 0.5, TOUCHING)
        kept = [n for n in range(1, count + 1) if probability[labels == n].max() >= level]
        false += sum(not mask[labels == n].any() for n in kept)
        marked = np.isin(labels, kept)
        reference, number = ndimage.label(mask, TOUCHING)
        found += sum(marked[reference == n].any() for n in range(1, number + 1))
        lesions += number
    return false / len(images), found / lesions


def test_every_point_by_brute_force():
    curve = froc([findings(p, m, 0.001) for p, m in IMAGES])
    assert len(curve.levels) > 10
    for level, false, recall in list(zip(curve.levels, curve.false_positives, curve.recall))[1::3]:
        assert (false, recall) == pytest.approx(by_hand(IMAGES, level))


def test_points_are_those_of_monai():
    from monai.metrics.froc import compute_froc_curve_data

    cases = [findings(p, m, 0.001) for p, m in IMAGES]
    hits = np.concatenate([case.lesion_score for case in cases])
    false = np.concatenate([case.false_score for case in cases])
    # MONAI leaves out the lowest level and knows a miss as the score 0
    theirs = compute_froc_curve_data(false, np.where(np.isinf(hits), 0.0, hits), hits.size, len(cases))
    curve = froc(cases)
    ours = set(zip(curve.false_positives.round(9), curve.recall.round(9)))
    assert {(round(f, 9), round(r, 9)) for f, r in zip(*theirs)} <= ours and len(theirs[0]) > 10


@settings(deadline=None)
@given(st.lists(some_findings, min_size=1, max_size=6), st.sampled_from([0.5, 1.0, 5.0]))
def test_average_recall_is_the_integral_of_the_steps(cases, limit):
    curve = froc(cases)
    if not sum(case.lesion_ml.size for case in cases):
        assert curve is None
        return
    assert (np.diff(curve.false_positives) >= 0).all() and (np.diff(curve.recall) >= 0).all()
    steps = 60 * 7  # steps lie at multiples of 1/1 to 1/6, so midpoints of this grid never meet one
    grid = (np.arange(int(limit * steps)) + 0.5) / steps
    assert curve.average_recall(limit) == pytest.approx(np.mean([curve.recall_at(x) for x in grid]), abs=1e-9)
    assert 0 <= curve.recall[0] == 0 <= curve.average_recall(limit) <= curve.recall[-1] <= 1


@settings(deadline=None)
@given(st.lists(some_findings, min_size=1, max_size=4))
def test_an_image_without_anything_counts_among_the_images(cases):
    empty = Findings(np.zeros(0), np.zeros(0), np.zeros(0))
    if froc(cases) is None:
        return
    more = froc([*cases, empty])
    assert more.false_positives == pytest.approx(froc(cases).false_positives * len(cases) / (len(cases) + 1))
    assert (more.recall == froc(cases).recall).all()


@settings(deadline=None)
@given(st.lists(some_findings, min_size=2, max_size=4))
def test_every_image_twice_gives_the_same_curve(cases):
    if (once := froc(cases)) is not None:
        twice = froc([*cases, *cases])
        assert twice.false_positives == pytest.approx(once.false_positives) and twice.recall == pytest.approx(
            once.recall
        )


def test_the_published_denominator_flatters():
    cases = [findings(p, m, 0.001) for p, m in IMAGES]
    right, published = froc(cases[:4]), froc(cases[:4], images=5)
    assert published.false_positives == pytest.approx(right.false_positives * 4 / 5)
    assert published.average_recall(2) > right.average_recall(2)


def test_one_lesion_under_two_components():
    probability, mask = np.zeros((12, 12, 12), np.float32), np.zeros((12, 12, 12), bool)
    mask[2:10, 2:4, 2:4] = True
    probability[2:7, 2:4, 2:4], probability[9, 2, 2], probability[2:4, 9, 9] = 0.7, 0.95, 0.8
    highest, best = (findings(probability, mask, 0.001, match=match) for match in ("highest", "best_dice"))
    assert highest.lesion_score.tolist() == pytest.approx([0.95]) and best.lesion_score.tolist() == pytest.approx([0.7])
    assert highest.false_score.tolist() == best.false_score.tolist() == pytest.approx([0.8])
    assert lesions_at([highest], 0.9)[0] == {"volume_ml": pytest.approx(0.032), "found": True}
    assert findings(probability, mask, 0.001, level=0.9).false_score.size == 0
    with pytest.raises(InputError, match="not by 'nearest'"):
        findings(probability, mask, 0.001, match="nearest")


def test_nothing_marked_and_nothing_there():
    empty = np.zeros((4, 4, 4))
    assert froc([findings(empty, empty > 0, 1.0)]) is None and froc([]) is None
    missed = findings(empty, np.ones((4, 4, 4), bool), 1.0)
    assert froc([missed]).average_recall() == 0
    kept = Findings.from_dict(json.loads(json.dumps(missed.to_dict())))
    assert kept.lesion_score.tolist() == [-np.inf] and kept.lesion_ml.tolist() == [64]
