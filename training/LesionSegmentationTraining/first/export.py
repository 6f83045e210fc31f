"""Write a trained network as a bundle that the engine loads."""

from __future__ import annotations

from pathlib import Path

import torch

from LesionSegmentationLib import __version__
from LesionSegmentationLib.engine.bundle import Bundle, write_bundle

from .fit import Run

FIGURE_COLUMNS = (
    ("beta", "beta", "{:.1f}"), ("Dice", "dice", "{:.2f}"), ("precision", "precision", "{:.2f}"),
    ("(expected)", "expected_precision", "{:.2f}"), ("recall", "recall", "{:.2f}"),
    ("(expected)", "expected_recall", "{:.2f}"), ("lesion TPR", "lesion_tpr", "{:.2f}"),
    ("lesion FDR", "lesion_fdr", "{:.2f}"), ("marked ml", "volume_ml", "{:.2f}"), ("true ml", "true_ml", "{:.2f}"),
)  # fmt: skip


def export_bundle(folder: Path, run: Run, calibration: dict, floor: list, figures: list[dict], card: str) -> Bundle:
    """Write ``folder`` with the mean weights of ``run`` as float16 and answer the verified bundle.

    ``calibration``, ``floor``, ``figures``: the entries of bundle.json. ``card``: CARD.md with places for numbers, see
    :func:`fill_card`. The entries that describe the model itself come from the run's configuration (``bundle``).
    """
    config = run.config
    loss = config["loss"]
    description = {
        "name": config["name"],
        **config["bundle"],
        "channels": [{"name": "flair", "required": True}, {"name": "t1", "required": False}],
        "network": config["network"],
        "plan": {
            "spacing_mm": [1, 1, 1], "spacing_tolerance": 0.15, "tile": 3 * [config["patch"]],
        },
        "calibration": calibration,
        "floor": floor,
        "training": {
            "loss": f"{loss['cross_entropy']} cross-entropy + {loss['tversky']} Tversky",
            "alpha": loss["alpha"], "beta": loss["beta"], "data": config["data"], "steps": run.step,
            "patch": config["patch"], "batch": config["batch"], "seed": config["seed"],
            "code_version": __version__, "started_from": config.get("started_from"),
        },
        "figures": figures,
    }  # fmt: skip
    weights = {name: half(value) for name, value in run.mean_weights.items()}
    return write_bundle(folder, description, weights, fill_card(card, run, calibration, figures))


def fill_card(card: str, run: Run, calibration: dict, figures: list[dict]) -> str:
    """Put numbers into a card's text: {steps}, {seed}, {error}, {error_real} and {figures}, the tables of figures."""
    values = {
        "steps": str(run.step),
        "seed": str(run.config["seed"]),
        "error": f"{calibration['error']:.3f}",
        "error_real": f"{calibration.get('error_real', float('nan')):.3f}",
        "figures": figure_tables(figures),
    }
    for name, value in values.items():
        card = card.replace("{" + name + "}", value)
    if "{" in card:
        raise ValueError(f"the card has a place that nothing fills: {card[card.index('{') :][:40]}")
    return card


def half(value: torch.Tensor) -> torch.Tensor:
    """Floating-point weights as float16; everything else unchanged."""
    return value.half() if value.is_floating_point() else value


def figure_tables(figures: list[dict]) -> str:
    """Markdown: one table a patient and set of channels, one row a setting (alpha = 1 - beta)."""
    tables = []
    for patient, channels in dict.fromkeys((row["patient"], row["channels"]) for row in figures):
        rows = [row for row in figures if (row["patient"], row["channels"]) == (patient, channels)]
        lines = [f"**{patient}**, {channels} ({rows[0]['role']})", ""]
        lines.append("| " + " | ".join(title for title, _, _ in FIGURE_COLUMNS) + " |")
        lines.append("|" + "---|" * len(FIGURE_COLUMNS))
        for row in rows:
            cells = ["-" if row[key] is None else form.format(row[key]) for _, key, form in FIGURE_COLUMNS]
            lines.append("| " + " | ".join(cells) + " |")
        tables.append("\n".join(lines))
    return "\n\n".join(tables)
