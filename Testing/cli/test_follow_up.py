"""``follow-up``: two result folders in, one comparison out."""

import csv
import json
import shutil
from dataclasses import replace

import pytest

from LesionSegmentationLib.engine.checksum import sha256_of
from LesionSegmentationLib.engine.follow_up_folder import FILES
from LesionSegmentationLib.engine.result import Outcome, write_result
from LesionSegmentationLib.engine.setting import BALANCED
from LesionSegmentationLib.engine.volume import write_volume
from two_visits import moved_visit, visit

from .conftest import contents


@pytest.fixture(scope="module")
def made_once(tmp_path_factory):
    """A patient's folder: two images and their results, not to be changed."""
    patient = tmp_path_factory.mktemp("patient")
    for word, point in (("first", visit(0)), ("second", moved_visit())):
        image = patient / f"{word}.nii.gz"
        write_volume(image, point.image.array, point.image.geometry)
        inputs = {"flair": {"name": image.name, "sha256": sha256_of(image)}}
        found = point.probability_map
        found = replace(found, provenance={**found.provenance, "inputs": inputs})
        (patient / f"{word}-result").mkdir()
        write_result(patient / f"{word}-result", Outcome.of(found, BALANCED))
    return patient


@pytest.fixture
def patient(made_once, tmp_path):
    return shutil.copytree(made_once, tmp_path / "patient")


@pytest.fixture
def follow_up(run, patient):
    def run_follow_up(*options, output="changes"):
        results = patient / "first-result", patient / "second-result"
        return run("follow-up", *results, "--output", patient / output, *options)

    return run_follow_up


def test_writes_the_comparison(follow_up, patient):
    ran = follow_up("--json")
    assert ran.code == 0, ran.err
    assert contents(patient / "changes") == sorted(FILES)
    rows = list(csv.DictReader((patient / "changes" / "changes.csv").open()))
    assert [row["change"] for row in rows] == ["new", "grown", "shrunk", "gone", "unchanged"]
    described = json.loads((patient / "changes" / "follow_up.json").read_text())
    assert described["earlier"]["inputs"]["flair"]["name"] == "first.nii.gz"
    assert described["later"]["probability_sha256"] and described["earlier"]["model"]["name"] == "made up"
    summary = ran.summary
    assert summary["alpha"] == summary["beta"] == 0.5 and summary["registration_warning"] == ""
    assert all(summary[name] == 1 for name in ("new", "grown", "shrunk", "gone", "unchanged"))
    assert "Registering the two heads" in ran.err


def test_takes_a_setting_and_limits(follow_up, patient):
    ran = follow_up("--alpha", "0.8", "--beta", "0.2", "--limit-ml", "100", "--limit-new-ml", "100")
    assert ran.code == 0 and "at alpha 0.8, beta 0.2" in ran.out
    described = json.loads((patient / "changes" / "follow_up.json").read_text())
    assert described["setting"]["stated"] == {"alpha": 0.8, "beta": 0.2}
    assert {row["change"] for row in described["changes"]} == {"unchanged"}
    assert described["limit"] == {
        "change_ml": 100,
        "change_share_of_earlier": 0.25,
        "new_or_gone_ml": 100,
        "from": "chosen, not measured",
    }


def test_images_elsewhere_are_named(follow_up, patient, tmp_path):
    elsewhere = tmp_path / "images"
    elsewhere.mkdir()
    shutil.move(patient / "first.nii.gz", elsewhere)
    ran = follow_up()
    assert ran.code == 2 and "--earlier-image" in ran.err and "first.nii.gz" in ran.err
    assert follow_up("--earlier-image", patient / "second.nii.gz").code == 2
    ran = follow_up("--earlier-image", elsewhere / "first.nii.gz")
    assert ran.code == 0, ran.err


def test_a_failed_registration_is_shouted(follow_up, patient, monkeypatch):
    from LesionSegmentationLib.engine import registration

    monkeypatch.setattr(registration, "LEAST_SIMILARITY", 1.1)
    ran = follow_up()
    assert ran.code == 0 and "FAILED" in ran.out and "seems to have failed" in ran.err
    assert "seems to have failed" in json.loads((patient / "changes" / "follow_up.json").read_text())["warning"]


@pytest.mark.parametrize(
    "harm, words",
    [
        (lambda patient: (patient / "second-result" / "probability.nii.gz").unlink(), "no probability.nii.gz"),
        (lambda patient: shutil.rmtree(patient / "first-result"), "no result folder"),
        (lambda patient: (patient / "first.nii.gz").write_text("no image"), "first.nii.gz"),
    ],
)
def test_says_what_is_wrong(follow_up, patient, harm, words):
    harm(patient)
    ran = follow_up()
    assert ran.code == 2 and words in ran.err.splitlines()[-1]
    assert not (patient / "changes").exists()


def test_does_not_overwrite_what_is_not_its_own(follow_up, run, patient):
    (patient / "mine").mkdir()
    (patient / "mine" / "earlier.nii.gz").write_text("an image of mine")
    ran = follow_up(output="mine")
    assert ran.code == 2 and "would be lost" in ran.err
    assert (patient / "mine" / "earlier.nii.gz").read_text() == "an image of mine"
    ran = run("follow-up", patient / "first-result", patient / "first-result", "--output", patient / "x")
    assert ran.code == 2 and "same folder" in ran.err
    assert follow_up("--limit-percent", "-5").code == 2
