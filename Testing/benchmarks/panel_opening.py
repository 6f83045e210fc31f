"""How long the panel takes to open: the module's widget made, filled and shown on a scene that is up.

python Testing/benchmarks/panel_opening.py [--size 256]

The first opening of a session holds what Python has to import for it (the panel's own modules, numpy and SimpleITK as
far as they are not there yet); all hold the .ui files of the sections, the list of models and the first drawing.
Beside a study there is the look at the volume, too: whether it can be segmented, and what kind of image it is.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import slicer.util

from slicer_stand_ins.application import bootApplication, loadModule

MODULE = Path(__file__).resolve().parents[2] / "LesionSegmentation" / "LesionSegmentation.py"


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=256, help="voxels along each axis of the study")
    options = parser.parse_args()
    bootApplication()
    row("panel opens, first time, empty scene", [opening()])
    row("panel opens again, empty scene", [opening() for _ in range(3)])
    addHead(options.size)
    row(f"panel opens beside a study of {options.size}^3", [opening() for _ in range(3)])


def opening() -> float:
    """Return how long the panel takes to open, in ms."""
    start = time.perf_counter()
    module = loadModule(MODULE)
    widget = module.pythonWidget()
    widget.parent.resize(430, 1100)
    widget.parent.show()
    slicer.app.processEvents()
    spent = 1000 * (time.perf_counter() - start)
    module.closeWidget()
    slicer.app.processEvents()
    return spent


def addHead(size: int) -> None:
    """Add a ball of noise as a FLAIR volume of ``size``^3 voxels of 1 mm."""
    noise = np.random.default_rng(0).normal(0, 4, (size,) * 3).astype(np.float32)
    axis = np.linspace(-1.2, 1.2, size, dtype=np.float32) ** 2
    noise[axis[:, None, None] + axis[:, None] + axis < 1] += 100
    slicer.util.addVolumeFromArray(noise, name="FLAIR")


def row(name: str, times: list[float]) -> None:
    """Print median and the longest."""
    print(f"{name:52} median {np.median(times):8.0f} ms   longest {max(times):8.0f} ms")


if __name__ == "__main__":
    main()
