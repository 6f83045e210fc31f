"""Progress: a bar on a terminal, plain lines elsewhere; and Ctrl-C."""

import contextlib
import io
import os
import signal
import subprocess
import sys

import pytest
import torch

from bright_model import bright_description
from LesionSegmentationLib.cli.progress import Progress
from LesionSegmentationLib.engine.bundle import write_bundle
from LesionSegmentationLib.engine.networks import build_network

from .conftest import contents, head, save


class Terminal(io.StringIO):
    def isatty(self):
        return True


def _job(progress):
    for stage in ("read", "predict"):
        for step in range(5):
            progress(stage, step / 4)
    progress.say("The image was resampled.")
    progress("write", 1.0)
    progress.close()


def test_a_terminal_sees_a_bar_that_grows_in_place():
    stream = Terminal()
    _job(Progress(stream))
    lines = stream.getvalue().split("\n")
    assert len(lines) == 5 and lines[2] == "The image was resampled." and lines[4] == ""
    assert lines[1].count("\r") == 5 and "[###############---------------]  50%" in lines[1]
    assert lines[3].startswith("\rWriting the results") and "100%" in lines[3]


def test_anything_else_sees_plain_lines():
    stream = io.StringIO()
    _job(Progress(stream))
    expected = [
        "Reading the study ...",
        "Running the network ...",
        "The image was resampled.",
        "Writing the results ...",
    ]
    assert stream.getvalue().splitlines() == expected


@pytest.fixture(scope="module")
def slow_model(tmp_path_factory):
    """A model that needs many patches and most of a minute for the study of ``slow_study``."""
    network_of = {"name": "unet", "in_channels": 2, "features": [32, 64], "convolutions": 2, "stem": "full"}
    torch.manual_seed(0)
    plan = {"spacing_mm": [1, 1, 1], "spacing_tolerance": 0.15, "tile": [16, 16, 16]}
    description = bright_description(name="slow", network=network_of, plan=plan)
    folder = tmp_path_factory.mktemp("slow") / "slow"
    return write_bundle(folder, description, build_network(network_of).state_dict(), "# slow\n").folder


@contextlib.contextmanager
def ctrl_c_at_its_default():
    """A child that is started meanwhile heeds Ctrl-C, also where this process ignores it, as background jobs do."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)  # a handler is not handed down: default there
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("output", ["new", "old"])
def test_ctrl_c_leaves_nothing_half_written(slow_model, segment, tmp_path, output):
    folder = tmp_path / "out"
    if output == "old":
        assert segment(folder).code == 0
    before = {path.name: path.read_bytes() for path in folder.iterdir()} if output == "old" else None
    image = save(tmp_path / "flair.nii.gz", head((120, 120, 100)))
    command = [sys.executable, "-m", "LesionSegmentationLib.cli", "segment", "--flair", image, "--model", slow_model]
    with ctrl_c_at_its_default():
        process = subprocess.Popen(
            [*command, "--output", folder], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        )
    try:
        for line in process.stderr:
            if line.startswith("Running the network"):
                os.kill(process.pid, signal.SIGINT)
                break
        out, err = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 130 and out == ""
    assert err.splitlines()[-1] == "lesion-segmentation: Cancelled; nothing was written."
    if output == "new":
        assert contents(folder) == [] and not folder.exists()
    else:
        assert {path.name: path.read_bytes() for path in folder.iterdir()} == before
