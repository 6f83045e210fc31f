"""Channels of one examination, on one grid or several."""

import numpy as np
import pytest
from hypothesis import given, settings

from grids import GRIDS, SCAN, affine, geometries
from LesionSegmentationLib.engine.errors import InputError
from LesionSegmentationLib.engine.geometry import Geometry
from LesionSegmentationLib.engine.study import Study, overlap, read_study
from LesionSegmentationLib.engine.volume import Volume, write_volume
from real_data import REAL_DATA, needs_real_data


def volume(name, shape=(20, 20, 20), matrix=None, **options):
    grid = Geometry(shape, affine() if matrix is None else matrix)
    return Volume(np.arange(np.prod(shape), dtype=np.float32).reshape(shape), grid, name, **options)


def refused(make):
    with pytest.raises(InputError) as caught:
        make()
    sentence = str(caught.value)
    assert sentence.endswith(".") and ". " not in sentence and "\n" not in sentence
    return sentence


def test_one_grid_needs_no_note():
    study = Study({"flair": volume("f.nii"), "t1": volume("t.nii")})
    assert study.reference == "flair" and study.notes == ()


def test_the_notes_of_the_volumes_are_kept():
    assert Study({"flair": volume("f.nii", notes=("Mind the gap.",))}).notes == ("Mind the gap.",)


def test_another_grid_of_the_same_place_needs_no_note():
    other = volume("t.nii", (10, 10, 10), affine(spacing=(2, 2, 2), origin=(0.5, 0.5, 0.5)))
    assert Study({"flair": volume("f.nii"), "t1": other}).notes == ()


@pytest.mark.parametrize(("shift", "share"), [(4, 0.8), (8, 0.6)])
def test_a_partly_overlapping_channel_is_announced_with_its_share(shift, share):
    study = Study({"flair": volume("f.nii"), "t1": volume("t.nii", matrix=affine(origin=(shift, 0, 0)))})
    assert f"covers {share:.0%} of" in study.notes[0]


@pytest.mark.parametrize(("shift", "share"), [(12, 0.4), (500, 0)])
def test_channels_that_look_elsewhere_are_refused_by_name_and_number(shift, share):
    other = volume("t.nii", matrix=affine(origin=(0, shift, 0)))
    sentence = refused(lambda: Study({"flair": volume("f.nii"), "t1": other}))
    assert "t.nii" in sentence and "f.nii" in sentence and f"only {share:.0%} of" in sentence


def test_a_larger_channel_is_fine_but_a_small_one_is_not():
    large = volume("t.nii", (60, 60, 60), affine(origin=(-20, -20, -20)))
    small = volume("f.nii")
    Study({"flair": small, "t1": large})
    assert "4%" in refused(lambda: Study({"flair": large, "t1": small}))


@settings(deadline=None)
@given(geometries)
def test_a_grid_overlaps_itself_and_not_one_far_away(geometry):
    away = np.array(geometry.affine)
    away[:3, 3] += 1000
    assert overlap(geometry, geometry.canonical()[0]) == 1
    assert overlap(geometry, Geometry(geometry.shape, away)) == 0


def test_overlap_of_turned_boxes():
    # A square turned by 45 degrees about its middle shares 2 (sqrt 2 - 1) of its area with itself.
    middle = affine(origin=(-49.5, -49.5, -49.5))
    one, two = Geometry((100, 100, 100), middle), Geometry((100, 100, 100), affine((0, 0, 45)) @ middle)
    assert overlap(one, two) == pytest.approx(2 * (2**0.5 - 1), abs=0.03)


@pytest.mark.parametrize(
    ("channels", "reference", "says"),
    [
        ({"flair": "f.nii", "t9": "t.nii"}, "flair", "known ones are flair, t1"),
        ({"t1": "t.nii"}, "flair", "given: t1"),
        ({}, "flair", "given: none"),
        ({"flair": "f.nii"}, "t1", "reference channel t1"),
    ],
)
def test_wrong_channels(channels, reference, says):
    volumes = {channel: volume(name) for channel, name in channels.items()}
    assert says in refused(lambda: Study(volumes, reference))


def test_the_same_image_twice(tmp_path):
    for name in ("f.nii.gz", "t.nii.gz"):
        write_volume(tmp_path / name, SCAN, Geometry(SCAN.shape, GRIDS["oblique"]))
    sentence = refused(lambda: read_study({"flair": tmp_path / "f.nii.gz", "t1": tmp_path / "t.nii.gz"}))
    assert "f.nii.gz" in sentence and "t.nii.gz" in sentence and "same image" in sentence


def test_two_files_for_one_channel(tmp_path):
    pairs = [("flair", tmp_path / "one.nii"), ("flair", tmp_path / "two.nii")]
    sentence = refused(lambda: read_study(pairs))
    assert "one.nii" in sentence and "two.nii" in sentence


def test_an_unknown_channel_is_refused_before_anything_is_read(tmp_path):
    assert "gone.nii" in refused(lambda: read_study({"t7": tmp_path / "gone.nii"}))


def test_read_study(tmp_path):
    write_volume(tmp_path / "f.nii.gz", SCAN, Geometry(SCAN.shape, GRIDS["oblique"]))
    write_volume(tmp_path / "t.mha", SCAN // 2, Geometry(SCAN.shape, GRIDS["oblique"]))
    study = read_study({"flair": tmp_path / "f.nii.gz", "t1": tmp_path / "t.mha"})
    assert list(study.channels) == ["flair", "t1"]
    np.testing.assert_array_equal(study.channels["t1"].array, SCAN // 2)


@needs_real_data
def test_a_real_study_on_three_grids():
    raw = REAL_DATA / "raw-study"
    study = read_study({"flair": raw / "flair.nii.gz", "t1": raw / "t1w.nii.gz", "t2": raw / "t2w.nii.gz"})
    (note,) = study.notes
    assert "t2w.nii.gz covers 9" in note
