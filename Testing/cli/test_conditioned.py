"""The command line with a model whose settings cut a score that is no probability."""

import json

import nibabel
import numpy as np
import pytest

from bright_model import write_conditioned_model

from .conftest import contents

SETTINGS = [("--alpha", "0.5", "--beta", "0.5"), ("--fbeta", "2"), ("--alpha", "1", "--beta", "50")]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_conditioned_model(tmp_path_factory.mktemp("models") / "conditioned").folder


def voxels(folder):
    return np.asarray(nibabel.load(folder / "segmentation.nii.gz").dataobj)


@pytest.mark.parametrize("setting", SETTINGS, ids=" ".join)
def test_retune_is_what_segment_gives(run, model, flair, tmp_path, setting):
    first = run("segment", "--flair", flair, "--model", model, "--output", tmp_path / "a", "--alpha", 1, "--beta", 0.3)
    assert first.code == 0 and "threshold" not in first.out
    whole = run("segment", "--flair", flair, "--model", model, "--output", tmp_path / "b", *setting, "--json").summary
    again = run("retune", tmp_path / "a", *setting, "--json").summary
    assert {**again, "seconds": 0} == {**whole, "seconds": 0}
    assert whole["threshold"] is None and 0 < whole["expected_precision"] <= 1 and whole["lesions"] > 0
    assert np.array_equal(voxels(tmp_path / "a"), voxels(tmp_path / "b"))
    assert contents(tmp_path / "a") == contents(tmp_path / "b") and "score.nii.gz" in contents(tmp_path / "a")
    rows = (tmp_path / "a" / "operating_curve.csv").read_text().splitlines()
    column = rows[0].split(",").index("threshold")
    assert {row.split(",")[column] for row in rows[1:]} == {""}


def test_a_threshold_is_refused_before_the_network_runs(run, model, flair, tmp_path, monkeypatch):
    monkeypatch.setattr("LesionSegmentationLib.engine.process.process", None)
    done = run("segment", "--flair", flair, "--model", model, "--output", tmp_path / "out", "--threshold", "0.4")
    assert done.code == 2 and "not a probability; choose alpha and beta" in done.err
    assert contents(tmp_path) == []


def test_retune_refuses_a_threshold_and_leaves_the_result_as_it_is(run, model, flair, tmp_path):
    run("segment", "--flair", flair, "--model", model, "--output", tmp_path)
    before = (tmp_path / "provenance.json").read_bytes()
    done = run("retune", tmp_path, "--threshold", "0.4")
    assert done.code == 2 and "not a probability; choose alpha and beta" in done.err
    assert (tmp_path / "provenance.json").read_bytes() == before


def test_the_report_names_no_threshold(run, model, flair, tmp_path):
    run("segment", "--flair", flair, "--model", model, "--output", tmp_path)
    assert run("report", tmp_path, "--flair", flair).code == 0
    page = (tmp_path / "report.html").read_text()
    assert ", threshold " not in page and "kind conditioned, rho 0.1, 10" in page


def test_models_says_what_range_it_learnt(run, model, monkeypatch):
    monkeypatch.setenv("LESION_SEGMENTATION_MODELS", str(model.parent))
    assert "every beta / alpha from 0.1 to 10" in run("models").out
    rows = json.loads(run("models", "--json").out)["models"]
    assert next(row for row in rows if row["name"] == "conditioned")["training_rho"] == [0.1, 10.0]
