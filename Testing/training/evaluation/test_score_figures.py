"""Ranking and calibration of probabilities against scikit-learn and the exporter's own calibration error."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.special import logit

from LesionSegmentationLib.engine.errors import InputError
from LesionSegmentationTraining.evaluation.score_figures import (
    average_precision,
    calibration_error,
    pooled,
    precision_recall,
    reliability,
    score_figures,
)

from .conftest import blobs, posterior_of

CASES = [(posterior_of(blobs(seed), seed + 9), blobs(seed)) for seed in range(4)]


def test_ranking_is_that_of_scikit_learn():
    from sklearn.metrics import average_precision_score, brier_score_loss

    for probability, mask in CASES:
        figures = score_figures(probability, mask)
        assert figures["auc_pr"] == pytest.approx(average_precision_score(mask.ravel(), probability.ravel()))
        assert figures["brier"] == pytest.approx(brier_score_loss(mask.ravel(), probability.ravel()), rel=1e-5)


@settings(deadline=None, max_examples=80)
@given(arrays(np.float32, 40, elements=st.sampled_from([0.0, 0.25, 0.5, 0.75, 1.0])), arrays(np.bool_, 40))
def test_ties_enter_together(probability, mask):
    from sklearn.metrics import average_precision_score

    found = average_precision(probability, mask)
    if not mask.any():
        assert found is None
    else:
        assert found == pytest.approx(average_precision_score(mask, probability))
        shuffled = np.random.default_rng(0).permutation(40)
        assert average_precision(probability[shuffled], mask[shuffled]) == pytest.approx(found)


def test_points_of_the_curve_are_exact():
    probability, mask = (array.ravel() for array in CASES[0])
    curve = precision_recall(probability, mask, points=30)
    assert 10 < len(curve["level"]) <= 30 and curve["recall"][-1] == 1
    for level, precision, recall in zip(*curve.values()):
        marked = probability >= level
        assert precision == pytest.approx((marked & mask).sum() / marked.sum())
        assert recall == pytest.approx((marked & mask).sum() / mask.sum())
    assert precision_recall(probability, np.zeros_like(mask))["recall"] == []


def test_reliability_is_that_of_scikit_learn():
    from sklearn.calibration import calibration_curve

    probability, mask = (np.concatenate([case[n].ravel() for case in CASES]) for n in range(2))
    # values at an edge belong to the upper bin here, to the lower one there
    inner = (probability >= 0.01) & (np.abs(probability * 10 - np.round(probability * 10)) > 1e-4)
    rows = pooled([reliability(probability[inner], mask[inner])], 10)
    true, said = calibration_curve(mask[inner], probability[inner], n_bins=10)
    assert [row["true"] for row in rows] == pytest.approx(true.tolist())
    assert [row["said"] for row in rows] == pytest.approx(said.tolist())


def test_the_error_is_that_of_the_export():
    from LesionSegmentationTraining.export import calibration
    from LesionSegmentationTraining.export.evidence import Evidence

    shifted = [np.clip(p + np.float32(1e-4), 0, 1) for p, _ in CASES]  # off the edges of the bins, both ways
    evidence = [
        Evidence(logit(np.clip(p.ravel().astype(np.float64), 1e-9, 1 - 1e-9)), m.ravel(), np.ones(p.size), p.size,
                 "p", "c", "real", "flair")
        for p, (_, m) in zip(shifted, CASES)
    ]  # fmt: skip
    tables = [reliability(p.ravel(), m.ravel()) for p, (_, m) in zip(shifted, CASES)]
    assert calibration_error(tables) == pytest.approx(calibration.calibration_error(evidence, 1.0, 0.0), abs=1e-6)
    assert pooled(tables) == [pytest.approx(row, abs=1e-6) for row in calibration.reliability(evidence, 1.0, 0.0)]


def test_what_is_not_defined():
    nothing = score_figures(np.zeros((3, 3, 3), np.float32), np.zeros((3, 3, 3), bool))
    assert nothing["auc_pr"] is None and nothing["ece"] is None and nothing["brier"] == 0
    with pytest.raises(InputError, match="probabilities lie in 0 to 1"):
        score_figures(np.full((2, 2, 2), 1.5, np.float32), np.zeros((2, 2, 2), bool))
    with pytest.raises(InputError, match="cannot be joined"):
        pooled([], 3)
