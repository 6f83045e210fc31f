"""CARD.md of a bundle: what the model is, what it was made from, and how far its figures can be trusted."""

from __future__ import annotations

from collections.abc import Sequence

from LesionSegmentationLib.engine.conditioned_score import rho_range

from .about import About

CARD = """\
# {name} {version}: {title}

Research use, not a medical device. It has not been validated for any clinical decision.

## What it does

Answers, for every voxel, the probability that it belongs to a lesion. Task: {task}.
{marking}
Channels: {channels}; the first is the reference, whose grid the result has. The work is done at {spacing} mm.

## What it was made from

{data}

## How it was fitted

Network `{network}`, {weights:,} weights. Loss: {loss}. {steps:,} steps of {batch} patches of {patch} voxels,
seed {seed}, code version {code_version}.

## Calibration

{calibration}

## Measured figures

One row a setting, alpha = 1 - beta. "Expected" is what the model says of itself from its probabilities alone.
Lesion-wise: 26-connected, any overlap; TPR is the share of true lesions touched, FDR that of marked ones that
touch none.

{figures}

## Limits

{limits}

## Licence

{licence}. Cite and credit the owners of the data named above wherever results are published.
"""
GENERAL_LIMITS = (
    "Expected precision and recall hold only as far as a study resembles what the model was calibrated on.",
    "Other diseases, scanners, contrasts and resolutions than those above may be marked or missed either way.",
)
COLUMNS = (
    ("beta", "beta", "{:.1f}"), ("Dice", "dice", "{:.2f}"), ("(expected)", "expected_dice", "{:.2f}"),
    ("precision", "precision", "{:.2f}"), ("(expected)", "expected_precision", "{:.2f}"),
    ("recall", "recall", "{:.2f}"), ("(expected)", "expected_recall", "{:.2f}"),
    ("lesion TPR", "lesion_tpr", "{:.2f}"), ("lesion FDR", "lesion_fdr", "{:.2f}"),
    ("marked ml", "prediction_ml", "{:.2f}"), ("true ml", "reference_ml", "{:.2f}"),
)  # fmt: skip
ROLES = {
    "left out": "Left out of fitting and calibration",
    "watched while fitting": "Watched while fitting (the best checkpoint was chosen by it)",
    "trained on": "Trained on (says little about new images)",
}


def write_card(about: About, description: dict, data: Sequence[str]) -> str:
    """Markdown of the card. ``description``: the entries of bundle.json; ``data``: sentences on the cases used."""
    training = description["training"]
    return CARD.format(
        name=about.name,
        version=about.version,
        title=about.title or about.task,
        task=about.task,
        marking=_marking(rho_range(description.get("score"), "the description")),
        channels=", ".join(c["name"] + ("" if c["required"] else " (optional)") for c in description["channels"]),
        spacing=_times(description["plan"]["spacing_mm"]),
        data=_items([*data, *about.data]),
        network=description["network"]["name"],
        patch=_times(training["patch"]),
        calibration=_calibration(description["calibration"]),
        figures=_figures(description["figures"]),
        limits=_items([*about.limits, *GENERAL_LIMITS]),
        licence=about.licence,
        **{key: training[key] for key in ("weights", "loss", "steps", "batch", "seed", "code_version")},
    )


def _marking(rho: tuple[float, float] | None) -> str:
    """What decides which voxels a setting marks."""
    if rho is None:
        return "A setting marks the set that is best for the Tversky index expected from these probabilities."
    return (
        f"A setting marks what the network, trained at every beta / alpha from {rho[0]:g} to {rho[1]:g}, says at that "
        "setting (outside of this range: at its nearest end); the probabilities give the expected figures only."
    )


def reliability_table(rows: Sequence[dict]) -> str:
    """Markdown table of :func:`calibration.reliability` rows."""
    lines = ["| probability | voxels | said | true |", "|---|---|---|---|"]
    for row in rows:
        lines.append(
            f"| {row['from']:.1f} to {row['to']:.1f} | {row['voxels']:,} | {row['said']:.2f} | {row['true']:.2f} |"
        )
    return "\n".join(lines)


def _calibration(calibration: dict) -> str:
    if calibration.get("fitted_on") is None:
        return "None: no case was kept for it. The probabilities are the raw ones of the network."
    text = (
        f"Scale {calibration['scale']:.3f} and bias {calibration['bias']:.3f} of the logit, fitted on "
        f"{calibration['fitted_on']}.\n"
        f"Calibration error over the voxels with p >= 0.01: {calibration['error']:.3f} there "
        f"({calibration['error_uncalibrated']:.3f} before)"
    )
    if calibration.get("error_left_out") is not None:
        text += f", {calibration['error_left_out']:.3f} on the patients left out"
    tables = {"On the calibration cases": "reliability", "On the patients left out": "reliability_left_out"}
    shown = [
        f"{title}:\n\n{reliability_table(calibration[key])}" for title, key in tables.items() if calibration.get(key)
    ]
    return "\n\n".join([text + ".", *shown])


def _figures(figures: Sequence[dict]) -> str:
    if not figures:
        return "None: no case was left out to measure on."
    tables = []
    for role, case, channels in dict.fromkeys((row["role"], row["case"], row["channels"]) for row in figures):
        rows = [row for row in figures if (row["role"], row["case"], row["channels"]) == (role, case, channels)]
        lines = [f"**{case}**, {channels}. {ROLES[role]}.", ""]
        lines.append("| " + " | ".join(title for title, _, _ in COLUMNS) + " |")
        lines.append("|" + "---|" * len(COLUMNS))
        for row in rows:
            cells = ["-" if row.get(key) is None else form.format(row[key]) for _, key, form in COLUMNS]
            lines.append("| " + " | ".join(cells) + " |")
        tables.append("\n".join(lines))
    return "\n\n".join(tables)


def _times(sizes: Sequence[float]) -> str:
    return " x ".join(f"{size:g}" for size in sizes)


def _items(lines: Sequence[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)
