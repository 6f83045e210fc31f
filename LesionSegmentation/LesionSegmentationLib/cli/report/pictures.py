"""The pictures of the report, each as PNG bytes."""

from __future__ import annotations

import io

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from .slices import AxialView

OVERLAY = "#ff8c1a"
PRECISION, RECALL, DICE, POINT = "#1f5fbf", "#c2410c", "#6b7280", "#111827"
INK, GRID = "#374151", "#e5e7eb"
SCALE_BAR_MM = 50
PANEL_INCHES = 2.5
# A thin slab has few slices; they are not drawn larger for that.
LEAST_COLUMNS = 5
matplotlib.rcParams["font.family"] = "DejaVu Sans"


def slice_row(
    view: AxialView, image: np.ndarray, window: tuple[float, float], slices: list[int], mask: np.ndarray | None
) -> bytes:
    """Return a row of ``slices`` of ``image`` (i, j, k), with ``mask`` outlined and tinted where there is one."""
    width, height = view.size_mm
    columns = max(len(slices), LEAST_COLUMNS)
    figure = Figure(figsize=(PANEL_INCHES * columns, PANEL_INCHES * height / width), dpi=120, facecolor="black")
    for column, k in enumerate(slices):
        axes = figure.add_axes((column / columns + 0.003, 0, 1 / columns - 0.006, 1))
        axes.set_axis_off()
        extent = (0, width, 0, height)
        grey = {"cmap": "gray", "vmin": window[0], "vmax": window[1], "interpolation": "bilinear"}
        axes.imshow(view.cut(image, k), origin="lower", extent=extent, **grey)
        if mask is not None:
            _overlay(axes, view.cut(mask, k), extent)
        _landmarks(axes, width, height, f"S {view.height_mm(k):+.0f} mm")
        axes.set_xlim(0, width)
        axes.set_ylim(0, height)
    return _png(figure)


def curve_plot(rows: list[dict], present: tuple[float, float | None, float | None]) -> bytes:
    """Return the operating curve: figures against log2(beta / alpha), and precision against recall.

    ``rows``: those of ``operating_curve.csv``. ``present``: log2(beta / alpha), precision and recall of the result.
    """
    x = np.log2([row["rho"] for row in rows])
    precision, recall, dice = (_column(rows, f"expected_{name}") for name in ("precision", "recall", "dice"))
    figure = Figure(figsize=(11, 3.9), dpi=130, facecolor="white", layout="constrained")
    left, right = figure.subplots(1, 2, width_ratios=(1.55, 1))
    for values, colour, name in ((dice, DICE, "Dice"), (precision, PRECISION, "precision"), (recall, RECALL, "recall")):
        left.plot(x, values, color=colour, linewidth=1.4 if name == "Dice" else 2.4, label=name)
    left.axvline(present[0], color=POINT, linewidth=1, linestyle=(0, (4, 3)))
    left.annotate("this result", (present[0], 1.0), (5, 2), textcoords="offset points", color=POINT, fontsize=9)
    left.set(xlim=(-6, 6), xlabel="log2(beta / alpha)        fewer false  ←   →  fewer missed", ylabel="expected")
    left.legend(loc="lower right", bbox_to_anchor=(1, 1), ncols=3, frameon=False, fontsize=9)
    right.plot(recall, precision, color=INK, linewidth=2.4)
    right.set(xlim=(0, 1.02), xlabel="expected recall", ylabel="expected precision")
    for y, colour in ((present[1], PRECISION), (present[2], RECALL)):
        if y is not None:
            left.plot(present[0], y, "o", color=colour, markersize=7, markeredgecolor="white")
    if None not in present[1:]:
        right.plot(present[2], present[1], "o", color=OVERLAY, markersize=10, markeredgecolor="white")
        right.annotate("this result", (present[2], present[1]), (8, 8), textcoords="offset points", fontsize=9)
    for axes in (left, right):
        axes.set_ylim(0, 1.08)
        axes.grid(color=GRID, linewidth=0.8)
        axes.tick_params(colors=INK, labelsize=9)
        for side, spine in axes.spines.items():
            spine.set_visible(side in ("left", "bottom"))
            spine.set_color("#9ca3af")
    return _png(figure)


def _overlay(axes, mask: np.ndarray, extent: tuple) -> None:
    if not mask.any():
        return
    tint = np.zeros((*mask.shape, 4))
    tint[..., :3] = [int(OVERLAY[n : n + 2], 16) / 255 for n in (1, 3, 5)]
    tint[..., 3] = 0.3 * mask
    axes.imshow(tint, origin="lower", extent=extent, interpolation="nearest")
    rows, columns = (np.repeat(np.arange(n), 4) for n in mask.shape)
    # Fine steps within each voxel make the outline follow the voxels' edges instead of cutting their corners.
    fine = np.pad(mask[np.ix_(rows, columns)], 1)
    y = (np.arange(-1, 4 * mask.shape[0] + 1) + 0.5) / (4 * mask.shape[0]) * extent[3]
    x = (np.arange(-1, 4 * mask.shape[1] + 1) + 0.5) / (4 * mask.shape[1]) * extent[1]
    axes.contour(x, y, fine, levels=[0.5], colors=OVERLAY, linewidths=0.9)


def _landmarks(axes, width: float, height: float, position: str) -> None:
    text = {"color": "#f3f4f6", "fontsize": 9}
    axes.text(0.02 * width, 0.5 * height, "R", ha="left", va="center", weight="bold", **text)
    axes.text(0.98 * width, 0.5 * height, "L", ha="right", va="center", weight="bold", **text)
    axes.text(0.02 * width, 0.985 * height, position, ha="left", va="top", **text)
    right = 0.97 * width
    axes.plot([right - SCALE_BAR_MM, right], [0.035 * height] * 2, color="#f3f4f6", linewidth=2, solid_capstyle="butt")
    axes.text(right, 0.05 * height, f"{SCALE_BAR_MM} mm", ha="right", va="bottom", **{**text, "fontsize": 7.5})


def _column(rows: list[dict], name: str) -> np.ndarray:
    return np.array([np.nan if row[name] is None else row[name] for row in rows], float)


def _png(figure: Figure) -> bytes:
    stream = io.BytesIO()
    figure.savefig(stream, format="png", facecolor=figure.get_facecolor())
    return stream.getvalue()
