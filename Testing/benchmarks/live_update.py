"""What one move of the slider costs at 256^3 on a real segmentation node, beside Slicer's usual way, in the same run.

python Testing/benchmarks/live_update.py [--size 256] [--lesions 300] [--moves 60] [--clock cpu]

The rows "panel: ..." are the whole way from the slider to segmentation, figures and list, without drawing; a move of
the slider writes the rows of the list that can be seen, all others follow when the hand rests.
"""

from __future__ import annotations

import argparse
import functools
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

import slicer.util
from synthetic_posterior import synthetic_posterior

from LesionSegmentationLib.engine.geometry import Geometry
from LesionSegmentationLib.engine.lesions import find_lesions
from LesionSegmentationLib.engine.operating_curve import OperatingCurve
from LesionSegmentationLib.engine.probability_map import ProbabilityMap
from LesionSegmentationLib.scene.lesion_result import LesionResult
from LesionSegmentationLib.scene.live import LiveSegment
from LesionSegmentationLib.scene.segmentation import SEGMENT_ID, createLesionSegmentation
from slicer_stand_ins.application import bootApplication, loadModule
from slicer_stand_ins.boot import bootScene
from slicer_stand_ins.views import SliceView

CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=256, help="voxels along each axis")
    parser.add_argument("--lesions", type=int, default=300)
    parser.add_argument("--moves", type=int, default=60)
    parser.add_argument("--clock", choices=CLOCKS, default="wall", help="cpu: on a machine that does other work too")
    options = parser.parse_args()
    timed.clock = CLOCKS[options.clock]

    posterior = synthetic_posterior(options.size, options.lesions, seed=0)
    builds = [timed(lambda: OperatingCurve(posterior, Geometry(posterior.shape, np.eye(4)))) for _ in range(5)]
    curve = OperatingCurve(posterior, Geometry(posterior.shape, np.eye(4)))
    tree = timed(lambda: curve.tree)
    scene = bootScene()
    reference = slicer.util.addVolumeFromArray(np.ascontiguousarray(posterior.transpose(2, 1, 0)), name="FLAIR")
    node = createLesionSegmentation(scene, reference, "Lesions")
    live = LiveSegment(node, SEGMENT_ID, curve)
    views = [SliceView(orientation, 600, 500) for orientation in ("Axial", "Sagittal", "Coronal")]
    for view in views:
        view.show(reference)
        view.render()

    rng = np.random.default_rng(1)
    betas = rng.uniform(0.02, 0.98, options.moves)
    settings = [curve.at(1 - beta, beta) for beta in betas]
    counts = [point.count for point in settings]
    print(f"{options.size}^3, {curve.order.size} candidates, {min(counts)} to {max(counts)} voxels shown")
    row("operating curve, once", builds)
    row("component tree, once", [tree])

    plain = [timed(lambda p=p: live.show(curve.order[: p.count])) for p in settings]
    filtered = [find_lesions(curve, point, minimum_voxels=20) for point in settings]
    small = np.arange(0.5, 0.55, 0.05 / options.moves)
    steps = [curve.at(1 - beta, beta) for beta in small]
    dragged = [timed(lambda p=p: live.show(curve.order[: p.count])) for p in steps]
    hidden = [timed(lambda found=found: live.showLesions(found)) for found in filtered]
    whole = [timed(lambda b=b: live.showLesions(find_lesions(curve, curve.at(1 - b, b), 0.02))) for b in betas]
    drawn = [timed(lambda p=p: (live.show(curve.order[: p.count]), views[0].render())) for p in settings]
    three = [timed(lambda p=p: (live.show(curve.order[: p.count]), [v.render() for v in views])) for p in settings]
    flair = [timed(views[0].render) for _ in settings]
    masks = [np.ascontiguousarray(curve.mask(point).transpose(2, 1, 0)) for point in settings[:15]]
    usual = [
        timed(lambda m=m: slicer.util.updateSegmentBinaryLabelmapFromArray(m, node, SEGMENT_ID, reference))
        for m in masks
    ]
    live.resetEdits()
    live.show(curve.order[: settings[0].count])
    shown = slicer.util.arrayFromSegmentBinaryLabelmap(node, SEGMENT_ID, reference)
    assert np.array_equal(shown.transpose(2, 1, 0), curve.mask(settings[0])), "the segment is not the mask"
    live.updateSurface()
    surface = [timed(live.updateSurface) for _ in range(3)]

    peer = np.median(usual)
    row("live update, jumps from anywhere to anywhere", plain, peer)
    row("live update, steps of a slow drag", dragged, peer)
    row("live update, jumps, small lesions hidden", hidden, peer)
    row("setting, lesions and live update together", whole, peer)
    row("updateSegmentBinaryLabelmapFromArray", usual, peer)
    row("live update and one drawn view", drawn)
    row("live update and three drawn views", three)
    row("one view drawn, nothing changed", flair)
    row("3D surface made anew, as when the hand rests", surface)
    panel(scene, reference, posterior, options.moves)


def panel(scene, reference, posterior, moves: int) -> None:
    """The real panel on the same posterior: slow drags, jumps, and a drag with every third lesion rejected."""
    bootApplication()
    reference = slicer.util.addVolumeFromArray(np.ascontiguousarray(posterior.transpose(2, 1, 0)), name="FLAIR")
    module = loadModule(Path(__file__).resolve().parents[2] / "LesionSegmentation" / "LesionSegmentation.py")
    widget = module.pythonWidget()
    widget.parent.resize(430, 1100)
    widget.parent.show()
    slicer.app.processEvents()
    shown, ui = widget.panel.operatingPoint, widget.panel.ui
    geometry = Geometry(posterior.shape, np.diag([-1.0, -1.0, 1.0, 1.0]))
    probability_map = ProbabilityMap(posterior, geometry, {"scale": 1.0, "bias": 0.0, "fitted_on": "nothing"})
    reference.SetIJKToRASDirections(-1, 0, 0, 0, -1, 0, 0, 0, 1)
    result = LesionResult(slicer.mrmlScene, reference, probability_map)
    row("panel: a finished run shown", [timed(lambda: shown.setResult(result))])
    slicer.app.processEvents()

    def move(balance):
        ui.balanceSlider.value = float(balance)
        shown._update()

    def moved(balances):
        times = []
        for balance in balances:
            times.append(timed(functools.partial(move, balance)))
            slicer.app.processEvents()
        return times

    rng = np.random.default_rng(2)
    name = f"{len(result.lesions)} lesions"
    row(f"panel: slow drag ({name}), one step of 0.02 a move", moved(np.arange(moves) * 0.02))
    row("panel: the same drag back", moved(np.arange(moves)[::-1] * 0.02 + 0.01))
    row("panel: quick drag, steps of 0.1", moved(np.arange(-3, 3, 0.1)))
    row("panel: jumps from anywhere to anywhere", moved(rng.uniform(-5, 5, moves)))
    truth = np.roll(result.lesions.mask(), 1, axis=0)
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "truth")
    node.CopyOrientation(reference)
    slicer.util.updateVolumeFromArray(node, np.ascontiguousarray(truth.transpose(2, 1, 0)))
    row("panel: a reference chosen", [timed(lambda: ui.comparedSelector.setCurrentNode(node))])
    row("panel: slow drag, with a reference", moved(np.arange(moves) * 0.02 + 0.01))
    rested = [(moved([balance]), timed(shown._onRest))[1] for balance in np.arange(-3, 3, 0.6)]
    row("panel: the hand rests, with a reference", rested)
    ui.comparedSelector.setCurrentNode(None)
    ui.balanceSlider.value = 0.0
    slicer.app.processEvents()
    for lesion in result.lesions.listed[::3]:
        result.decide(lesion.id, "rejected")
    row("panel: slow drag, a third rejected", moved(np.arange(moves) * 0.02 + 0.01))
    row("panel: a lesion rejected", [timed(lambda n=n: decided(widget, n)) for n in range(20)])
    everything = []
    for balance in rng.uniform(-5, 5, 20):
        moved([balance])
        everything.append(timed(widget.panel.lesions.table._fillAll))
    row("panel: the other rows of the list, after a jump", everything)
    widget.cleanup()


def decided(widget, number) -> None:
    """What the key R does, but for the jump to the next lesion."""
    section = widget.panel.lesions
    section.logic.decideLesion(section.result, section.table.rows[number].id, "rejected")
    section.changed()


def timed(work) -> float:
    """Return the time of ``work()`` in ms, by the clock asked for."""
    start = timed.clock()
    work()
    return 1000 * (timed.clock() - start)


def row(name: str, times: list[float], peer: float | None = None) -> None:
    """Print median and 95th percentile, and how many times slower Slicer's usual way is."""
    ratio = f"   {peer / np.median(times):7.0f} x" if peer else ""
    print(f"{name:52} median {np.median(times):8.2f} ms   p95 {np.percentile(times, 95):8.2f} ms{ratio}")


if __name__ == "__main__":
    main()
