"""Pictures of a card: how right the probabilities are, and where the model is wrong in each case left out."""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO

import numpy as np

SLICES = 4
# hit, missed, extra: told apart without red and green as well
COLOURS = {"hit": "#ffd400", "missed": "#39a0ff", "extra": "#ff4fa3"}
BRIGHTEST = 2.2
SCALE_MM = 20


def calibration_picture(calibration: dict) -> bytes:
    """PNG of :func:`calibration.reliability`: said against true, on the calibration cases and those left out."""
    pyplot = _pyplot()
    figure, axis = pyplot.subplots(figsize=(4, 4), layout="constrained")
    axis.plot([0, 1], [0, 1], color="grey", linewidth=0.8)
    for key, label in (("reliability", "calibration cases"), ("reliability_left_out", "patients left out")):
        rows = calibration.get(key) or []
        axis.plot([row["said"] for row in rows], [row["true"] for row in rows], "o-", label=label)
    axis.set(xlim=(0, 1), ylim=(0, 1), xlabel="probability said", ylabel="share of lesion", aspect="equal")
    axis.legend()
    return _png(figure, pyplot)


def errors_picture(image: np.ndarray, marked: np.ndarray, mask: np.ndarray, spacing: Sequence[float]) -> bytes:
    """PNG of the axial slices with the most wrong voxels, patient's right on the left, with outlines of hit (marked and
    true), missed and extra voxels and a bar of 20 mm.

    ``image``: standardised first channel, ``marked`` and ``mask``: bool, all (i, j, k) with i to the right, j to the
    front and k to the top of the patient; ``spacing``: mm per axis.
    """
    pyplot = _pyplot()
    wrong = (marked ^ mask).sum(axis=(0, 1))
    # slices that lie apart, or they would all show the same lesion
    chosen: list[int] = []
    for k in np.argsort(-wrong, kind="stable"):
        if chosen and not wrong[k]:
            break
        if all(abs(int(k) - other) * spacing[2] >= 8 for other in chosen):
            chosen.append(int(k))
        if len(chosen) == SLICES:
            break
    figure, axes = pyplot.subplots(
        1, len(chosen), figsize=(2.6 * len(chosen), 3.1), squeeze=False, facecolor="black", layout="constrained"
    )
    sets = {"hit": marked & mask, "missed": mask & ~marked, "extra": marked & ~mask}
    for axis, k in zip(axes[0], sorted(chosen)):
        axis.imshow(_seen(image[:, :, k]), cmap="gray", vmin=0, vmax=BRIGHTEST, aspect=spacing[1] / spacing[0])
        for name, voxels in sets.items():
            if voxels[:, :, k].any():
                axis.contour(_seen(voxels[:, :, k]), [0.5], colors=COLOURS[name], linewidths=1.0)
        width, height = image.shape[0], image.shape[1]
        axis.text(2, height / 2, "R", color="white", fontsize=8, va="center")
        axis.text(width - 3, height / 2, "L", color="white", fontsize=8, va="center", ha="right")
        axis.plot([4, 4 + SCALE_MM / spacing[0]], [height - 6] * 2, color="white", linewidth=1.5)
        axis.axis("off")
    return _png(figure, pyplot)


def _seen(plane: np.ndarray) -> np.ndarray:
    """(i, j) as a reader sees it: front up, the patient's right on the left."""
    return np.asarray(plane, np.float32)[::-1, ::-1].T


def _pyplot():
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    return pyplot


def _png(figure, pyplot) -> bytes:
    content = BytesIO()
    # no date or version inside: the same figures give the same file
    figure.savefig(content, dpi=100, format="png", facecolor=figure.get_facecolor(), metadata={"Software": None})
    pyplot.close(figure)
    return content.getvalue()
