"""CARD.md of a bundle: what the model is, what it was made from, and how far its figures can be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean, median

from LesionSegmentationLib.engine.conditioned_score import rho_range
from LesionSegmentationLib.engine.validated_range import validated_in_words

from .about import About
from .assessment import SMALLEST_MM

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

## Validated range

{validated}

## Floor

{floor}

## Measured figures

One row a setting, alpha = 1 - beta. "Expected" is what the model says of itself from its probabilities alone.
What is marked is what the panel shows at first, without lesions less than {smallest:g} mm across; of the true ones none
is left out. Lesion-wise: 26-connected, any overlap; TPR is the share of true lesions touched, FDR that of marked ones
that touch none.

{figures}

## Where it is wrong

{pictures}

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
    "left out by a fold": "Measured with fit and calibration made in the same way without this patient",
    "left out": "Left out of fitting and calibration",
    "watched while fitting": "Watched while fitting (the best checkpoint was chosen by it)",
    "trained on": "Trained on (says little about new images)",
}


def write_card(about: About, description: dict, data: Sequence[str], pictures: Sequence[str] = ()) -> str:
    """Markdown of the card.

    ``description``: the entries of bundle.json, with the figures of all cases; ``data``: sentences on the cases used;
    ``pictures``: names of the files beside the card, ``calibration.png`` and one a case.
    """
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
        calibration=_calibration(description["calibration"])
        + ("\n\n![said against true](calibration.png)" if "calibration.png" in pictures else ""),
        validated=_validated(description.get("validated")),
        floor=_floor(description["floor"]),
        figures=_figures(description["figures"]),
        smallest=SMALLEST_MM,
        pictures=_pictures(pictures),
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


def _validated(validated: dict | None) -> str:
    if validated is None:
        return "Not stated: expected figures are shown for every study, also for one unlike those measured here."
    return (
        "What the studies were like that calibration and figures come from. Outside of this range expected figures are "
        f"withheld, with the reason:\n\n{_items(validated_in_words(validated))}"
    )


def _floor(floor: Sequence[Sequence[float]]) -> str:
    if not floor:
        return "None."
    pairs = ", ".join(f"{level:.3f} at beta {rho / (1 + rho):.2f}" for rho, level in floor)
    return (
        "No voxel below this probability is marked, so that nothing is a possible answer; chosen so that lesion-free "
        f"calibration cases keep at most 0.2 ml at alpha = beta: {pairs}."
    )


def _figures(figures: Sequence[dict]) -> str:
    if not figures:
        return "None: no case was left out to measure on."
    tables = []
    real = [row for row in figures if row["kind"] == "real"]
    for role, case, channels in dict.fromkeys((row["role"], row["case"], row["channels"]) for row in real):
        rows = [row for row in real if (row["role"], row["case"], row["channels"]) == (role, case, channels)]
        tables.append(f"**{case}**, {channels}. {ROLES[role]}.\n\n{_table(rows)}")
    made = [row for row in figures if row["kind"] != "real" and row["role"] == "left out"]
    for channels in dict.fromkeys(row["channels"] for row in made):
        tables += _made_up([row for row in made if row["channels"] == channels], channels)
    return "\n\n".join(tables)


def _made_up(rows: Sequence[dict], channels: str) -> list[str]:
    """Means over the made-up patients with lesions, and what is marked in those without."""
    lines = []
    with_lesions = [row for row in rows if row["reference_ml"] > 0]
    if with_lesions:
        means = [_mean([row for row in with_lesions if row["beta"] == beta]) for beta in _betas(with_lesions)]
        count = len({row["case"] for row in with_lesions})
        lines.append(f"**Mean of {count} made-up patients with lesions**, {channels}. Left out.\n\n{_table(means)}")
    free = [row for row in rows if row["reference_ml"] == 0]
    if free:
        marked = {beta: [row["prediction_ml"] for row in free if row["beta"] == beta] for beta in _betas(free)}
        said = "; ".join(
            f"beta {beta:.1f}: {median(values):.2f} ml, at most {max(values):.2f}" for beta, values in marked.items()
        )
        count = len({row["case"] for row in free})
        lines.append(f"**{count} made-up patients without lesion**, {channels}. Marked (median, highest): {said}.")
    return lines


def _mean(rows: Sequence[dict]) -> dict:
    values = {key: [row[key] for row in rows if row.get(key) is not None] for _, key, _ in COLUMNS}
    return {key: fmean(found) for key, found in values.items() if found}


def _betas(rows: Sequence[dict]) -> list[float]:
    return list(dict.fromkeys(row["beta"] for row in rows))


def _table(rows: Sequence[dict]) -> str:
    lines = ["| " + " | ".join(title for title, _, _ in COLUMNS) + " |", "|" + "---|" * len(COLUMNS)]
    for row in rows:
        cells = ["-" if row.get(key) is None else form.format(row[key]) for _, key, form in COLUMNS]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def _pictures(names: Sequence[str]) -> str:
    """The pictures of cases; those of the data named above, under their licences."""
    cases = [name for name in names if name != "calibration.png"]
    if not cases:
        return "No real case was left out."
    shown = "\n\n".join(f"{name.removesuffix('.png')}:\n\n![{name}]({name})" for name in cases)
    return (
        "The slices with most wrong voxels of each real case left out, at alpha = beta; yellow: hit, blue: missed, "
        f"pink: extra. The patient's right is on the left; the bar is 20 mm.\n\n{shown}"
    )


def _times(sizes: Sequence[float]) -> str:
    return " x ".join(f"{size:g}" for size in sizes)


def _items(lines: Sequence[str]) -> str:
    return "\n".join(f"- {line}" for line in lines)
