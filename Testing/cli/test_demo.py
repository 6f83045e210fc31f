"""``make demo`` runs to its end: files, report and Slicer's own views."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from bright_model import write_bright_model

from .conftest import contents

DEMO = Path(__file__).resolve().parents[1] / "demo" / "run_demo.py"


@pytest.fixture
def run_demo(tmp_path):
    """Run the demo with the tiny model in the place of the default one: ``run_demo(flair)``."""
    pytest.importorskip("slicer_core")
    write_bright_model(tmp_path / "models" / "ms-flair", name="ms-flair")
    environment = {**os.environ, "LESION_SEGMENTATION_MODELS": str(tmp_path / "models")}

    def run(flair):
        command = [sys.executable, DEMO, "--output", tmp_path / "out"]
        variables = {**environment, "DEMO_FLAIR": str(flair)}
        return subprocess.run(command, env=variables, capture_output=True, text=True, timeout=300)

    return run


def test_the_demo_writes_all_it_promises(run_demo, flair, tmp_path):
    done = run_demo(flair)
    assert done.returncode == 0, done.stderr
    written = contents(tmp_path / "out")
    for name in ("segmentation.nii.gz", "lesions.csv", "provenance.json", "report.html", "slicer-axial.png"):
        assert name in written
    assert "report.html" in done.stdout


def test_the_demo_stops_at_the_first_failure(run_demo, tmp_path):
    done = run_demo(tmp_path / "missing.nii.gz")
    assert done.returncode == 2 and "missing.nii.gz" in done.stderr and "report" not in done.stdout
