"""The real scans beside the repository, by reader and by a table written by hand."""

import nibabel
import numpy as np
import pytest

from LesionSegmentationLib.engine.prepare import Plan
from LesionSegmentationTraining.datasets import read_case_table, read_layout, split_by_patient
from LesionSegmentationTraining.datasets.prepare_case import prepare_case
from real_data import REAL_DATA, needs_real_data

pytestmark = needs_real_data
MS_REAL = REAL_DATA / "ms-real"

ROWS = [
    *((f"P14_{n}", "P14", f"mslesseg-P14/time{n}_flair", f"mslesseg-P14/time{n}_mask") for n in (1, 2, 3)),
    ("P18_1", "P18", "mslesseg-P18/time1_flair", "mslesseg-P18/time1_mask"),
    ("L07", "L07", "ljubljana-07/flair", "ljubljana-07/mask"),
]


@pytest.fixture
def table(tmp_path):
    """All real cases, FLAIR alone, by absolute paths."""
    rows = [f"{id},{patient},{MS_REAL / flair}.nii.gz,{MS_REAL / mask}.nii.gz" for id, patient, flair, mask in ROWS]
    (tmp_path / "cases.csv").write_text("id,patient,flair,mask\n" + "\n".join(rows) + "\n")
    return read_case_table(tmp_path / "cases.csv")


def test_prepared_lesions_have_the_volume_of_the_mask(table):
    for case in table:
        prepared = prepare_case(case, Plan(("flair",)))
        mask = nibabel.load(case.mask)
        own_ml = np.count_nonzero(np.asarray(mask.dataobj)) * abs(np.linalg.det(mask.affine[:3, :3])) / 1000
        assert np.count_nonzero(prepared.lesions) / 1000 == pytest.approx(own_ml)
        assert prepared.facts["load_ml"] == pytest.approx(own_ml)
        assert prepared.facts["lesions_lost"] == 0
        # White matter lesions are bright on FLAIR; tissue has its median at 1.
        assert np.median(prepared.image[0][prepared.lesions > 0]) > 1.1


def test_the_time_points_of_a_patient_stay_together(table):
    split = {case.id: case.split for case in split_by_patient(table)}
    assert split["P14_1"] == split["P14_2"] == split["P14_3"] == "train"
    assert {split["P18_1"], split["L07"]} == {"validate", "calibrate"}


def test_the_readers_find_the_same_cases():
    cases = read_layout("mslesseg", MS_REAL)
    assert [(case.id, case.patient, list(case.channels)) for case in cases] == [
        ("P14_T1", "P14", ["flair", "t1"]), ("P14_T2", "P14", ["flair", "t1", "t2"]),
        ("P14_T3", "P14", ["flair", "t1", "t2"]), ("P18_T1", "P18", ["flair", "t1"]),
    ]  # fmt: skip
    (case,) = read_layout("ljubljana", MS_REAL)
    assert (case.id, list(case.channels)) == ("ljubljana_cross_07", ["flair", "t1", "t1c", "t2"])
    prepared = prepare_case(case, Plan(("flair", "t1", "t1c", "t2")))
    assert prepared.image.shape[0] == 4
    assert all(channel.any() for channel in prepared.image)
