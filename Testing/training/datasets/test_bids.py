"""BIDS datasets in miniature."""

import pytest

from LesionSegmentationLib.engine.errors import InputError
from LesionSegmentationTraining.datasets import read_layout

MANUAL = "derivatives/manual_masks"


def test_bids_with_sessions(tree):
    for ses in ("01", "02"):
        stem = f"sub-A1/ses-{ses}/anat/sub-A1_ses-{ses}"
        tree.images(*(f"{stem}_{name}.nii.gz" for name in ("FLAIR", "T1w", "ce-gadolinium_T1w", "T2w", "PDw")))
        tree.masks(f"{MANUAL}/{stem}_label-lesion_mask.nii.gz", f"{MANUAL}/{stem}_desc-brain_mask.nii.gz")
    tree.images("sub-A2/anat/sub-A2_FLAIR.nii.gz", "sub-A3/anat/sub-A3_FLAIR.nii.gz")
    tree.masks(f"{MANUAL}/sub-A2/anat/sub-A2_space-FLAIR_desc-T2lesions_dseg.nii.gz")
    cases = read_layout("bids", tree.folder)
    assert [(case.id, case.patient) for case in cases] == [
        ("sub-A1_ses-01", "sub-A1"), ("sub-A1_ses-02", "sub-A1"), ("sub-A2", "sub-A2"),
    ]  # fmt: skip
    assert {c: path.name for c, path in cases[0].channels.items()} == {
        "flair": "sub-A1_ses-01_FLAIR.nii.gz", "t1": "sub-A1_ses-01_T1w.nii.gz", "t2": "sub-A1_ses-01_T2w.nii.gz",
        "pd": "sub-A1_ses-01_PDw.nii.gz", "t1c": "sub-A1_ses-01_ce-gadolinium_T1w.nii.gz",
    }  # fmt: skip
    assert cases[2].mask.name == "sub-A2_space-FLAIR_desc-T2lesions_dseg.nii.gz"
    assert cases[2].lesion_values == (1,)


def test_a_pipeline_with_masks_of_another_name_and_values(tree):
    tree.images("sub-1/anat/sub-1_FLAIR.nii.gz")
    tree.masks("derivatives/annotators/sub-1/anat/sub-1_dseg.nii.gz", value=2)
    with pytest.raises(InputError, match="1 cases were skipped, they have no mask"):
        read_layout("bids", tree.folder)
    (case,) = read_layout("bids", tree.folder, pipeline="annotators", mask_values=[0, 1, 2], lesion_values=[2])
    assert (case.mask.name, case.mask_values, case.lesion_values) == ("sub-1_dseg.nii.gz", (0, 1, 2), (2,))


def test_preprocessed_images_of_a_pipeline_in_the_space_of_the_mask(tree):
    prep = "derivatives/prep/sub-1/anat/sub-1"
    tree.images("sub-1/anat/sub-1_FLAIR.nii.gz")
    tree.images(f"{prep}_space-MNI_FLAIR.nii.gz", f"{prep}_space-orig_FLAIR.nii.gz")
    tree.masks(f"{MANUAL}/sub-1/anat/sub-1_space-MNI_label-lesion_mask.nii.gz")
    (case,) = read_layout("bids", tree.folder, images="prep")
    assert case.channels["flair"].name == "sub-1_space-MNI_FLAIR.nii.gz"
    (case,) = read_layout("bids", tree.folder)
    assert case.channels["flair"].name == "sub-1_FLAIR.nii.gz"


def test_a_derivative_dataset_of_its_own(tree):
    stem = "Training/R001/sub-r001s001/ses-1/anat/sub-r001s001_ses-1_space-MNI152NLin2009aSym"
    tree.images(f"{stem}_T1w.nii.gz")
    tree.masks(f"{stem}_label-L_desc-T1lesion_mask.nii.gz")
    (case,) = read_layout("bids", tree.folder)
    assert (case.id, list(case.channels)) == ("sub-r001s001_ses-1", ["t1"])


def test_files_that_fit_equally_well_are_named(tree):
    tree.images("sub-1/anat/sub-1_run-1_FLAIR.nii.gz", "sub-1/anat/sub-1_run-2_FLAIR.nii.gz")
    tree.masks(f"{MANUAL}/sub-1/anat/sub-1_label-lesion_mask.nii.gz")
    with pytest.raises(InputError, match="2 files that may be its flair .*run-1.*run-2.*images or entities"):
        read_layout("bids", tree.folder)
    (case,) = read_layout("bids", tree.folder, entities={"run": "2"})
    assert case.channels["flair"].name == "sub-1_run-2_FLAIR.nii.gz"
    tree.masks("derivatives/second/sub-1/anat/sub-1_label-lesion_mask.nii.gz")
    with pytest.raises(InputError, match="2 files that may be its lesion mask .*option pipeline"):
        read_layout("bids", tree.folder)
