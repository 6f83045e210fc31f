"""The chain of training commands as the panel drives it: real processes on tiny heads, and environments that cannot."""

import csv
import json
import os
import sys
import time

import nibabel
import numpy as np
import pytest

from LesionSegmentationLib.engine.errors import InputError
from LesionSegmentationLib.engine.training_job import ExportJob, TrainingJob
from LesionSegmentationLib.engine.training_settings import (
    LOSSES,
    TrainingSettings,
    fit_options,
    missing_start,
    preset_text,
    presets,
    table_channels,
)
from LesionSegmentationTraining.losses import build_loss

PATIENCE_SECONDS = 600
TINY = (
    "--data.patch 16 --data.batch 2 --data.steps_per_epoch 10 --data.workers 0 --trainer.accelerator cpu"
    " --trainer.precision 32-true --trainer.logger false --data.sampler.name balanced --data.augmentation null"
    " --model.network.features [4,8] --model.network.stem full"
).split()
SPLITS = ("train", "train", "calibrate", "calibrate", "test")


@pytest.fixture(scope="module")
def table(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cases")
    rng = np.random.default_rng(4)
    rows = ["id,patient,split,flair,mask"]
    for number, split in enumerate(SPLITS):
        mask = np.zeros((32, 32, 32), np.uint8)
        for i, j, k in rng.integers(8, 20, (2, 3)):
            mask[i : i + 4, j : j + 4, k : k + 4] = 1
        image = np.zeros(mask.shape, np.float32)
        image[3:-3, 3:-3, 3:-3] = 100
        image += 100 * mask + 5 * rng.standard_normal(mask.shape) * (image > 0)
        for kind, array in (("flair", image), ("mask", mask)):
            nibabel.save(nibabel.Nifti1Image(array, np.eye(4)), folder / f"{number}-{kind}.nii.gz")
        rows.append(f"c{number},p{number},{split},{number}-flair.nii.gz,{number}-mask.nii.gz")
    (folder / "cases.csv").write_text("\n".join(rows) + "\n")
    return folder / "cases.csv"


def settings(table, run, **changes):
    values = {"preset": str(presets()["tutorial-fit"]), "rounds": 2, "options": tuple(TINY), **changes}
    return TrainingSettings(table=str(table), run=str(run), **values)


def finish(job, until=lambda: False):
    end = time.monotonic() + PATIENCE_SECONDS
    while job.state == "running" and not until():
        assert time.monotonic() < end, job.log
        job.poll()
        time.sleep(0.02)
    return job


def test_train_stop_go_on_and_export(table, tmp_path, monkeypatch):
    monkeypatch.setenv("LESION_SEGMENTATION_USER_MODELS", str(tmp_path / "models"))
    run = tmp_path / "run"
    job = TrainingJob(settings(table, run, rounds=200))
    finish(job, lambda: (run / "last.ckpt").exists())
    assert job.step == "fit", job.log
    assert job.progress[1] == 2000
    job.stop()
    assert job.stopping
    assert finish(job).state == "stopped"
    steps = [int(row["step"]) for row in csv.DictReader((run / "curve.csv").open())]
    saved = max(step for step in steps if step % 10 == 0)
    rounds = saved // 10 + 2

    job = finish(TrainingJob(settings(table, run, rounds=rounds)))
    assert (job.state, job.error) == ("done", ""), job.log
    assert f"Going on at step {saved}" in job.log or "Going on at step" in job.log
    assert job.progress == (10 * rounds, 10 * rounds)
    steps = [int(row["step"]) for row in csv.DictReader((run / "curve.csv").open())]
    assert steps == list(range(1, 10 * rounds + 1))  # one curve, without a gap and without anything twice

    with pytest.raises(InputError, match="other settings \\(loss\\)"):
        TrainingJob(settings(table, run, loss="dice"))

    export = finish(ExportJob(run, {"name": "tiny", "licence": "CC0"}))
    assert (export.state, export.error) == ("done", ""), export.log
    assert export.bundle.folder == tmp_path / "models" / "tiny"
    assert export.bundle.description["calibration"]["fitted_on"].startswith("2 whole cases")
    assert export.bundle.description["licence"] == "CC0"
    assert not list(run.glob("export-*"))
    with pytest.raises(InputError, match="'tiny' is installed already"):
        ExportJob(run, {"name": "tiny"})


def test_what_the_commands_say_is_the_error(table, tmp_path):
    job = finish(TrainingJob(settings(table, tmp_path / "run", options=(*TINY, "--model.loss.name", "no-such-loss"))))
    assert job.state == "failed"
    assert "no-such-loss" in job.error or "loss" in job.error
    assert "\n" not in job.error


def test_cases_that_cannot_be_prepared_are_said(table, tmp_path):
    broken = tmp_path / "cases.csv"
    broken.write_text("id,flair,mask\na,nothing.nii.gz,nothing-mask.nii.gz\n")
    job = finish(TrainingJob(settings(broken, tmp_path / "run")))
    assert job.state == "failed" and "nothing.nii.gz" in job.error


def fake_python(path, text):
    path.write_text(f"#!{sys.executable}\n{text}\n")
    path.chmod(0o755)
    return str(path)


@pytest.mark.skipif(os.name == "nt", reason="the stand-ins for interpreters are scripts")
@pytest.mark.parametrize(
    ("text", "says"),
    [
        (
            'print(\'{"python": "3.12.1", "missing": ["lightning", "monai"]}\')',
            "lacks lightning, monai; run `pip install lightning monai` there",
        ),
        ('print(\'{"python": "3.9.5", "missing": []}\')', "is Python 3.9.5, training needs 3.11 or newer"),
        ("print('hello')", "is no Python that can train"),
        ("raise SystemExit(3)", "is no Python that can train"),
    ],
)
def test_environments_that_cannot_train(table, tmp_path, text, says):
    python = fake_python(tmp_path / "other", text)
    job = finish(TrainingJob(settings(table, tmp_path / "run", python=python)))
    assert job.state == "failed" and says in job.error
    assert job.error.endswith(".")


def test_an_interpreter_that_is_not_there(table, tmp_path):
    with pytest.raises(InputError, match="'?none'? cannot be started"):
        TrainingJob(settings(table, tmp_path / "run", python=str(tmp_path / "none")))


@pytest.mark.parametrize(
    ("name", "text", "channels"),
    [
        ("a.csv", "id,flair,t1,mask\n", ["flair", "t1"]),
        ("a.csv", "\ufeffid;split;t1c;mask;mask:rater 2;mask_values\n", ["t1c"]),
        (
            "a.json",
            json.dumps([{"channels": {"flair": "x"}}, {"channels": {"flair": "y", "t2": "z"}}]),
            ["flair", "t2"],
        ),
    ],
)
def test_the_channels_of_a_table(tmp_path, name, text, channels):
    (tmp_path / name).write_text(text, encoding="utf-8")
    assert table_channels(tmp_path / name) == channels


@pytest.mark.parametrize("text", ["", "[1]", "{}"])
def test_tables_that_are_none(tmp_path, text):
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(InputError):
        TrainingJob(settings(tmp_path / "a.json", tmp_path / "run"))
    with pytest.raises(InputError, match="cannot be read"):
        table_channels(tmp_path / "none.csv")


def test_every_preset_says_what_it_is():
    assert {"salehi-2017", "hashemi-2019", "shirokikh-2020", "eelbode-2020", "tutorial-fit"} <= set(presets())
    assert not any("prepare" in name or "about" in name for name in presets())
    for path in presets().values():
        assert len(preset_text(path)) > 20 and "\n" not in preset_text(path)


def test_a_preset_that_begins_with_a_run_says_when_that_is_not_there(tmp_path):
    assert missing_start(presets()["ms-flair-fit"]) == "second-run/last.ckpt"
    assert missing_start(presets()["tutorial-fit"]) == ""
    preset = tmp_path / "fit.yaml"
    preset.write_text(f"model:\n  start_from: {tmp_path / 'last.ckpt'}\n")
    assert missing_start(preset) == str(tmp_path / "last.ckpt")
    (tmp_path / "last.ckpt").write_text("")
    assert missing_start(preset) == ""


@pytest.mark.parametrize("name", LOSSES)
def test_every_offered_loss_takes_what_is_given(tmp_path, name):
    options = fit_options(settings("t.csv", "run", loss=name, alpha=0.3, beta=0.7), tmp_path / "c", 2)
    build_loss(json.loads(options[options.index("--model.loss") + 1]))


def test_the_networks_channels_are_those_of_the_table(tmp_path):
    options = fit_options(settings("t.csv", "run", network="residual_unet"), tmp_path / "c", 3)
    assert json.loads(options[options.index("--model.network") + 1]) == {"name": "residual_unet", "in_channels": 3}


def test_a_run_without_checkpoint_and_names_that_are_none(tmp_path):
    with pytest.raises(InputError, match="no run with a checkpoint"):
        ExportJob(tmp_path, {"name": "x"})
    (tmp_path / "last.ckpt").write_text("")
    for name in ("", "../x", "a b", ".x", "a/b"):
        with pytest.raises(InputError, match="Give the model a name"):
            ExportJob(tmp_path, {"name": name})
    with pytest.raises(InputError, match="'ms-flair' is installed already"):
        ExportJob(tmp_path, {"name": "ms-flair"})
