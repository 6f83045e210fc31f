"""What one move of the slider costs at 256^3 on a real segmentation node, beside Slicer's usual way, in the same run.

python Testing/benchmarks/live_update.py [--size 256] [--lesions 300] [--moves 60]
"""

from __future__ import annotations

import argparse
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
from LesionSegmentationLib.scene.live import LiveSegment
from LesionSegmentationLib.scene.segmentation import SEGMENT_ID, createLesionSegmentation
from slicer_stand_ins.boot import bootScene
from slicer_stand_ins.views import SliceView


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--size", type=int, default=256, help="voxels along each axis")
    parser.add_argument("--lesions", type=int, default=300)
    parser.add_argument("--moves", type=int, default=60)
    options = parser.parse_args()

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
    row("3D surface made anew", surface)


def timed(work) -> float:
    """Return the wall time of ``work()`` in ms."""
    start = time.perf_counter()
    work()
    return 1000 * (time.perf_counter() - start)


def row(name: str, times: list[float], peer: float | None = None) -> None:
    """Print median and 95th percentile, and how many times slower Slicer's usual way is."""
    ratio = f"   {peer / np.median(times):7.0f} x" if peer else ""
    print(f"{name:46} median {np.median(times):8.2f} ms   p95 {np.percentile(times, 95):8.2f} ms{ratio}")


if __name__ == "__main__":
    main()
