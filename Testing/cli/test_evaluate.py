"""``evaluate`` on masks whose figures are known by hand."""

import numpy as np
import pytest

from .conftest import head, save

GRID = np.diag([2.0, 1.0, 1.0, 1.0])


@pytest.fixture
def masks(tmp_path):
    """Reference: three lesions of 8 voxels. Prediction: one exact, one half of one, one missed, one false of 4."""
    reference, prediction = np.zeros((2, 24, 24, 24), np.uint8)
    reference[2:4, 2:4, 2:4] = reference[10:12, 10:12, 10:12] = reference[18:20, 18:20, 18:20] = 1
    prediction[2:4, 2:4, 2:4] = prediction[10:12, 10:12, 10:11] = prediction[2:4, 18:20, 18:19] = 1
    return save(tmp_path / "prediction.nii.gz", prediction, GRID), save(tmp_path / "reference.nii.gz", reference, GRID)


def test_known_masks(run, masks):
    ran = run("evaluate", "--prediction", masks[0], "--reference", masks[1], "--json")
    assert ran.code == 0, ran.err
    figures = ran.summary
    precision, recall = 12 / 16, 12 / 24
    assert figures["dice"] == figures["f1"] == pytest.approx(2 * 12 / (16 + 24))
    assert figures["precision"] == pytest.approx(precision) and figures["recall"] == pytest.approx(recall)
    assert figures["f2"] == pytest.approx(5 * precision * recall / (4 * precision + recall))
    assert figures["lesion_tpr"] == pytest.approx(2 / 3) and figures["lesion_fdr"] == pytest.approx(1 / 3)
    assert abs(figures["volume_difference"]) == pytest.approx(8 / 24)
    assert figures["assd_mm"] > 0


def test_the_same_mask_twice(run, masks):
    figures = run("evaluate", "--prediction", masks[1], "--reference", masks[1], "--json").summary
    assert figures["dice"] == 1 and figures["lesion_fdr"] == 0 and figures["assd_mm"] == 0


def test_empty_masks_give_null_not_a_crash(run, masks, tmp_path):
    empty = save(tmp_path / "empty.nii.gz", np.zeros((24, 24, 24), np.uint8), GRID)
    ran = run("evaluate", "--prediction", empty, "--reference", masks[1], "--json")
    assert ran.code == 0, ran.err
    assert ran.summary["precision"] is None and ran.summary["recall"] == 0 and ran.summary["assd_mm"] is None


def test_a_person_reads_names_and_numbers(run, masks):
    ran = run("evaluate", "--prediction", masks[0], "--reference", masks[1])
    assert ran.code == 0 and any(line.startswith("Dice ") and line.endswith("0.6000") for line in ran.out.splitlines())


@pytest.mark.parametrize("case", ["missing", "image", "grid"])
def test_refusals(run, masks, tmp_path, case):
    bad = tmp_path / "bad.nii.gz"
    if case == "image":
        save(bad, head((24, 24, 24), lesions=[(12, 12, 12, 3)]), GRID)
    if case == "grid":
        save(bad, np.ones((24, 24, 20), np.uint8), GRID)
    ran = run("evaluate", "--prediction", bad, "--reference", masks[1])
    assert ran.code == 2 and ran.out == "" and "bad.nii.gz" in ran.err and len(ran.err.splitlines()) == 1, ran.err
