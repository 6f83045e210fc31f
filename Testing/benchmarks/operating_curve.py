"""What the operating curve and the component tree cost at 256^3, beside the obvious ways, measured in the same run.

python Testing/benchmarks/operating_curve.py
"""

from __future__ import annotations

import statistics
import time

import numpy as np
from scipy import ndimage
from synthetic_posterior import synthetic_posterior

from LesionSegmentationLib.engine.geometry import Geometry
from LesionSegmentationLib.engine.lesions import find_lesions
from LesionSegmentationLib.engine.operating_curve import OperatingCurve

BETAS = np.linspace(0.1, 0.9, 9)


def milliseconds(work, repeats: int = 5) -> float:
    """Return the median wall time of ``work()`` in ms."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        work()
        times.append(time.perf_counter() - start)
    return 1000 * statistics.median(times)


def dinkelbach(p: np.ndarray, alpha: float, beta: float) -> float:
    """The threshold of the best set by Dinkelbach's iteration over the whole volume."""
    index = 0.0
    while True:
        tau = index * alpha / (1 - index + index * (alpha + beta))
        marked = p > tau
        tp, size = float(p[marked].sum(dtype=np.float64)), int(marked.sum())
        total = float(p.sum(dtype=np.float64))
        better = tp / (tp + alpha * (size - tp) + beta * (total - tp))
        if better <= index + 1e-12:
            return tau
        index = better


def main() -> None:
    """Measure and print a table."""
    p = synthetic_posterior(256, lesions=300, seed=0)
    curve = OperatingCurve(p, Geometry(p.shape, np.eye(4)))
    shown = find_lesions(curve, curve.at(0.5, 0.5))
    print(f"256^3, {curve.order.size} candidate voxels, {curve.tree.peaks} peaks, {len(shown)} lesions at beta 0.5")
    for beta in BETAS[::4]:
        point = curve.at(1 - beta, beta)
        assert abs(point.threshold - dinkelbach(p, 1 - beta, beta)) < 1e-6, "the peer disagrees"

    build = milliseconds(lambda: OperatingCurve(p, curve.geometry))
    setting = milliseconds(lambda: [curve.at(1 - b, b) for b in BETAS], 20) / len(BETAS)
    peer = milliseconds(lambda: dinkelbach(p, 0.5, 0.5), 3)
    tree = milliseconds(lambda: type(curve.tree)(curve.order, p.shape), 3)
    points = [curve.at(1 - b, b) for b in BETAS]
    tables = milliseconds(lambda: [find_lesions(curve, point, 0.003) for point in points]) / len(BETAS)
    relabel = milliseconds(lambda: ndimage.label(p >= points[4].threshold, np.ones((3, 3, 3))), 3)
    rows = milliseconds(lambda: [find_lesions(curve, point, 0.003).rows for point in points], 3) / len(BETAS)

    print(f"{'operating curve, once':44} {build:9.1f} ms")
    print(f"{'one setting after that':44} {setting:9.3f} ms")
    print(f"{'one setting by Dinkelbach on the volume':44} {peer:9.1f} ms   {peer / setting:9.0f} x one setting")
    print(f"{'component tree, once':44} {tree:9.1f} ms")
    print(f"{'lesions of one setting, minimum volume':44} {tables:9.2f} ms")
    print(f"{'the same by relabelling with scipy':44} {relabel:9.1f} ms   {relabel / tables:9.1f} x by the tree")
    print(f"{'lesions with the whole table':44} {rows:9.2f} ms")


if __name__ == "__main__":
    main()
