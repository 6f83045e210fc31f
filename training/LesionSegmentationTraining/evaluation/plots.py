"""Pictures of an evaluation, each a PNG; drawn without a display."""

from __future__ import annotations

import importlib.util
import os
import uuid
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from LesionSegmentationLib.engine.errors import InputError

INK, GREY, BLUE, ORANGE = "#222222", "#9a9a9a", "#0072b2", "#d55e00"
_MANY = 12


def operating_curves(path: Path, cases: Sequence[dict]) -> None:
    """Precision against recall, one line a case with its settings marked.

    ``cases``: each with ``id``, ``curve`` (of ``precision_recall``) or None, and ``settings`` (rows
    with ``beta``, ``precision``, ``recall``). Up to twelve cases get a colour and a name each, more are grey.
    """
    figure, axes = _axes("Operating curves", "recall (sensitivity)", "precision (PPV)")
    colours = _colours(len(cases))
    for case, colour in zip(cases, colours):
        if case["curve"] and case["curve"]["recall"]:
            axes.plot(case["curve"]["recall"], case["curve"]["precision"], color=colour, lw=1.4, label=case["id"])
        marks = [row for row in case["settings"] if None not in (row["precision"], row["recall"])]
        label = None if case["curve"] else case["id"]
        axes.plot(*([row[n] for row in marks] for n in ("recall", "precision")), "o", color=colour, ms=4, label=label)
        for row in marks if len(cases) <= 3 else []:
            if row["beta"] is not None:
                at = (row["recall"], row["precision"])
                axes.annotate(f"β {row['beta']:g}", at, (4, 4), textcoords="offset points", fontsize=7, color=colour)
    axes.set(xlim=(0, 1.02), ylim=(0, 1.02))
    if len(cases) <= _MANY and axes.get_legend_handles_labels()[0]:
        axes.legend(fontsize=7, frameon=False, loc="lower left")
    _save(figure, path)


def froc_curve(path: Path, summary: dict) -> None:
    """Share of lesions found against false positives per image, a step curve; ``summary``: of ``froc_summary``."""
    figure, axes = _axes("Free-response curve", "false positives per image", "share of lesions found")
    limit = summary["limit"]
    rates, recall = summary["false_positives"], summary["recall"]
    axes.step([*rates, max(limit, rates[-1])], [*recall, recall[-1]], where="post", color=BLUE, lw=1.6)
    axes.fill_between([*rates, max(limit, rates[-1])], [*recall, recall[-1]], step="post", color=BLUE, alpha=0.12)
    text = f"average recall {summary['average_recall']:.3f}"
    if summary["interval"]:
        text += " ({:.3f} to {:.3f})".format(*summary["interval"])
    axes.set(xlim=(0, limit), ylim=(0, 1.02))
    axes.text(0.97, 0.05, f"{text}\nlesions: {summary['lesions']}, images: {summary['images']}", fontsize=8,
              transform=axes.transAxes, ha="right", color=INK)  # fmt: skip
    _save(figure, path)


def reliability_diagram(path: Path, rows: Sequence[dict], error: float | None) -> None:
    """Share of lesion among the voxels of each decile of the probability; ``rows``: of ``pooled``."""
    figure, axes = _axes("Reliability (voxels with p ≥ 0.01)", "probability said", "share of lesion")
    axes.plot([0, 1], [0, 1], color=GREY, lw=1, ls="--")
    axes.plot([row["said"] for row in rows], [row["true"] for row in rows], "o-", color=BLUE, lw=1.4, ms=5)
    below = axes.twinx()
    below.bar([(row["from"] + row["to"]) / 2 for row in rows], [row["voxels"] for row in rows], color=GREY, alpha=0.3,
              width=[0.9 * (row["to"] - row["from"]) for row in rows])  # fmt: skip
    below.set(yscale="log", ylabel="voxels")
    below.spines["top"].set_visible(False)
    axes.set(xlim=(0, 1), ylim=(0, 1))
    if error is not None:
        axes.text(
            0.97, 0.05, f"calibration error {error:.3f}", transform=axes.transAxes, fontsize=8, color=INK, ha="right"
        )
    _save(figure, path)


def volumes(path: Path, rows: Sequence[dict], title: str = "") -> None:
    """Predicted against true volume, and their difference against their mean (Bland and Altman 1986).

    ``rows``: with ``prediction_ml`` and ``reference_ml``, one a patient. The lines are the mean difference and 1.96
    standard deviations about it, drawn from ten rows on.
    """
    figure, (left, right) = _figure(2)
    one, two = (np.array([row[name] for row in rows], float) for name in ("prediction_ml", "reference_ml"))
    end = 1.05 * max([0.01, *one, *two])
    left.plot([0, end], [0, end], color=GREY, lw=1, ls="--")
    left.plot(two, one, "o", color=BLUE, ms=5)
    left.set(xlim=(0, end), ylim=(0, end), xlabel="true volume (ml)", ylabel="marked volume (ml)")
    left.set_title(title or "Volumes", fontsize=10)
    difference = one - two
    right.axhline(0, color=GREY, lw=1)
    right.plot((one + two) / 2, difference, "o", color=BLUE, ms=5)
    right.set(xlim=(0, end), xlabel="mean of both (ml)", ylabel="marked - true (ml)")
    right.set_title("Difference (Bland-Altman)", fontsize=10)
    if difference.size >= 10:
        mean, spread = difference.mean(), 1.96 * difference.std(ddof=1)
        for level, style in ((mean, "-"), (mean - spread, ":"), (mean + spread, ":")):
            right.axhline(level, color=ORANGE, ls=style, lw=1.2)
    _save(figure, path)


def recall_by_size_bars(path: Path, classes: dict[str, Sequence[dict]]) -> None:
    """Share of lesions found per size class; ``classes``: rows of ``recall_by_size`` under the name of each setting."""
    figure, axes = _axes("Lesions found, by size", "equivalent diameter (mm)", "share found")
    width = 0.8 / max(1, len(classes))
    for n, (name, rows) in enumerate(classes.items()):
        at = np.arange(len(rows)) + (n - (len(classes) - 1) / 2) * width
        colour = _shade(n, len(classes))
        axes.bar(at, [row["recall"] or 0 for row in rows], 0.92 * width, color=colour, label=name)
    rows = next(iter(classes.values()), [])
    ends = [f"{r['from_mm']:.1f} to {r['to_mm']:.1f}" if r["to_mm"] else f"{r['from_mm']:.1f} and more" for r in rows]
    axes.set_xticks(range(len(rows)), [f"{text}\n({row['lesions']} lesions)" for text, row in zip(ends, rows)])
    axes.tick_params(axis="x", labelsize=7)
    axes.set(ylim=(0, 1.02))
    if len(classes) > 1:
        axes.legend(fontsize=7, frameon=False, ncols=len(classes), loc="lower center", bbox_to_anchor=(0.5, -0.36))
    _save(figure, path)


def _figure(panels: int):
    """A figure of its own canvas: no state of matplotlib's, no display."""
    if importlib.util.find_spec("matplotlib") is None:
        raise InputError("Plots need matplotlib; install it with: pip install 'lesion-segmentation[training]'.")
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5 * panels, 4), dpi=130, layout="constrained")
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, panels, squeeze=False)[0]
    for each in axes:
        each.spines[["top", "right"]].set_visible(False)
        each.tick_params(labelsize=8)
    return figure, axes


def _axes(title: str, x: str, y: str):
    figure, (axes,) = _figure(1)
    axes.set_title(title, fontsize=10)
    axes.set(xlabel=x, ylabel=y)
    return figure, axes


def _colours(count: int) -> list:
    if count > _MANY:
        return [GREY] * count
    from matplotlib import colormaps

    return [colormaps["tab10" if count <= 10 else "tab20"](n) for n in range(count)]


def _shade(n: int, count: int):
    from matplotlib import colormaps

    return colormaps["Blues"](0.35 + 0.55 * n / max(1, count - 1))


def _save(figure, path: Path) -> None:
    partial = path.with_name(f".unfinished-{uuid.uuid4().hex}.png")
    try:
        figure.savefig(partial)
        os.replace(partial, path)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise InputError(f"{path.name} cannot be written ({reason}); check the output folder.") from error
    finally:
        partial.unlink(missing_ok=True)
