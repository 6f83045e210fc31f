"""A run that is killed goes on as if nothing had happened."""

import os
import signal
import subprocess
import sys
import time

import pytest
import torch
import yaml

from LesionSegmentationTraining.fitting.command import main
from LesionSegmentationTraining.fitting.curve_file import read_curve
from LesionSegmentationTraining.fitting.trained_run import load_run

DROPOUT = {
    "name": "fc_densenet", "in_channels": 2, "growth": 4, "layers": 1, "blocks": 2, "dropout": 0.3, "first_features": 4,
}  # fmt: skip


@pytest.fixture
def long(settings, tmp_path):
    settings["model"]["network"] = DROPOUT
    settings["data"]["workers"] = 1
    settings["trainer"] |= {"max_epochs": 12}
    path = tmp_path / "settings.yaml"
    path.write_text(yaml.safe_dump(settings))
    return path


def test_killed_in_the_middle_and_gone_on_with_the_curve_is_the_same_to_the_last_bit(long, tmp_path, capsys):
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    command = ["fit", "--config", str(long), "--run"]
    process = subprocess.Popen(
        [sys.executable, "-m", "LesionSegmentationTraining", *command, str(killed)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    curve = killed / "curve.csv"
    limit = time.monotonic() + 60
    while not (curve.exists() and curve.read_bytes().count(b"\n") > 25) and time.monotonic() < limit:
        assert process.poll() is None, "the run ended before it could be killed"
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    reached = load_run(killed / "last.ckpt").step
    assert 20 <= reached < 60

    assert main([*command, str(killed)]) == 0
    assert f"Going on at step {reached}" in capsys.readouterr().out
    assert main([*command, str(whole)]) == 0

    assert len(read_curve(curve)) == 60
    assert curve.read_bytes() == (whole / "curve.csv").read_bytes()
    ends = [torch.load(folder / "last.ckpt", weights_only=True) for folder in (killed, whole)]
    for part in ("state_dict", "current_model_state"):
        for name, value in ends[1][part].items():
            assert torch.equal(ends[0][part][name], value), name


def test_a_finished_run_is_finished_and_another_network_is_refused(fit, capsys):
    short = {"trainer": {"max_epochs": 1}}
    _, folder = fit(changes=short)
    before = (folder / "curve.csv").read_bytes()
    assert fit(changes=short)[0] == 0
    assert (folder / "curve.csv").read_bytes() == before
    other = {"name": "unet", "in_channels": 2, "features": [4, 4], "convolutions": 1}
    assert fit(changes={**short, "model": {"network": other}})[0] == 2
    assert "another network" in capsys.readouterr().err
    code, _ = fit(changes={**short, "model": {"network": other}}, more=["--resume", "never"])
    assert code == 0 and len(read_curve(folder / "curve.csv")) == 5


def test_a_run_goes_on_with_validation_figures_in_place(fit):
    """Best checkpoint and its score outlive an interruption between rounds."""
    watch = {"trainer": {"max_epochs": 4, "check_val_every_n_epoch": 1}}
    _, folder = fit(changes=watch)
    best = load_run(folder / "best.ckpt").step
    more = {"trainer": {"max_epochs": 5, "check_val_every_n_epoch": 100}}
    fit(changes=more)
    assert load_run(folder / "last.ckpt").step == 25
    assert load_run(folder / "best.ckpt").step == best
