"""The published folders of the MS data sets, in miniature."""

import logging

import numpy as np
import pytest

from LesionSegmentationLib.engine.errors import InputError
from LesionSegmentationLib.engine.prepare import Plan
from LesionSegmentationTraining.datasets import READERS, read_layout
from LesionSegmentationTraining.datasets.prepare_case import prepare_case


def loads(cases) -> list[float]:
    """Every case can be prepared; answer the volumes of its lesions in ml."""
    return [prepare_case(case, Plan(("flair", "t1", "t2"))).facts["load_ml"] for case in cases]


def msseg(tree, patient: str) -> None:
    tree.images(*(f"{patient}/Preprocessed_Data/{n}_preprocessed.nii.gz" for n in ("FLAIR", "T1", "T2", "GADO", "DP")))
    tree.images(*(f"{patient}/Raw_Data/{n}.nii.gz" for n in ("FLAIR", "T1", "T2", "GADO", "DP")))
    tree.masks(*(f"{patient}/Masks/ManualSegmentation_{n}.nii.gz" for n in range(1, 8)))
    tree.masks(f"{patient}/Masks/Consensus.nii.gz", f"{patient}/Masks/Brain_Mask.nii.gz")


def test_msseg2016(tree):
    msseg(tree, "Training/Center_01/Patient_01")
    msseg(tree, "Training/Center_07/Patient_01")
    msseg(tree, "Testing/Center_03/Patient_02")
    cases = read_layout("msseg2016", tree.folder)
    assert [(case.id, case.split) for case in cases] == [
        ("Testing_Center_03_Patient_02", "test"),
        ("Training_Center_01_Patient_01", None),
        ("Training_Center_07_Patient_01", None),
    ]
    case = cases[1]
    assert {c: path.name for c, path in case.channels.items()} == {
        "flair": "FLAIR_preprocessed.nii.gz", "t1": "T1_preprocessed.nii.gz", "t1c": "GADO_preprocessed.nii.gz",
        "t2": "T2_preprocessed.nii.gz", "pd": "DP_preprocessed.nii.gz",
    }  # fmt: skip
    assert case.mask == tree.folder / "Training/Center_01/Patient_01/Masks/Consensus.nii.gz"
    assert list(case.other_masks) == [f"rater{n}" for n in range(1, 8)]
    raw = read_layout("msseg2016", tree.folder / "Training", images="raw")
    assert [case.channels["t1c"].name for case in raw] == ["GADO.nii.gz"] * 2
    assert loads(cases) == loads(raw) + loads(raw[:1]) == [pytest.approx(0.009)] * 3


def test_msseg2016_as_first_handed_out(tree):
    patient = "Unprocessed training dataset/TrainingDataset_MSSEG/01016SACH"
    tree.images(*(f"{patient}/{name}.nii.gz" for name in ("3DFLAIR", "3DT1", "3DT1GADO", "T2", "DP")))
    tree.masks(f"{patient}/Consensus.nii.gz", f"{patient}/ManualSegmentation_1.nii.gz")
    (case,) = read_layout("msseg2016", tree.folder, images="raw")
    assert (case.id, list(case.channels), case.split) == ("01016SACH", ["flair", "t1", "t1c", "t2", "pd"], None)
    patient = patient.replace("Unprocessed", "Pre-processed")
    tree.images(f"{patient}/FLAIR_preprocessed.nii.gz", f"{patient}/T1_preprocessed.nii.gz")
    tree.masks(f"{patient}/Consensus.nii.gz")
    (case,) = read_layout("msseg2016", tree.folder)
    assert (case.id, list(case.channels)) == ("01016SACH", ["flair", "t1"])


def test_isbi2015(tree):
    for patient, times in (("training01", 4), ("training03", 5)):
        for time in range(1, times + 1):
            stem = f"{patient}_{time:02d}"
            tree.images(*(f"training/{patient}/orig/{stem}_{n}.nii.gz" for n in ("flair", "mprage", "t2", "pd")))
            tree.images(
                *(f"training/{patient}/preprocessed/{stem}_{n}_pp.nii" for n in ("flair", "mprage", "t2", "pd"))
            )
            tree.masks(*(f"training/{patient}/masks/{stem}_mask{n}.nii" for n in (1, 2)))
    tree.images("testdata_website/test01/preprocessed/test01_01_flair_pp.nii")
    cases = read_layout("isbi2015", tree.folder)
    assert len(cases) == 9
    assert {case.patient for case in cases} == {"training01", "training03"}
    case = cases[0]
    assert (case.id, list(case.channels)) == ("training01_01", ["flair", "t1", "t2", "pd"])
    assert case.channels["t1"].name == "training01_01_mprage_pp.nii"
    assert (case.mask.name, case.other_masks["rater2"].name) == ("training01_01_mask1.nii", "training01_01_mask2.nii")
    second = read_layout("isbi2015", tree.folder, rater=2)[0]
    assert (second.mask.name, list(second.other_masks)) == ("training01_01_mask2.nii", ["rater1"])
    assert loads(cases[:1]) == [pytest.approx(0.009)]
    with pytest.raises(InputError, match="no rater 3"):
        read_layout("isbi2015", tree.folder, rater=3)


def test_mslesseg(tree, caplog):
    for stem in ("train/P1/T1/P1_T1", "train/P1/T2/P1_T2", "train/P14/T1/P14_T1", "test/P54/P54"):
        tree.images(*(f"{stem}_{name}.nii.gz" for name in ("FLAIR", "T1", "T2")))
        tree.masks(f"{stem}_MASK.nii.gz")
    (tree.folder / "train/P14/T1/P14_T1_T2.nii.gz").unlink()
    tree.images("train/P2/T1/P2_T1_FLAIR.nii.gz", "train/P2/T1/._P2_T1_FLAIR.nii.gz")
    with caplog.at_level(logging.WARNING):
        cases = read_layout("mslesseg", tree.folder)
    assert [(case.id, case.patient, case.split, list(case.channels)) for case in cases] == [
        ("P54", "P54", "test", ["flair", "t1", "t2"]),
        ("P1_T1", "P1", None, ["flair", "t1", "t2"]),
        ("P1_T2", "P1", None, ["flair", "t1", "t2"]),
        ("P14_T1", "P14", None, ["flair", "t1"]),
    ]
    assert cases[1].channels["t2"].name == "P1_T1_T2.nii.gz"
    assert "1 of 5 cases were skipped, they have no mask: P2_T1" in caplog.text
    assert loads(cases) == [pytest.approx(0.009)] * 4


CROSS = "cross_sectional/coregistered_resampled/patient01"


def test_ljubljana_cross_sectional(tree):
    tree.images(*(f"{CROSS}/{name}.nii.gz" for name in ("FLAIR", "T1W", "T1WKS", "T2W")))
    tree.masks(f"{CROSS}/consensus_gt.nii.gz", f"{CROSS}/brainmask.nii.gz")
    older = "cross_sectional/coregistered/patient02/patient02"
    tree.images(*(f"{older}_{name}.nii.gz" for name in ("FLAIR", "T1W")))
    tree.masks(f"{older}_consensus_gt.nii.gz", f"{older}_brainmask.nii.gz")
    mni = "cross_sectional/MNI/patient01"
    end = "N4_noneck_reduced_winsor_regtoFLAIR"
    tree.images(*(f"{mni}/{name}_{end}_brain_N4_regtoMNI.nii.gz" for name in ("FLAIR", "T1", "T1POST", "T2")))
    tree.masks(f"{mni}/GOLD_STANDARD_{end}_regtoMNI.nii.gz")
    cases = read_layout("ljubljana", tree.folder)
    assert [(case.id, list(case.channels)) for case in cases] == [
        ("ljubljana_cross_01", ["flair", "t1", "t1c", "t2"]), ("ljubljana_cross_02", ["flair", "t1"]),
    ]  # fmt: skip
    assert cases[0].mask == tree.folder / CROSS / "consensus_gt.nii.gz"
    (case,) = read_layout("ljubljana", tree.folder, version="MNI")
    assert case.channels["t1c"].name == f"T1POST_{end}_brain_N4_regtoMNI.nii.gz"
    assert loads([*cases, case]) == [pytest.approx(0.009)] * 3


@pytest.mark.parametrize(
    "stem, end", [("longitudinal/coregistered/patient03/", ""), ("long-MR-MS/patient3/patient3_", "reg")]
)
def test_ljubljana_longitudinal_masks_hold_changes_only(tree, stem, end):
    tree.images(*(f"{stem}study{n}_{name}{end}.nii.gz" for n in (1, 2) for name in ("FLAIR", "T1W", "T2W")))
    tree.masks(f"{stem}gt.nii.gz", f"{stem}brainmask.nii.gz")
    with pytest.raises(InputError, match=r"1 cases were skipped, they have a mask of changes only \(option changes\)"):
        read_layout("ljubljana", tree.folder)
    (case,) = read_layout("ljubljana", tree.folder, changes=True)
    assert case.id == "ljubljana_changes_03"
    assert case.channels["flair"].name.endswith(f"study2_FLAIR{end}.nii.gz")
    assert case.mask.name.endswith("gt.nii.gz")


def test_ljubljana_folder_per_patient(tree):
    tree.images(*(f"ljubljana-07/{name}.nii.gz" for name in ("flair", "t1", "t1post", "t2")))
    tree.masks("ljubljana-07/mask.nii.gz")
    (case,) = read_layout("ljubljana", tree.folder)
    assert (case.id, list(case.channels)) == ("ljubljana_cross_07", ["flair", "t1", "t1c", "t2"])


def test_bad_layouts_have_their_sentences(tree):
    with pytest.raises(InputError, match="layout 'brats' is unknown; the known ones are msseg2016, isbi2015"):
        read_layout("brats", tree.folder)
    with pytest.raises(InputError, match="msseg2016 has no option 'rater'; the known ones are images"):
        read_layout("msseg2016", tree.folder, rater=1)
    with pytest.raises(InputError, match="mslesseg has no option 'rater'; it has none"):
        read_layout("mslesseg", tree.folder, rater=1)
    with pytest.raises(InputError, match="choose preprocessed or raw"):
        read_layout("msseg2016", tree.folder, images="brain")


@pytest.mark.parametrize("name", [name for name in READERS if name != "luna16"])
def test_empty_and_absent_folders_are_said(tree, name):
    with pytest.raises(InputError, match=f"no usable case of the layout {name}; expected are files such as"):
        read_layout(name, tree.folder)
    with pytest.raises(InputError, match="does not exist"):
        read_layout(name, tree.folder / "absent")


def test_a_mask_of_another_grid_is_found_when_the_case_is_prepared(tree):
    tree.images("P1/T1/P1_T1_FLAIR.nii.gz")
    tree.save("P1/T1/P1_T1_MASK.nii.gz", tree.lesions(shape=(24, 26, 21)), np.eye(4))
    (case,) = read_layout("mslesseg", tree.folder)
    with pytest.raises(InputError, match="P1_T1_MASK.nii.gz .* does not lie on the grid of P1_T1_FLAIR.nii.gz"):
        loads([case])
