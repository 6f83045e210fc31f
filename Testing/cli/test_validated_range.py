"""A study outside the range of its model: marked as always, and every file says why nothing is to be expected."""

import csv
import json
import shutil

import numpy as np
import pytest

from bright_model import write_bright_model

from .conftest import head, save

EXPECTED = ["expected_precision", "expected_recall", "expected_dice", "expected_f2"]
REASON = "thick.nii.gz has voxels of 1 x 1 x 8 mm; this model was measured on voxels of up to 1.2 x 1.2 x 5 mm."


@pytest.fixture(scope="module")
def ranged(tmp_path_factory):
    """The model with a range."""
    folder = tmp_path_factory.mktemp("ranged") / "ranged"
    validated = {"coarsest_spacing_mm": [1.2, 1.2, 5], "highest_lesion_ml": 50}
    return write_bright_model(folder, validated=validated).folder


@pytest.fixture(scope="module")
def thick(tmp_path_factory):
    """A head in ten slices of 8 mm."""
    array = head((44, 52, 10), [(14, 20, 5, 3.1), (30, 30, 4, 2.4)])
    return save(tmp_path_factory.mktemp("study") / "thick.nii.gz", array, np.diag([1.0, 1, 8, 1]))


def test_too_thick_slices_withhold_what_is_expected(run, ranged, thick, tmp_path):
    ran = run("segment", "--flair", thick, "--model", ranged, "--output", tmp_path / "out", "--json")
    assert ran.code == 0, ran.err
    summary = ran.summary
    assert summary["lesions"] == 2 and summary["volume_ml"] > 0
    assert [summary[name] for name in EXPECTED] == [None] * 4
    assert summary["withheld"] == [REASON] and summary["figures_from"] == f"withheld: {REASON}"
    stored = json.loads((tmp_path / "out" / "provenance.json").read_text())
    assert stored["outside_validated"] == [REASON] and stored["summary"]["expected_dice"] is None
    with (tmp_path / "out" / "operating_curve.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert not any(value for row in rows for name, value in row.items() if name.startswith("expected"))
    assert all(row["voxels"] and row["volume_ml"] for row in rows)

    again = run("retune", tmp_path / "out", "--fbeta", "2")
    assert f"; expected figures withheld: {REASON[:-1]}; " in again.out and "precision" not in again.out
    assert run("report", tmp_path / "out", "--flair", thick).code == 0
    page = (tmp_path / "out" / "report.html").read_text(encoding="utf-8")
    assert f"Expected figures are withheld: {REASON}" in page
    assert "Operating curve" not in page and "recall 0" not in page


def test_a_study_within_the_range_has_its_figures(run, ranged, flair, tmp_path):
    summary = run("segment", "--flair", flair, "--model", ranged, "--output", tmp_path, "--json").summary
    assert summary["withheld"] == [] and all(0 < summary[name] < 1 for name in EXPECTED)
    assert "outside_validated" not in json.loads((tmp_path / "provenance.json").read_text())


def test_models_says_the_range(run, models, ranged, tmp_path, monkeypatch):
    shutil.copytree(models / "bright", tmp_path / "bright")
    shutil.copytree(ranged, tmp_path / "ranged")
    monkeypatch.setenv("LESION_SEGMENTATION_MODELS", str(tmp_path))
    text = run("models").out
    assert "validated on       voxels of up to 1.2 x 1.2 x 5 mm; up to 50 ml of lesion" in text
    assert "validated on       not stated" in text
    rows = {row["name"]: row for row in json.loads(run("models", "--json").out)["models"]}
    assert rows["bright"]["validated"] is None and rows["ranged"]["validated"]["highest_lesion_ml"] == 50
