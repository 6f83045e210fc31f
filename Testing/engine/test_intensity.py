"""The rule by which grey values become a network's input: MR images as ever, CT through a window."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from bright_model import bright_description, write_bright_model
from grids import SCAN, affine
from LesionSegmentationLib.engine.bundle import load_bundle
from LesionSegmentationLib.engine.errors import InputError
from LesionSegmentationLib.engine.geometry import Geometry
from LesionSegmentationLib.engine.intensity import head_mask, scaled, standardise, windowed
from LesionSegmentationLib.engine.prepare import Plan, prepare
from LesionSegmentationLib.engine.study import Study
from LesionSegmentationLib.engine.volume import Volume

edges = st.tuples(st.floats(-2000, 2000), st.floats(1, 3000)).map(lambda pair: (pair[0], pair[0] + pair[1]))


@given(edges)
def test_a_window_maps_its_edges_to_0_and_1_and_clips(window):
    low, high = window
    values = np.array([low - 5, low, (low + high) / 2, high, high + 5], np.float32)
    assert np.allclose(windowed(values, window), [0, 0, 0.5, 1, 1], atol=2e-3)


def test_without_a_rule_an_image_is_standardised():
    assert np.array_equal(scaled(SCAN, None), standardise(SCAN))


def test_body_is_all_above_the_lower_edge():
    inside = head_mask(scaled(np.array([-1024, -300, -299, 50, 900]), {"window": [-300, 300]}), {"window": [-300, 300]})
    assert inside.tolist() == [False, False, True, True, True]


def ct_study(second: np.ndarray | None = None) -> Study:
    body = np.full((30, 30, 30), -1024, np.int16)
    body[8:22, 8:22, 8:22] = SCAN[0, 0, 0] % 7 + np.arange(14**3).reshape(14, 14, 14) % 90
    return Study({"ct": Volume(body, Geometry(body.shape, affine()), "ct.nii.gz", sha256="1")}, "ct")


def test_prepare_crops_to_the_body_and_scales_by_the_window():
    study = ct_study()
    prepared = prepare(study, Plan(("ct",), intensity={"window": [-100, 200]}))
    raw = study.channels["ct"].array[prepared.crop]
    assert np.array_equal(prepared.array[0], np.clip((raw.astype(np.float32) + 100) / 300, 0, 1))
    assert np.array_equal(prepared.inside, raw > -100)
    assert prepared.inside.sum() == 14**3


def test_beside_a_ct_that_shows_less_than_the_reference_there_is_air():
    reference = ct_study().channels["ct"]
    warm = Volume(np.full((30, 30, 20), 100, np.int16) + SCAN[0, 0, 0] % 3, Geometry((30, 30, 20), affine()), "t1")
    study = Study({"ct": reference, "t1": warm}, "ct")
    array = prepare(study, Plan(("ct", "t1"), intensity={"window": [-100, 200]})).array
    assert array[1][:, :, :15].min() > 0.5
    assert array[1][:, :, 21:].max() == 0


@pytest.mark.parametrize(
    "wrong",
    [
        "window", {}, {"window": [300, -300]}, {"window": [0]}, {"window": [0, float("nan")]}, {"window": [True, 2]},
        {"window": ["a", "b"]}, {"level": 40}, {"window": [0, 1], "level": 40}, {"window": None},
    ],
)  # fmt: skip
def test_a_wrong_rule_is_refused_with_a_sentence(wrong):
    with pytest.raises(InputError, match=r'intensity rule of the plan .* must be {"window": \[low, high\]}'):
        Plan(("ct",), intensity=wrong)


def test_a_bundle_carries_the_rule(tmp_path):
    assert write_bright_model(tmp_path / "mr").plan.intensity is None
    plan = {**bright_description()["plan"], "intensity": {"window": [-1000, 300]}}
    assert write_bright_model(tmp_path / "ct", plan=plan).plan.intensity == {"window": [-1000, 300]}
    path = tmp_path / "ct" / "bundle.json"
    path.write_text(path.read_text().replace("300", "-3000"))
    with pytest.raises(InputError, match="intensity rule of bundle 'ct' .* low < high"):
        load_bundle(tmp_path / "ct")
