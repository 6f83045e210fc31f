"""The conditioned head: a + s log(rho) >= 0, voxel by voxel, from the network's maps to the files of a result."""

import json
import math

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from bright_model import write_bright_model, write_conditioned_model
from grids import GRIDS
from LesionSegmentationLib.engine.bundle import load_bundle
from LesionSegmentationLib.engine.conditioned_score import ConditionedScore
from LesionSegmentationLib.engine.errors import InputError
from LesionSegmentationLib.engine.geometry import Geometry
from LesionSegmentationLib.engine.job_folder import load_job, write_job
from LesionSegmentationLib.engine.levels import ConditionedRule
from LesionSegmentationLib.engine.operating_curve import OperatingCurve
from LesionSegmentationLib.engine.predict import predict
from LesionSegmentationLib.engine.prepare import prepare
from LesionSegmentationLib.engine.probability_map import ProbabilityMap
from LesionSegmentationLib.engine.process import process
from LesionSegmentationLib.engine.restore import restore
from LesionSegmentationLib.engine.result import Outcome, read_result, retune, write_result
from LesionSegmentationLib.engine.setting import Setting
from LesionSegmentationLib.engine.study import Study
from LesionSegmentationLib.engine.volume import Volume

RANGE = (0.2, 20.0)
THRESHOLD_SENTENCE = "not a probability; choose alpha and beta"
numbers = st.floats(-30, 30, width=32, allow_subnormal=False)
# Few distinct values make ties; the network's second map as it comes, before softplus.
maps = hnp.arrays(
    np.float32,
    st.tuples(st.just(2), *[st.integers(1, 5)] * 3),
    elements=st.one_of(numbers, st.sampled_from([0.0, -1.5, 1.5, -20.0])),
)
settings_of_rho = st.one_of(st.floats(0.01, 500), st.sampled_from([0.0, 0.2, 1.0, 20.0, 1e9]))


def softplus(x):
    return np.logaddexp(np.float32(0), x)


def curve_of(a, s, rho=RANGE):
    p = 1 / (1 + np.exp(-np.clip(a, -80, 80)))
    return OperatingCurve.of(ProbabilityMap(p, Geometry(p.shape, np.eye(4)), score=ConditionedScore.of_maps(a, s, rho)))


def trained(rho):
    return min(max(rho, RANGE[0]), RANGE[1])


@given(maps, settings_of_rho)
def test_the_set_is_where_the_logit_at_the_setting_is_not_negative(pair, rho):
    a, s = pair[0], softplus(pair[1])
    curve = curve_of(a, s)
    point = curve.at(1.0, rho)
    logit = a.astype(np.float64) + s.astype(np.float64) * math.log(trained(rho))
    marked = curve.mask(point).astype(bool)
    clear = np.abs(logit) > 1e-5 * (np.abs(a) + s)
    assert np.array_equal(marked[clear], (logit >= 0)[clear])
    score = ConditionedScore.of_maps(a, s, RANGE).array.astype(np.float64)
    assert point.threshold == -math.log(trained(rho))
    apart = np.abs(score - point.threshold) > 1e-12  # nearer than that, exp and log round them into one
    assert np.array_equal(marked[apart], (score >= point.threshold)[apart])
    assert point.figures.tp == pytest.approx((1 / (1 + np.exp(-a)))[marked].sum(dtype=float), rel=1e-5, abs=1e-6)


@given(maps)
def test_sets_are_nested_and_stand_still_outside_the_trained_range(pair):
    curve = curve_of(pair[0], softplus(pair[1]))
    counts = [curve.at(1.0, rho).count for rho in [0, *np.geomspace(0.01, 1000, 40)]]
    assert counts == sorted(counts)
    assert curve.at(1, 0).count == curve.at(1, 1e-6).count == curve.at(1, RANGE[0]).count
    assert curve.at(1, 1e9).count == curve.at(1, RANGE[1]).count
    assert curve.generation == 1, "one sorting is enough for every setting"


@given(maps, st.integers(0, 200))
def test_a_voxel_enters_at_its_own_setting(pair, rank):
    curve = curve_of(pair[0], softplus(pair[1]))
    if rank < curve.order.size and 0 < curve.entries[rank] < np.inf:
        rho = float(curve.entries[rank])
        assert curve.at(1, rho * (1 + 1e-9)).count > rank
        assert rho <= RANGE[0] * (1 + 1e-9) or curve.at(1, rho * (1 - 1e-6)).count <= rank


def test_where_no_step_is_left_the_sign_decides():
    a = np.array([-3.0, 3.0, -1e4, 1e4], np.float32).reshape(1, 2, 2)
    curve = curve_of(a, np.zeros_like(a))
    for rho in (0.01, 1, 100):
        assert np.array_equal(curve.mask(curve.at(1, rho)), a > 0)


def test_the_level_asks_nothing_of_the_image():
    rule = ConditionedRule(*RANGE)
    assert rule.level(2.0, 5, 3.0, 10.0) == rule.level(2.0) == -math.log(2)
    score = np.full((2, 2, 2), -0.5, np.float32)
    nothing = np.zeros(score.shape, np.float32)
    curve = OperatingCurve(score, Geometry(score.shape, np.eye(4)), rule, nothing)
    point = curve.at(1, 2)
    assert point.count == 8 and point.threshold == -math.log(2) and point.probability_threshold is None


def test_a_bare_threshold_is_refused():
    with pytest.raises(InputError, match=THRESHOLD_SENTENCE):
        curve_of(np.ones((2, 2, 2), np.float32), np.ones((2, 2, 2), np.float32)).at_threshold(0.5)


@pytest.mark.parametrize("rho", [(0, 1), (2, 1), (1, 1), (0.1, math.inf), (math.nan, 1), (-1, 2)])
def test_a_range_that_is_none_is_refused(rho):
    with pytest.raises(InputError, match="lowest, highest"):
        ConditionedRule(*rho)


# From a study to a result


def head(affine, shape=(44, 40, 36), spacing=1.0):
    """Tissue with bright spots, unlike in every direction."""
    rng = np.random.default_rng(2)
    grid = np.stack(np.meshgrid(*(np.arange(n) for n in shape), indexing="ij"), -1)
    middle = (np.array(shape) - 1) / 2
    inside = (((grid - middle) / (middle * 0.8)) ** 2).sum(-1) < 1
    image = np.where(inside, 100 + rng.normal(0, 6, shape), 0)
    for *centre, radius, value in ((15, 18, 12, 3, 190), (28, 22, 20, 4, 210), (22, 12, 24, 2, 170)):
        image[np.linalg.norm(grid - centre, axis=-1) <= radius] = value
    return Study({"flair": Volume(image.astype(np.float32), Geometry(shape, affine), "flair.nii")})


class AtOneSetting(torch.nn.Module):
    """A conditioned network asked at one setting, as a network of one output."""

    def __init__(self, network, rho):
        super().__init__()
        self.network, self.multiple, self.rho = network, network.multiple, rho

    def forward(self, x):
        a, s, _ = self.network(x).split(1, dim=1)
        return a + torch.nn.functional.softplus(s) * math.log(self.rho)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    plan = {"spacing_mm": [1.0, 1.0, 1.0], "spacing_tolerance": 0.15, "tile": [24, 24, 24]}
    return write_conditioned_model(tmp_path_factory.mktemp("models") / "conditioned", plan=plan)


@pytest.fixture(scope="module")
def found(bundle):
    return process(head(GRIDS["everything"]), bundle, device="cpu")


@pytest.mark.parametrize("grid", ["plain", "left-handed", "everything"])
def test_it_is_the_network_at_every_setting(bundle, grid):
    """Tiles, their fusion, resampling and flips included."""
    study = head(GRIDS[grid])
    curve = OperatingCurve.of(process(study, bundle, device="cpu"))
    prepared = prepare(study, bundle.plan)
    marked = []
    for rho in (0.1, 0.7, 1.0, 4.0, 10.0):
        alone = AtOneSetting(bundle.network(), rho)
        (logit,), _ = predict(alone, prepared, bundle.plan.tile, torch.device("cpu"))
        logit = restore(logit, prepared, -20.0)
        mask = curve.mask(curve.at(1, rho)).astype(bool)
        clear = np.abs(logit) > 1e-3
        assert np.array_equal(mask[clear], (logit > 0)[clear])
        marked.append(int(mask.sum()))
    assert marked == sorted(marked) and marked[0] < marked[-1] < mask.size / 5


def test_outside_the_head_means_never(bundle):
    image = head(GRIDS["plain"]).channels["flair"].array
    apart = np.pad(image, ((30, 30), (0, 0), (0, 0)))
    geometry = Geometry(apart.shape, np.eye(4))
    found = process(Study({"flair": Volume(apart, geometry, "flair.nii")}), bundle, device="cpu")
    assert np.isfinite(found.score.array).all()
    assert (found.score.array[:15] < -1e20).all() and (found.array[:15] < 1e-6).all()


def test_figures_are_expected_from_the_posterior(found):
    curve = OperatingCurve.of(found)
    point = curve.at(0.4, 0.6)
    marked = curve.mask(point).astype(bool)
    assert point.figures.tp == pytest.approx(found.array[marked].sum(dtype=float), rel=1e-5)
    assert point.figures.tp + point.figures.fn == pytest.approx(found.array.sum(dtype=float), rel=1e-5)
    assert curve.highest == found.array.max() <= 1


def test_the_result_is_reopened_and_retuned_as_it_was(found, tmp_path):
    first, second = Setting(alpha=0.7, beta=0.3), Setting(fbeta=2)
    write_result(tmp_path, Outcome.of(found, first))
    again = read_result(tmp_path)
    assert np.array_equal(again.probability_map.array, found.array)
    assert np.array_equal(again.probability_map.score.array, found.score.array)
    assert again.probability_map.score.entry == {"kind": "conditioned", "rho": [0.1, 10.0]}
    outcome = retune(tmp_path, second)
    direct = Outcome.of(found, second)
    assert np.array_equal(outcome.lesions.mask(), direct.lesions.mask()) and outcome.lesions.rows == direct.lesions.rows
    stored = json.loads((tmp_path / "provenance.json").read_text())
    assert stored["settings"]["threshold"] is None and stored["summary"]["threshold"] is None
    assert stored["settings"]["score_level"] == pytest.approx(-math.log(4))
    with pytest.raises(InputError, match=THRESHOLD_SENTENCE):
        retune(tmp_path, Setting(threshold=0.4))
    assert read_result(tmp_path).setting == second


def test_a_score_of_another_run_is_noticed(found, tmp_path):
    write_result(tmp_path, Outcome.of(found, Setting(fbeta=1)))
    score = tmp_path / "score.nii.gz"
    score.write_bytes((tmp_path / "probability.nii.gz").read_bytes())
    with pytest.raises(InputError, match="score.nii.gz in .* is not the file"):
        read_result(tmp_path)
    score.unlink()
    with pytest.raises(InputError, match="no score.nii.gz any more"):
        read_result(tmp_path)


def test_a_posterior_leaves_no_score_of_an_earlier_run(found, tmp_path):
    write_result(tmp_path, Outcome.of(found, Setting(fbeta=1)))
    write_result(tmp_path, Outcome.of(ProbabilityMap(found.array, found.geometry), Setting(fbeta=1)))
    assert not (tmp_path / "score.nii.gz").exists()
    assert read_result(tmp_path).probability_map.score is None


def test_a_job_hands_both_volumes_over(found, tmp_path):
    curve = OperatingCurve.of(found)
    write_job(tmp_path / "job", found, curve.tree)
    again, tree = load_job(tmp_path / "job")
    assert np.array_equal(again.score.array, found.score.array)
    assert OperatingCurve.of(again, tree).tree is tree
    (tmp_path / "job" / "score.npy").unlink()
    with pytest.raises(InputError, match="no whole result"):
        load_job(tmp_path / "job")


def test_the_highest_probability_of_a_lesion_need_not_be_at_its_peak(found):
    lesions = Outcome.of(found, Setting(alpha=0.5, beta=0.5)).lesions
    labels = lesions.labels()
    for row in lesions.rows:
        assert row.highest_probability == pytest.approx(found.array[labels == row.id].max())
        score = np.where(labels == row.id, found.score.array, -np.inf)
        assert score[row.peak] == score.max()


# What a bundle may say


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda d: d.update(score={"kind": "oracle"}), "kind 'oracle'.*posterior and conditioned"),
        (lambda d: d.update(score=3), "kind '3'"),
        (lambda d: d["score"].pop("rho"), "lowest, highest"),
        (lambda d: d["score"].update(rho=[5, 0.2]), "lowest, highest"),
        (lambda d: d["score"].update(rho=[0.2, "20"]), "lowest, highest"),
        (lambda d: d["network"].update(outputs=1), "has 1 outputs.*needs 3"),
        (lambda d: d.pop("score"), "has 3 outputs.*kind posterior needs 1"),
        (lambda d: d.update(floor=[[1.0, 0.3]]), "'conditioned'.*floor"),
        (lambda d: d.update(runtime="monai", network={"name": "monai.UNet", "outputs": 3}), "runtime 'monai'"),
    ],
)
def test_what_does_not_fit_together_is_said_on_loading(bundle, tmp_path, change, words):
    folder = write_conditioned_model(tmp_path / "conditioned").folder
    description = json.loads((folder / "bundle.json").read_text())
    change(description)
    (folder / "bundle.json").write_text(json.dumps(description))
    with pytest.raises(InputError, match=words):
        load_bundle(folder)


def test_a_bundle_of_a_posterior_may_say_so(tmp_path):
    assert write_bright_model(tmp_path / "plain").rho_range is None
    assert write_bright_model(tmp_path / "said", score={"kind": "posterior"}).rho_range is None
    assert write_conditioned_model(tmp_path / "other").rho_range == (0.1, 10.0)
