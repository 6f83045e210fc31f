"""From logits to probabilities: scale, bias, and the higher prior of an image that shows many lesions."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.special import expit

from LesionSegmentationLib.engine.calibration import HIGHEST_SHIFT, calibrated, load_shift


def odds_of(seed, size=2000):
    rng = np.random.default_rng(seed)
    return np.concatenate([rng.normal(-6, 2, size), rng.normal(1, 2, size // 10)])


def test_without_a_usual_load_it_is_the_sigmoid_of_a_line():
    logits = np.linspace(-300, 300, 601).reshape(1, 1, -1).astype(np.float32)
    probability, shift = calibrated(logits, {"scale": 0.5, "bias": 1.0}, 0.001)
    assert shift == 0 and probability.dtype == np.float32
    assert probability == pytest.approx(expit(np.clip(0.5 * logits + 1, -80, 80)), abs=1e-6)


@given(st.integers(0, 1000), st.floats(1, 1e4))
def test_the_shift_is_the_lowest_at_which_the_load_explains_itself(seed, usual):
    odds = odds_of(seed)
    shift = load_shift(odds, usual)
    steps = np.linspace(0, HIGHEST_SHIFT, 401)
    asked = np.array([np.log(expit(odds + step).sum() / usual) for step in steps])
    met = np.flatnonzero(np.clip(asked, 0, HIGHEST_SHIFT) <= steps)
    assert shift == pytest.approx(steps[met[0]], abs=0.01)


@given(st.integers(0, 1000))
def test_the_usual_load_and_less_shift_nothing(seed):
    odds = odds_of(seed)
    load = expit(odds).sum()
    assert load_shift(odds, load) == pytest.approx(0, abs=1e-9)
    assert load_shift(odds, 100 * load) == 0
    assert load_shift(odds - 200, load) == 0


@given(st.integers(0, 1000), st.integers(1, 5))
def test_a_voxel_may_stand_for_many(seed, times):
    odds = odds_of(seed)
    count = np.full(odds.size, float(times))
    assert load_shift(odds, 300.0, count) == pytest.approx(load_shift(np.tile(odds, times), 300.0), abs=1e-6)


def test_twice_the_voxels_in_an_image_of_half_the_size_are_the_same_load():
    logits = odds_of(3).astype(np.float32)
    settings = {"scale": 1.0, "bias": -0.5, "usual_ml": 0.08}
    coarse, shift = calibrated(logits, settings, 0.001)
    fine, other = calibrated(np.repeat(logits, 8), settings, 0.001 / 8)
    assert 0 < shift < HIGHEST_SHIFT
    assert other == pytest.approx(shift, abs=1e-4)
    assert fine[::8] == pytest.approx(coarse, abs=1e-5)
    assert np.array_equal(np.argsort(coarse, kind="stable"), np.argsort(logits, kind="stable"))
