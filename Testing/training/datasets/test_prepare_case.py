"""A case as arrays: the image as at inference, the mask on the same grid, and bad input with its sentence."""

import json

import nibabel
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import ndimage

from LesionSegmentationLib.engine.errors import InputError
from LesionSegmentationLib.engine.geometry import Geometry
from LesionSegmentationLib.engine.prepare import Plan, prepare
from LesionSegmentationLib.engine.study import read_study
from LesionSegmentationTraining.datasets import CaseFiles
from LesionSegmentationTraining.datasets.prepare_case import prepare_case, prepare_study

PLAN = Plan(("flair", "t1"))


@pytest.fixture
def case(tree) -> CaseFiles:
    tree.images("flair.nii.gz", "t1.nii.gz")
    tree.masks("mask.nii.gz")
    return case_in(tree.folder)


def case_in(folder, **fields) -> CaseFiles:
    channels = {"flair": folder / "flair.nii.gz", "t1": folder / "t1.nii.gz"}
    return CaseFiles("a", "a", channels, folder / "mask.nii.gz", **fields)


def test_the_image_is_what_the_engine_prepares(case):
    prepared = prepare_case(case, PLAN)
    expected = prepare(read_study(case.channels), PLAN)
    assert prepared.image.dtype == np.float16
    assert np.array_equal(prepared.image, expected.array.astype(np.float16))
    assert prepared.facts["crop"] == [[part.start, part.stop] for part in expected.crop]


def test_a_study_in_memory_is_prepared_like_its_files(case):
    mask = np.asarray(nibabel.load(case.mask).dataobj) > 0
    prepared, expected = prepare_study(read_study(case.channels), mask, PLAN), prepare_case(case, PLAN)
    assert np.array_equal(prepared.image, expected.image)
    assert np.array_equal(prepared.lesions, expected.lesions)
    assert prepared.facts["load_ml"] == expected.facts["load_ml"]


def test_an_image_without_a_head_is_named_with_its_case(case, tree):
    array = np.zeros(tree.lesions().shape, np.float32)
    array[0, 0, :20] = np.arange(20)
    tree.save("flair.nii.gz", array)
    with pytest.raises(InputError, match="Case a: flair.nii.gz shows no head"):
        prepare_case(case, PLAN)


def test_lesions_are_numbered_and_counted(case):
    prepared = prepare_case(case, PLAN)
    assert (prepared.lesions.dtype, prepared.lesions.shape) == (np.uint16, prepared.image.shape[1:])
    numbers, count = ndimage.label(prepared.lesions > 0, np.ones((3, 3, 3)))
    assert count == prepared.facts["lesions"] == prepared.lesions.max() == 2
    assert sorted(np.bincount(prepared.lesions.ravel())[1:]) == sorted(np.bincount(numbers.ravel())[1:]) == [1, 8]
    facts = prepared.facts
    assert facts["load_ml"] == facts["drawn_load_ml"] == pytest.approx(0.009)
    assert facts["lesions_lost"] == 0


def test_facts_are_json_and_say_where_the_arrays_lie(case, tree):
    facts = json.loads(json.dumps(prepare_case(case, PLAN).facts))
    assert facts["files"] == {"flair": "flair.nii.gz", "t1": "t1.nii.gz", "mask": "mask.nii.gz"}
    assert {len(sha) for sha in facts["sha256"].values()} == {64}
    grid = Geometry.from_dict(facts["geometry"])
    world = nibabel.load(case.mask).affine @ [15, 14, 12, 1]
    at = np.rint(grid.voxel(world[None, :3])[0]).astype(int)
    assert prepare_case(case, PLAN).lesions[tuple(at)] > 0


def test_channels_the_case_lacks_are_zero_and_those_the_plan_lacks_are_not_read(case):
    (case.channels["t1"]).write_bytes(b"not an image")
    assert not prepare_case(case_without_t1(case), PLAN).image[1].any()
    assert prepare_case(case, Plan(("flair",))).image.shape[0] == 1
    with pytest.raises(InputError, match="t1.nii.gz"):
        prepare_case(case, PLAN)
    with pytest.raises(InputError, match="Case a has none of the channels t2"):
        prepare_case(case, Plan(("t2",)))


def case_without_t1(case: CaseFiles) -> CaseFiles:
    return CaseFiles(case.id, case.patient, {"flair": case.channels["flair"]}, case.mask)


def reordered(path, order, flips, target) -> None:
    """Copy an image in another voxel order: the same voxels at the same places."""
    image = nibabel.load(path)
    array, affine = np.asarray(image.dataobj), image.affine
    steps = affine[:, :3].copy()
    origin = affine[:, 3].copy()
    for axis in range(3):
        if flips[axis]:
            origin = origin + steps[:, axis] * (array.shape[axis] - 1)
            steps[:, axis] *= -1
    array = array[tuple(slice(None, None, -1) if flip else slice(None) for flip in flips)].transpose(order)
    nibabel.save(nibabel.Nifti1Image(array, np.column_stack([steps[:, list(order)], origin])), target)


@settings(max_examples=12, deadline=None)
@given(orders=st.lists(st.tuples(st.permutations(range(3)), st.tuples(*[st.booleans()] * 3)), min_size=3, max_size=3))
def test_a_copy_in_other_voxel_orders_prepares_to_the_same_arrays(tmp_path_factory, orders):
    folder = tmp_path_factory.mktemp("reordered")
    head = np.random.default_rng(1).integers(0, 20, (12, 14, 10)) + 100 * np.pad(np.ones((8, 10, 6)), 2)
    mask = np.zeros(head.shape, np.uint8)
    mask[3:6, 4:6, 3:5], mask[8, 9, 6] = 1, 1
    affine = np.diag([1.0, 1.1, 1.4, 1])
    for name, array in {"flair": head, "t1": head**2, "mask": mask}.items():
        nibabel.save(nibabel.Nifti1Image(array.astype(np.float32), affine), folder / f"{name}.nii.gz")
    (folder / "other").mkdir()
    for name, (order, flips) in zip(("flair", "t1", "mask"), orders):
        reordered(folder / f"{name}.nii.gz", order, flips, folder / "other" / f"{name}.nii.gz")
    first, second = (prepare_case(case_in(where), PLAN) for where in (folder, folder / "other"))
    assert np.array_equal(first.lesions, second.lesions)
    # The channel on a reordered grid of its own is resampled by geometry, to the same voxels but for rounding.
    assert np.array_equal(first.image[0], second.image[0])
    assert np.allclose(first.image[1], second.image[1], atol=2e-3)


def test_the_mask_is_resampled_as_the_image_is(tree):
    """An image that shows its own mask in voxels of 0.5 mm is, prepared, above one half where the mask then is."""
    affine = np.diag([0.5, 0.5, 0.5, 1])
    at = np.stack(np.meshgrid(np.arange(40), np.arange(44), np.arange(36), indexing="ij"), axis=-1)
    mask = (np.linalg.norm(at - (19.3, 22.1, 17.8), axis=-1) < 9).astype(np.uint8)
    noise = np.random.default_rng(0).random(mask.shape).astype(np.float32)
    tree.save("mask.nii.gz", mask, affine)
    tree.save("ct.nii.gz", mask * np.float32(1000) + noise, affine)
    case = CaseFiles("a", "a", {"ct": tree.folder / "ct.nii.gz"}, tree.folder / "mask.nii.gz")
    prepared = prepare_case(case, Plan(("ct",), intensity={"window": [0, 1000]}))
    assert prepared.facts["spacing_mm"] == [1, 1, 1]
    assert np.array_equal(prepared.lesions > 0, prepared.image[0] > 0.503)
    assert prepared.facts["load_ml"] == pytest.approx(prepared.facts["drawn_load_ml"], rel=0.1)


def test_lesions_that_resampling_loses_are_counted(tree):
    affine = np.diag([0.4, 0.4, 0.4, 1])
    shape = (50, 52, 48)
    mask = np.zeros(shape, np.uint8)
    mask[20:30, 20:30, 20:30] = 1
    mask[10, 10, 10] = mask[40, 40, 40] = 1
    tree.save("mask.nii.gz", mask, affine)
    tree.save("flair.nii.gz", tree.head(shape), affine)
    tree.save("t1.nii.gz", tree.head(shape), affine)
    facts = prepare_case(case_in(tree.folder), PLAN).facts
    assert (facts["lesions"], facts["lesions_lost"]) == (1, 2)


def test_an_empty_mask_is_a_case(case, tree):
    tree.save("mask.nii.gz", tree.lesions(0))
    prepared = prepare_case(case, PLAN)
    assert (prepared.lesions.max(), prepared.facts["lesions"], prepared.facts["load_ml"]) == (0, 0, 0.0)


def test_declared_values_choose_the_lesion(case, tree):
    mask = tree.lesions(2)
    mask[4:6, 4:6, 4:6] = 1
    tree.save("mask.nii.gz", mask.astype(np.float32))
    chosen = prepare_case(case_in(tree.folder, mask_values=(0, 1, 2), lesion_values=(2,)), PLAN)
    both = prepare_case(case_in(tree.folder, mask_values=(0, 1, 2), lesion_values=(1, 2)), PLAN)
    assert (chosen.facts["load_ml"], both.facts["load_ml"]) == (pytest.approx(0.009), pytest.approx(0.017))
    with pytest.raises(InputError, match="mask.nii.gz holds the values 0, 1, 2, but declared are 0, 1; declare them"):
        prepare_case(case, PLAN)


def test_a_probability_map_is_no_mask(case, tree):
    tree.save("mask.nii.gz", np.random.default_rng(0).random(tree.lesions().shape).astype(np.float32))
    with pytest.raises(InputError, match=r"mask.nii.gz holds the values .*, \.\.\., but declared are 0, 1"):
        prepare_case(case, PLAN)


@pytest.mark.parametrize("shift", [(0.2, 0, 0), (0, 0, -3)])
def test_a_mask_on_another_grid_is_refused_with_both_names(case, tree, shift):
    affine = nibabel.load(case.mask).affine.copy()
    affine[:3, 3] += shift
    tree.save("mask.nii.gz", tree.lesions(), affine)
    sentence = "Case a: the mask mask.nii.gz .* does not lie on the grid of flair.nii.gz .*resample the mask"
    with pytest.raises(InputError, match=sentence):
        prepare_case(case, PLAN)


def test_a_mask_whose_header_was_rounded_lies_on_the_grid(case, tree):
    affine = nibabel.load(case.mask).affine.copy()
    affine[:3, 3] += 0.01
    tree.save("mask.nii.gz", tree.lesions(), affine)
    assert prepare_case(case, PLAN).facts["lesions"] == 2


@pytest.mark.parametrize("name", ["flair", "t1", "mask"])
def test_a_voxel_that_is_no_number_is_named_with_its_file(case, tree, name):
    array = nibabel.load(tree.folder / f"{name}.nii.gz").get_fdata(dtype=np.float32)
    array[3, 4, 5] = np.nan
    tree.save(f"{name}.nii.gz", array)
    with pytest.raises(InputError, match=f"{name}.nii.gz holds 1 voxel that is not a number"):
        prepare_case(case, PLAN)


@pytest.mark.parametrize("name", ["flair", "mask"])
def test_a_file_that_was_cut_short_is_named(case, tree, name):
    path = tree.folder / f"{name}.nii.gz"
    path.write_bytes(path.read_bytes()[:-200])
    with pytest.raises(InputError, match=f"{name}.nii.gz .*cut short"):
        prepare_case(case, PLAN)


def test_more_lesions_than_16_bits_can_number_are_refused(tree):
    shape = (84, 84, 84)
    mask = np.zeros(shape, np.uint8)
    mask[::2, ::2, ::2] = 1
    tree.save("mask.nii.gz", mask)
    tree.save("flair.nii.gz", 1000 - tree.head(shape))
    case = CaseFiles("a", "a", {"flair": tree.folder / "flair.nii.gz"}, tree.folder / "mask.nii.gz")
    with pytest.raises(InputError, match="Case a: The mask holds 74088 lesions, more than 65535"):
        prepare_case(case, PLAN)
