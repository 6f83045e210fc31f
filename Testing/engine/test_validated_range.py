"""What lies outside the range that a bundle was measured on is said; within it, and without a range, nothing is."""

import json
from itertools import permutations, product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from bright_model import write_bright_model
from LesionSegmentationLib.engine.bundle import SHIPPED_MODELS, load_bundle
from LesionSegmentationLib.engine.errors import InputError
from LesionSegmentationLib.engine.geometry import Geometry
from LesionSegmentationLib.engine.job_folder import load_job, write_job
from LesionSegmentationLib.engine.operating_curve import OperatingCurve
from LesionSegmentationLib.engine.probability_map import ProbabilityMap
from LesionSegmentationLib.engine.process import process
from LesionSegmentationLib.engine.study import Study
from LesionSegmentationLib.engine.validated_range import outside_validated, validated_in_words
from LesionSegmentationLib.engine.volume import Volume, read_volume
from worker_driving import head

RANGE = {
    "coarsest_spacing_mm": [1.2, 1.2, 5],
    "smallest_extent_mm": [40, 60, 50],
    "contrast": ["flair", "t1"],
    "highest_lesion_ml": 30,
}
SAMPLE = SHIPPED_MODELS.parents[2] / "Resources" / "SamplePatient"


def volume(spacing=(1, 1, 1), extent=(80, 80, 80), turn=(0, 0, 0), name="flair.nii.gz"):
    """An empty volume of at least ``extent`` mm, turned by degrees about x, y and z."""
    shape = tuple(int(round(side / edge)) for side, edge in zip(extent, spacing))
    affine = np.eye(4)
    affine[:3, :3] = Rotation.from_euler("xyz", turn, degrees=True).as_matrix() * spacing
    return Volume(np.zeros(shape, np.uint8), Geometry(shape, affine), name)


def outside(flair, load=5.0, entry=RANGE, **others):
    return outside_validated(entry, {"flair": flair, **others}, "flair", load)


def test_within_there_is_nothing_to_say():
    assert outside(volume()) == outside(volume((0.4, 0.4, 0.4), (40, 60, 50))) == []
    assert outside(volume((1.2, 1.2, 5), (48, 60, 50)), 30) == []  # its very edge


@pytest.mark.parametrize("spacing, inside", [(5.02, True), (5.03, False), (8, False)])
def test_slices_that_are_too_thick_are_named_with_what_was_measured(spacing, inside):
    found = outside(volume((0.7, 0.7, spacing)))
    expected = [
        f"flair.nii.gz has voxels of 0.7 x 0.7 x {spacing:g} mm; this model was measured on voxels of up to "
        "1.2 x 1.2 x 5 mm."
    ]
    assert found == ([] if inside else expected)


def test_two_thick_edges_are_too_many_and_every_used_channel_counts():
    assert "1 x 3 x 3 mm" in outside(volume((3, 1, 3)))[0]
    assert "voxels of 0.72 x 0.72 x 9 mm" in outside(volume((0.71875, 0.71882, 9)))[0]
    assert outside(volume(), t1=volume((1, 1, 9), name="t1.nii"))[0].startswith("t1.nii has voxels of 1 x 1 x 9 mm")


@pytest.mark.parametrize(
    "extent, words",
    [((39, 80, 80), "39 mm from right to left"), ((80, 59, 80), "59 mm from back to front"),
     ((80, 80, 49), "49 mm from foot to head")],
)  # fmt: skip
def test_a_field_of_view_that_is_too_small_is_told_by_its_direction(extent, words):
    for turn in ((0, 0, 0), (12, -9, 5)):
        (sentence,) = outside(volume(extent=extent, turn=turn))
        assert f"flair.nii.gz shows {words}; this model was measured on " in sentence


@given(
    spacing=st.tuples(*[st.integers(4, 90).map(lambda tenths: tenths / 10)] * 3),
    turn=st.tuples(*[st.floats(-30, 30)] * 3),
    order=st.sampled_from(list(permutations(range(3)))),
    flips=st.sampled_from(list(product((False, True), repeat=3))),
)
def test_the_order_of_the_voxels_does_not_matter(spacing, turn, order, flips):
    one = volume(spacing, (46, 70, 55), turn)
    affine = one.geometry.affine.copy()
    affine[:3, 3] += affine[:3, :3] @ np.where(flips, np.array(one.array.shape) - 1, 0)
    affine[:3, :3] = (affine[:3, :3] * np.where(flips, -1, 1))[:, list(order)]
    shape = tuple(one.array.shape[axis] for axis in order)
    assert outside(Volume(np.zeros(shape, np.uint8), Geometry(shape, affine), one.name)) == outside(one)


def test_another_kind_of_image_is_told_from_its_grey_values():
    array = np.full((60, 60, 60), -1000, np.int16)
    array[10:50, 10:50, 10:50] = 40
    scan = Volume(array, Geometry(array.shape, np.eye(4)), "t1.nii")
    entry = {"contrast": ["t1"]}
    assert outside(volume(), entry=entry, t1=scan) == [
        "t1.nii looks like a CT image; this model was measured on images that look like T1."
    ]
    assert outside(volume(), entry={"contrast": ["flair"]}, t1=scan) == outside(volume(), entry={}, t1=scan) == []


def test_a_load_beyond_all_that_was_measured():
    assert outside(volume(), 30.0) == []
    assert outside(volume(), 81.234) == [
        "The model expects 81.23 ml of lesion in all; it was measured on loads of up to 30 ml."
    ]


def test_without_a_range_nothing_is_promised_and_nothing_said():
    strange = volume((9, 9, 9), (9, 9, 9))
    assert outside(strange, 1e6, entry=None) == []
    for name in RANGE:
        partial = {key: value for key, value in RANGE.items() if key != name}
        assert len(outside(strange, 1e6, entry=partial)) == len(outside(strange, 1e6)) - {
            "coarsest_spacing_mm": 1, "smallest_extent_mm": 3, "contrast": 0, "highest_lesion_ml": 1
        }[name]  # fmt: skip


def test_in_words():
    assert validated_in_words(RANGE) == [
        "voxels of up to 1.2 x 1.2 x 5 mm",
        "a field of view of at least 40 x 60 x 50 mm (right-left, front-back, foot-head)",
        "images that look like FLAIR, T1",
        "up to 30 ml of lesion",
    ]


@pytest.mark.parametrize(
    "entry, words",
    [
        ([], "must hold some of coarsest_spacing_mm"),
        ({}, "must hold some of"),
        ("1 mm", "must hold some of"),
        ({"spacing": [1, 1, 1]}, "unknown entry 'validated.spacing'"),
        ({"coarsest_spacing_mm": [5, 1, 1]}, "the shortest first"),
        ({"coarsest_spacing_mm": [1, 5]}, "three edges"),
        ({"coarsest_spacing_mm": [1, 1, float("nan")]}, "three edges"),
        ({"smallest_extent_mm": [100, 0, 100]}, "three lengths"),
        ({"smallest_extent_mm": 100}, "three lengths"),
        ({"contrast": ["flair", "pd"]}, "flair, t1, t1c, t2, ct"),
        ({"contrast": "flair"}, "flair, t1, t1c, t2, ct"),
        ({"highest_lesion_ml": True}, "above 0"),
        ({"highest_lesion_ml": "much"}, "above 0"),
    ],
)
def test_a_malformed_range_is_refused(tmp_path, entry, words):
    folder = write_bright_model(tmp_path / "bright").folder
    description = json.loads((folder / "bundle.json").read_text())
    (folder / "bundle.json").write_text(json.dumps({**description, "validated": entry}))
    with pytest.raises(InputError, match=words) as refused:
        load_bundle(folder)
    assert "bundle.json of 'bright'" in str(refused.value) and "validated" in str(refused.value)


def test_a_run_keeps_the_reasons_with_its_result(tmp_path):
    around = np.diag([9.0, 9, 9, 1])
    around[:3, 3] = -100
    coarse = Volume(np.zeros((25, 25, 25), np.uint8), Geometry((25, 25, 25), around), "t2.nii")
    study = Study({"flair": read_volume(head(tmp_path)), "t2": coarse})
    for name, entry, withheld in (("none", None, False), ("fine", {"highest_lesion_ml": 99}, False),
                                  ("narrow", {"coarsest_spacing_mm": [0.5, 0.5, 0.5]}, True)):  # fmt: skip
        made = process(study, write_bright_model(tmp_path / name, validated=entry), "cpu")
        # The model has no channel t2, so nobody asks what that one is like.
        assert len(made.withheld) == len(made.provenance.get("outside_validated", [])) == withheld
        assert ("withheld" in made.figures_from) == withheld
    write_job(tmp_path / "job", made, OperatingCurve.of(made).tree)
    assert load_job(tmp_path / "job")[0].withheld == made.withheld


def test_an_uncalibrated_model_gives_that_as_the_reason():
    made = ProbabilityMap(np.zeros((2, 2, 2), np.float32), Geometry((2, 2, 2), np.eye(4)))
    assert made.withheld == ["this model is not calibrated, so it promises nothing."]


def test_the_sample_patient_lies_within_the_range_of_the_shipped_model():
    description = json.loads((SHIPPED_MODELS / "ms-flair" / "bundle.json").read_text(encoding="utf-8"))
    volumes = {name: read_volume(SAMPLE / f"{name}.nii.gz") for name in ("flair", "t1")}
    assert outside_validated(description["validated"], volumes, "flair", 10.0) == []
