"""``retune`` gives voxel for voxel what ``segment`` gives at that setting, without the network."""

import json
import shutil

import nibabel
import numpy as np
import pytest

from LesionSegmentationLib.cli.main import main

from .conftest import contents

SETTINGS = [
    ("--alpha", "0.5", "--beta", "0.5"),
    ("--alpha", "0.9", "--beta", "0.1"),
    ("--alpha", "0.2", "--beta", "1.4"),
    ("--fbeta", "2"),
    ("--threshold", "0.31"),
    ("--threshold", "0.004"),
    ("--alpha", "0.3", "--beta", "0.7", "--min-volume-ml", "0.03"),
]


@pytest.fixture(scope="module")
def made_once(models, flair, tmp_path_factory):
    """A result folder at alpha 0.7, beta 0.3, not to be changed."""
    folder = tmp_path_factory.mktemp("made") / "result"
    options = ["--model", str(models / "bright"), "--alpha", "0.7", "--beta", "0.3"]
    assert main(["segment", "--flair", str(flair), "--output", str(folder), *options]) == 0
    return folder


@pytest.fixture
def result(made_once, tmp_path):
    """A copy of that folder."""
    return shutil.copytree(made_once, tmp_path / "result")


def voxels(folder, name="segmentation"):
    return np.asarray(nibabel.load(folder / f"{name}.nii.gz").dataobj)


@pytest.mark.parametrize("setting", SETTINGS, ids=" ".join)
def test_is_what_segment_gives(segment, run, result, tmp_path, setting, monkeypatch):
    whole = segment(tmp_path / "whole", *setting, "--json").summary
    monkeypatch.setenv("LESION_SEGMENTATION_MODELS", "")
    again = run("retune", result, *setting, "--json").summary
    assert np.array_equal(voxels(result), voxels(tmp_path / "whole"))
    assert np.array_equal(voxels(result, "probability"), voxels(tmp_path / "whole", "probability"))
    for name in ("lesions.csv", "operating_curve.csv"):
        assert (result / name).read_bytes() == (tmp_path / "whole" / name).read_bytes()
    assert {**again, "seconds": 0} == {**whole, "seconds": 0}
    assert contents(result) == contents(tmp_path / "whole")


def test_keeps_the_minimum_volume_unless_another_is_given(segment, run, tmp_path):
    count = segment(tmp_path, "--min-volume-ml", "0.03", "--json").summary["lesions"]
    assert run("retune", tmp_path, "--alpha", "1", "--beta", "1", "--json").summary["lesions"] == count
    assert run("retune", tmp_path, "--min-volume-ml", "0", "--json").summary["lesions"] > count
    settings = json.loads((tmp_path / "provenance.json").read_text())["settings"]
    assert settings["minimum_volume_ml"] == 0 and settings["stated"] == {"alpha": 1.0, "beta": 1.0}


def test_takes_an_old_report_away(run, result):
    (result / "report.html").write_text("at the setting before")
    assert run("retune", result, "--fbeta", "1").code == 0
    assert not (result / "report.html").exists()


def test_does_not_need_torch(result, tmp_path):
    import subprocess
    import sys

    program = (
        "import sys; sys.modules['torch'] = None\n"
        "from LesionSegmentationLib.cli.main import main\n"
        f"sys.exit(main(['retune', {str(result)!r}, '--fbeta', '1']))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr


def _without(name):
    return lambda folder: (folder / name).unlink()


def _damaged(folder):
    path = folder / "probability.nii.gz"
    path.write_bytes(path.read_bytes()[:-200])


def _foreign_probability(folder):
    shutil.copy(folder / "segmentation.nii.gz", folder / "probability.nii.gz")


def _not_json(folder):
    (folder / "provenance.json").write_text("{")


def _foreign_json(folder):
    (folder / "provenance.json").write_text('{"made by": "another program"}')


def _future(folder):
    _change(folder, schema=99)


def _bad_settings(folder):
    _change(folder, settings={"stated": {"gamma": 1}, "minimum_volume_ml": 0})


def _bad_floor(folder):
    _change(folder, floor=[[1, 0.1], [2, 0.2]])


def _change(folder, **changes):
    path = folder / "provenance.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **changes}))


@pytest.mark.parametrize(
    "harm, words",
    [
        (_without("provenance.json"), "no provenance.json"),
        (_without("probability.nii.gz"), "no probability.nii.gz"),
        (_damaged, "probability.nii.gz"),
        (_foreign_probability, "probability.nii.gz"),
        (_not_json, "provenance.json"),
        (_foreign_json, "not written by this program"),
        (_future, "schema 99"),
        (_bad_settings, "settings"),
        (_bad_floor, "floor"),
        (shutil.rmtree, "no result folder"),
    ],
)
def test_says_what_is_wrong_with_a_folder(run, result, harm, words):
    harm(result)
    before = {path.name: path.read_bytes() for path in result.iterdir()} if result.exists() else {}
    ran = run("retune", result, "--alpha", "0.5", "--beta", "0.5")
    assert ran.code == 2 and words in ran.err and len(ran.err.splitlines()) == 1, ran.err
    assert before == ({path.name: path.read_bytes() for path in result.iterdir()} if result.exists() else {})


@pytest.mark.parametrize(
    "options",
    [
        (),
        ("--alpha", "0", "--beta", "1"),
        ("--alpha", "0.5"),
        ("--threshold", "0"),
        ("--threshold", "0.5", "--fbeta", "1"),
        ("--min-volume-ml", "-1"),
        ("--alpha", "nan", "--beta", "1"),
    ],
    ids=" ".join,
)
def test_refuses_a_bad_setting(run, result, options):
    before = {path.name: path.read_bytes() for path in result.iterdir()}
    ran = run("retune", result, *options)
    assert ran.code == 2 and len(ran.err.splitlines()) == 1, ran.err
    assert {path.name: path.read_bytes() for path in result.iterdir()} == before
