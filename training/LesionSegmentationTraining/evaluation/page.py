"""An evaluation as a page for people."""

from __future__ import annotations

from collections.abc import Sequence

from .summary import FEWEST
from .tables import markdown_table, summary_rows


def evaluation_page(summary: dict, patients: Sequence[dict], facts: dict) -> str:
    """Return ``summary_of`` (with ``failed``) as Markdown; below ten patients every one is listed and no interval.

    ``patients``: rows of ``per_patient`` with their ``beta``; ``facts``: of the source.
    """
    model = facts.get("model")
    name = f"{model['name']} {model['version']}" if model else f"the files in {facts['predictions']['folder']}"
    cases, people = _many(summary["cases"], "case"), _many(summary["patients"], "patient")
    parts = [f"# Evaluation of {name}", f"{cases} of {people}."]
    if summary["failed"]:
        listed = "\n".join(f"- {case}: {reason}" for case, reason in summary["failed"].items())
        parts.append(f"**{_many(len(summary['failed']), 'case')} failed and not counted:**\n\n{listed}")
    for setting in summary["settings"]:
        beta = setting["beta"]
        parts.append("## The masks" if beta is None else f"## beta {beta:g} (alpha {1 - beta:g})")
        own = [row for row in patients if row["beta"] == beta]
        if len(own) < FEWEST:
            parts.append(markdown_table(own, "patient"))
        parts.append(markdown_table(summary_rows(setting["figures"]), "over patients"))
        figures = {"Volume correlation over the cases": setting["volume_correlation"]["over_cases"]}
        figures |= {"ISBI score": setting["isbi"]["score"]}
        figures |= {"ISBI score without the correlation": setting["isbi"]["score_without_correlation"]}
        parts.append("; ".join(f"{text}: {number(value)}" for text, value in figures.items()) + ".")
    if "score" in summary:
        scores = {key: number(value["mean"]) for key, value in summary["score"].items()}
        parts.append(
            "## The probabilities\n\n"
            f"AUC-PR {scores['auc_pr']}, Brier {scores['brier']} (means over patients). Calibration error over the "
            f"voxels with p >= 0.01 of all cases: {number(summary['calibration']['error'])}."
        )
    if summary.get("froc"):
        curve = summary["froc"]
        ends = curve["interval"] and " ({:.3f} to {:.3f})".format(*curve["interval"])
        parts.append(
            f"Average recall over 0 to {curve['limit']:g} false positives per image, components of p > "
            f"{curve['level']:g}: {curve['average_recall']:.3f}{ends or ''}."
        )
    return "\n\n".join(parts) + "\n"


def setting_name(beta: float | None) -> str:
    """Return a setting as a person reads it; None is a mask, which has no setting."""
    return "mask" if beta is None else f"beta {beta:g}"


def number(value: float | None) -> str:
    """Return a figure as a person reads it."""
    return "not defined" if value is None else f"{value:.3f}" if abs(value) >= 0.001 or not value else f"{value:.2e}"


def _many(count: int, thing: str) -> str:
    return f"{count} {thing}{'' if count == 1 else 's'}"
