"""The summary of a result, for a person and for a program."""

from __future__ import annotations

import json

KEYS = (
    "alpha",
    "beta",
    "threshold",
    "lesions",
    "volume_ml",
    "expected_precision",
    "expected_recall",
    "expected_dice",
    "expected_f2",
    "figures_from",
    "withheld",
    "model",
    "device",
    "seconds",
)


def result_summary(outcome, seconds: float) -> dict:
    """Return the ``KEYS`` of an ``engine.result.Outcome``; ``seconds`` is the wall time of the command."""
    made = outcome.probability_map.provenance
    model = made.get("model") or {}
    name = " ".join(filter(None, (model.get("name"), model.get("version")))) or None
    summary = {**outcome.summary(), "model": name, "device": made.get("device"), "seconds": round(seconds, 2)}
    return {key: summary[key] for key in KEYS}


def sentence(summary: dict) -> str:
    """Return ``summary`` as a line that a person reads."""
    count = summary["lesions"]
    lesions = "no lesion" if count == 0 else f"{count} lesion{'s' if count > 1 else ''}, {summary['volume_ml']:.2f} ml"
    setting = "" if summary["alpha"] is None else f" at alpha {summary['alpha']:.3g}, beta {summary['beta']:.3g}"
    threshold = "" if summary["threshold"] is None else f" (threshold {summary['threshold']:.3f})"
    figures = ", ".join(
        f"{word} {summary[key]:.2f}"
        for word, key in (
            ("precision", "expected_precision"),
            ("recall", "expected_recall"),
            ("Dice", "expected_dice"),
            ("F2", "expected_f2"),
        )
        if summary[key] is not None
    )
    expected = f"; {figures} ({summary['figures_from']})" if figures else ""
    if summary["withheld"]:
        expected = f"; expected figures {summary['figures_from'].rstrip('.')}"
    return f"{lesions}{setting}{threshold}{expected}; {summary['seconds']:.1f} s."


def print_summary(summary: dict, as_json: bool) -> None:
    """Print one JSON object, or one sentence, as the last line of stdout."""
    print(as_line(summary) if as_json else sentence(summary), flush=True)


def as_line(values: dict) -> str:
    """Return ``values`` as one line of JSON that every parser reads; a number that is none (NaN) becomes null."""
    plain = {key: None if value != value else value for key, value in values.items()}
    return json.dumps(plain, allow_nan=False)
