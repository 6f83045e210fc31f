"""Scale and bias found again from simulated voxels; the error and the floor against counts made by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression

from LesionSegmentationLib.engine.bundle import check_floor
from LesionSegmentationTraining.export.calibration import calibration_error, fit_scale_and_bias, reliability
from LesionSegmentationTraining.export.evidence import gather
from LesionSegmentationTraining.export.floor import choose_floor


def simulated(seed: int, scale: float, bias: float, voxels: int = 60_000, kind: str = "real"):
    """A case whose voxels are lesion with probability sigmoid(scale x + bias)."""
    rng = np.random.default_rng(seed)
    x = rng.normal(-4, 3, voxels).astype(np.float32)
    lesion = rng.random(voxels) < expit(scale * x + bias)
    return gather(x, lesion, patient=f"patient-{seed}", case=f"case-{seed}", kind=kind)


def free_of_lesions(logits):
    return gather(logits, np.zeros(np.shape(logits), bool), patient="free", case="free")


@pytest.mark.parametrize(("scale", "bias"), [(1.0, 0.0), (0.6, -1.5), (1.8, 1.0)])
def test_the_simulated_scale_and_bias_are_found_again(scale, bias):
    found = fit_scale_and_bias([simulated(seed, scale, bias) for seed in range(4)])
    assert found == pytest.approx((scale, bias), abs=0.06)


def test_the_fit_agrees_with_logistic_regression():
    case = simulated(1, 0.7, -1.0)
    model = LogisticRegression(C=np.inf).fit(case.logits[:, None], case.lesion, sample_weight=case.count)
    assert fit_scale_and_bias([case]) == pytest.approx((model.coef_[0, 0], model.intercept_[0]), abs=2e-3)


def test_real_cases_count_as_often_as_told():
    cases = [simulated(1, 1.0, 2.0, kind="real"), simulated(2, 1.0, -2.0, kind="synthetic")]
    biases = [fit_scale_and_bias(cases, weight)[1] for weight in (0.05, 1.0, 20.0)]
    assert biases == sorted(biases)
    assert biases[0] < -1.5 and biases[2] > 1.5


def test_without_a_case_nothing_is_fitted():
    with pytest.raises(ValueError, match="no case"):
        fit_scale_and_bias([])


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 1000), st.integers(1, 400))
def test_evidence_stands_for_every_voxel_once(seed, voxels):
    rng = np.random.default_rng(seed)
    x = rng.normal(-8, 4, voxels)
    lesion = rng.random(voxels) < 0.1
    case = gather(x, lesion, patient="a", case="a")
    assert case.count.sum() == pytest.approx(voxels, rel=1e-5)
    assert case.lesion.sum() == lesion.sum()
    assert case.lesion_free == (not lesion.any())


def test_the_error_is_nought_where_said_is_true_and_the_gap_where_it_is_not():
    # a thousand voxels at each of two probabilities, a share of which is lesion
    x = np.repeat(logit([0.25, 0.85]), 1000)
    right = np.concatenate([np.arange(1000) < 250, np.arange(1000) < 850])
    wrong = np.concatenate([np.arange(1000) < 450, np.arange(1000) < 850])
    cases = [gather(x, mask, patient="a", case="a") for mask in (right, wrong)]
    assert calibration_error(cases[:1], 1.0, 0.0) == pytest.approx(0.0, abs=1e-6)
    assert calibration_error(cases[1:], 1.0, 0.0) == pytest.approx(0.1, abs=1e-6)
    rows = reliability(cases[1:], 1.0, 0.0)
    assert [(row["from"], row["voxels"]) for row in rows] == [(0.2, 1000), (0.8, 1000)]
    assert [row["true"] for row in rows] == pytest.approx([0.45, 0.85])
    assert [row["said"] for row in rows] == pytest.approx([0.25, 0.85], abs=1e-6)


def test_certain_background_is_left_out_of_the_error():
    case = gather(np.full(10_000, -8.0), np.zeros(10_000, bool), patient="a", case="a")
    assert reliability([case], 1.0, 0.0) == []
    assert calibration_error([case], 1.0, 0.0) == 0.0
    assert calibration_error([], 1.0, 0.0) == 0.0


def test_the_floor_leaves_what_is_allowed_of_a_lesion_free_case():
    # 1,000 voxels at probabilities falling from 0.29: 0.2 ml of 1 mm voxels are the 200 brightest
    p = np.linspace(0.29, 0.001, 1000)
    floor = choose_floor([free_of_lesions(logit(p)), free_of_lesions(logit(p / 2))], 1.0, 0.0)
    level = dict(map(tuple, floor))[1.0]
    assert int((p >= level).sum()) in (199, 200, 201)
    check_floor(floor, "the test")


def test_the_floor_never_rules_instead_of_a_good_curve():
    floor = choose_floor([free_of_lesions(np.full(50_000, 5.0))], 1.0, 0.0)
    assert all(level <= 0.6 / (1 + rho) + 1e-9 for rho, level in floor)


def test_without_a_lesion_free_case_there_is_no_floor():
    assert choose_floor([simulated(1, 1.0, 0.0)], 1.0, 0.0) == []
