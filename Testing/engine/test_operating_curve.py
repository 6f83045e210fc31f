"""The operating curve against brute force over all thresholds, and its promises: nested, strictly falling, exact."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from LesionSegmentationLib.engine.errors import InputError
from LesionSegmentationLib.engine.geometry import Geometry
from LesionSegmentationLib.engine.levels import PosteriorRule
from LesionSegmentationLib.engine.operating_curve import OperatingCurve

FLOOR = [[0.25, 0.6], [1.0, 0.35], [4.0, 0.1]]

# Few distinct values make ties, which random floats would never show.
posteriors = hnp.arrays(
    np.float32,
    st.tuples(*[st.integers(1, 5)] * 3),
    elements=st.one_of(
        st.floats(0, 1, width=32, allow_subnormal=False), st.sampled_from([0.0, 0.02, 0.25, 0.5, 0.5, 1.0])
    ),
)
weights = st.tuples(st.floats(0.02, 5), st.floats(0, 5))


def curve_of(p, floor=()):
    return OperatingCurve(p, Geometry(p.shape, np.diag([1.0, 2.0, 0.5, 1.0])), PosteriorRule(floor))


def tversky(p, mask, alpha, beta):
    p = p.astype(np.float64)
    tp, fp, fn = p[mask].sum(), (1 - p[mask]).sum(), p[~mask].sum()
    return tp / (tp + alpha * fp + beta * fn) if tp > 0 else 0.0


@given(posteriors, weights)
def test_equals_brute_force_over_all_thresholds(p, weight):
    alpha, beta = weight
    curve = curve_of(p)
    point = curve.at(alpha, beta)
    best = max((tversky(p, p >= t, alpha, beta) for t in np.unique(p)), default=0.0)
    mask = curve.mask(point).astype(bool)
    assert tversky(p, mask, alpha, beta) == pytest.approx(best, abs=1e-9)
    if p.max() > 0:
        assert point.figures.tversky(alpha, beta) == pytest.approx(best, abs=1e-6)
        assert point.count == (p >= p.reshape(-1)[curve.order[point.count - 1]]).sum()


@given(posteriors, weights)
def test_depends_on_the_ratio_alone(p, weight):
    alpha, beta = weight
    curve = curve_of(p)
    assert curve.at(alpha, beta).count == curve.at(3 * alpha, 3 * beta).count


@given(posteriors, st.sampled_from([(), FLOOR, [[1.0, 0.4]]]))
def test_sets_are_nested_and_the_level_falls(p, floor):
    curve = curve_of(p, floor)
    points = [curve.at(1.0, rho) for rho in np.geomspace(0.01, 100, 60)]
    counts = [point.count for point in points]
    assert counts == sorted(counts)
    if p.max() > 0:
        levels = [point.threshold for point in points]
        assert all(a >= b for a, b in zip(levels, levels[1:]))
        # Of a volume that is all but empty, r is so large that a step of rho drowns in rounding.
        if not floor and 1e-3 < p.max() < 1:
            assert all(a > b for a, b in zip(levels, levels[1:]))
    for point in points:
        if point.threshold is not None:
            marked, rest = curve.mask(point) == 1, curve.mask(point) == 0
            assert (p[marked] >= point.threshold - 1e-6).all()
            assert (p[rest] <= point.threshold + 1e-6).all()


@given(posteriors, st.floats(0.01, 100))
def test_the_floor_only_takes_away(p, rho):
    bare, floored = curve_of(p).at(1, rho), curve_of(p, FLOOR).at(1, rho)
    level = PosteriorRule(FLOOR).floor(rho)
    allowed = int((p.astype(np.float64) >= level).sum())
    assert abs(floored.count - min(bare.count, allowed)) <= ((np.abs(p - level)) < 1e-6).sum()


def test_with_a_floor_nothing_is_a_possible_answer():
    haze = np.full((20, 10, 10), 0.02, np.float32)
    assert curve_of(haze).at(0.5, 0.5).count == haze.size
    point = curve_of(haze, FLOOR).at(0.5, 0.5)
    assert point.count == 0
    assert point.figures.precision is None and point.figures.recall == 0 and point.figures.dice == 0
    assert point.threshold == pytest.approx(0.35)


@pytest.mark.parametrize("value, count", [(0.0, 0), (1.0, 24), (0.3, 24)])
def test_constant_volumes(value, count):
    point = curve_of(np.full((2, 3, 4), value, np.float32)).at(0.5, 0.5)
    assert point.count == count
    if value == 0:
        assert point.threshold is None
        assert point.figures.precision is None and point.figures.recall is None and point.figures.dice is None
    if value == 1:
        assert (point.figures.precision, point.figures.recall, point.figures.dice) == (1, 1, 1)
    assert point.figures.volume_ml == pytest.approx(count * 1e-3)


def test_figures_are_the_expected_counts():
    p = np.array([0.9, 0.8, 0.4, 0.1, 0.0, 0.0], np.float32).reshape(1, 2, 3)
    figures = curve_of(p).at_threshold(0.4).figures
    assert figures.tp == pytest.approx(2.1, abs=1e-6)
    assert figures.fp == pytest.approx(0.9, abs=1e-6)
    assert figures.fn == pytest.approx(0.1, abs=1e-6)
    assert figures.precision == pytest.approx(0.7, abs=1e-6)
    assert figures.recall == pytest.approx(2.1 / 2.2, abs=1e-6)
    assert figures.dice == pytest.approx(4.2 / 5.2, abs=1e-6)
    assert figures.f2 == pytest.approx(10.5 / (10.5 + 0.9 + 0.4), abs=1e-6)


def test_tau_is_half_the_expected_dice_at_equal_weights():
    p = np.random.default_rng(0).beta(0.1, 2, (20, 20, 20)).astype(np.float32)
    point = curve_of(p).at(1, 1)
    assert point.threshold == pytest.approx(point.figures.dice / 2, rel=1e-9)


def test_rounding_of_a_threshold_does_not_move_voxels():
    """Two neighbouring float32 values around the level: the rank decides, not the level as printed."""
    p = np.zeros((1, 1, 1000), np.float32)
    p[0, 0, :2] = np.float32(0.5), np.nextafter(np.float32(0.5), np.float32(0))
    curve = curve_of(p)
    assert curve.at_threshold(0.5).count == 1
    assert curve.at_threshold(float(p[0, 0, 1])).count == 2


def test_settings_below_the_first_cut_add_candidates():
    rng = np.random.default_rng(1)
    p = (10 ** rng.uniform(-6, -2, (30, 30, 30))).astype(np.float32)
    curve = curve_of(p)
    first, generation = curve.order.size, curve.generation
    point = curve.at(1e-4, 1.0)
    assert curve.order.size > first and curve.generation > generation
    best = max(tversky(p, p >= t, 1e-4, 1.0) for t in np.quantile(p, np.linspace(0, 1, 400)))
    assert point.figures.tversky(1e-4, 1.0) >= best - 1e-9
    assert (np.diff(p.reshape(-1)[curve.order]) <= 0).all()
    assert curve.at_threshold(2e-6).count == (p >= np.float64(2e-6)).sum()


def test_fbeta_is_a_tversky_setting():
    p = np.random.default_rng(2).random((5, 6, 7)).astype(np.float32)
    assert curve_of(p).at_fbeta(2).count == curve_of(p).at(0.2, 0.8).count
    assert curve_of(p).at_fbeta(2).figures.f2 == pytest.approx(
        max((1 + 4) * pr * re / (4 * pr + re) for pr, re in _precision_recall(p)), abs=1e-5
    )


def _precision_recall(p):
    for t in np.unique(p):
        m = p >= t
        tp = p[m].sum(dtype=float)
        yield tp / m.sum(), tp / p.sum(dtype=float)


@settings(max_examples=30)
@given(posteriors)
def test_the_setting_at_which_a_voxel_enters_is_exact(p):
    curve = curve_of(p)
    for rank in range(0, curve.order.size, 7):
        rho = curve.entries[rank]
        if 0 < rho < 1e6:
            assert curve.at(1, rho * (1 + 1e-9)).count > rank
            assert curve.at(1, rho * (1 - 1e-6)).count <= rank or curve.entries[rank] == 0


@pytest.mark.parametrize("bad", [math.nan, math.inf, -0.1, 1.5])
def test_values_that_are_no_probabilities_are_refused(bad):
    p = np.full((2, 2, 2), 0.5, np.float32)
    p[0, 0, 0] = bad
    with pytest.raises(InputError):
        curve_of(p)


@pytest.mark.parametrize("alpha, beta", [(0, 1), (-1, 1), (1, -0.1), (math.nan, 1), (1, math.inf), (1e-200, 1e200)])
def test_weights_out_of_range_are_refused(alpha, beta):
    with pytest.raises(InputError, match="alpha|beta"):
        curve_of(np.full((2, 2, 2), 0.5, np.float32)).at(alpha, beta)


@pytest.mark.parametrize("threshold", [0, -1, 1.01, math.nan])
def test_thresholds_out_of_range_are_refused(threshold):
    with pytest.raises(InputError, match="threshold"):
        curve_of(np.full((2, 2, 2), 0.5, np.float32)).at_threshold(threshold)


@pytest.mark.parametrize("floor", [[[1, 0.2], [2, 0.2]], [[2, 0.4], [1, 0.3]], [[0, 0.5]], [[1, 1.5]], ["x"]])
def test_a_floor_that_does_not_fall_is_refused(floor):
    with pytest.raises(InputError, match="floor"):
        PosteriorRule(floor)


class HalvingRule(PosteriorRule):
    """A score that is no probability: voxel q enters at rho = exp(-q), as a conditioned head's would."""

    cuts = (-5.0,)
    takes_thresholds = False

    def entries(self, score, expected, total):
        return np.exp(-score.astype(np.float64))

    def reach(self, score, count, expected_sum, total):
        return np.exp(-score)

    def level(self, rho, count, expected_sum, total):
        return -math.log(rho)


def test_another_kind_of_score_stands_behind_the_same_interface():
    rng = np.random.default_rng(3)
    q = rng.normal(0, 4, (6, 7, 8)).astype(np.float32)
    p = rng.random(q.shape).astype(np.float32)
    curve = OperatingCurve(q, Geometry(q.shape, np.eye(4)), HalvingRule(), probability=p)
    for rho in (0.01, 1.0, 30.0, 1e4):
        point = curve.at(1, rho)
        assert np.array_equal(curve.mask(point).astype(bool), q >= -math.log(rho))
        assert point.figures.tp == pytest.approx(p[q >= -math.log(rho)].sum(dtype=float), rel=1e-6)
    with pytest.raises(InputError):
        curve.at_threshold(0.5)
