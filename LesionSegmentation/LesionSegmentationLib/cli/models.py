"""``lesion-segmentation models``: the bundles at hand and their state."""

from __future__ import annotations

import argparse
import json


def add_parser(subparsers) -> argparse.ArgumentParser:
    """Add the subcommand to ``subparsers``."""
    parser = subparsers.add_parser(
        "models",
        help="list the installed models",
        description="List the installed models: task, channels, licence, training weights, calibration error, "
        "the range of studies it was measured on, and whether the weights have the checksum that the bundle states.",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    parser.set_defaults(run=run)
    return parser


def run(arguments: argparse.Namespace) -> None:
    """Print every bundle in the model folders, broken ones with the reason."""
    from ..engine.bundle import Bundle, list_bundles

    rows = [_row(found) if isinstance(found, Bundle) else _broken_row(found) for found in list_bundles()]
    if arguments.json:
        print(json.dumps({"models": rows}, allow_nan=False))
        return
    if not rows:
        print("No model is installed.")
    for row in rows:
        _print_row(row)


def _row(bundle) -> dict:
    description = bundle.description
    training = description["training"]
    return {
        "name": bundle.name,
        "version": bundle.version,
        "title": description["title"],
        "task": description["task"],
        "channels": [{"name": name, "required": required} for name, required in bundle.channels],
        "licence": description["licence"],
        "training_alpha": training.get("alpha"),
        "training_beta": training.get("beta"),
        "training_rho": None if bundle.rho_range is None else list(bundle.rho_range),
        "calibration_error": description["calibration"].get("error"),
        "validated": description.get("validated"),
        "runtime": bundle.runtime,
        "state": "ok",
    }


def _broken_row(bundle) -> dict:
    return {"name": bundle.name, "state": "broken", "reason": bundle.reason}


def _print_row(row: dict) -> None:
    from ..engine.validated_range import validated_in_words

    if row["state"] != "ok":
        print(f"{row['name']}\n  cannot be used: {row['reason']}")
        return
    channels = ", ".join(c["name"] + ("" if c["required"] else " (optional)") for c in row["channels"])
    weights = [row["training_alpha"], row["training_beta"]]
    trained = "not stated" if None in weights else f"alpha {weights[0]:g}, beta {weights[1]:g}"
    if row["training_rho"] is not None:
        trained = "every beta / alpha from {:g} to {:g}".format(*row["training_rho"])
    error = "not stated" if row["calibration_error"] is None else f"{row['calibration_error']:.3f}"
    print(f"{row['name']} {row['version']}: {row['title']}")
    print(f"  task               {row['task']}")
    print(f"  channels           {channels}")
    print(f"  licence            {row['licence']}")
    print(f"  training weights   {trained}")
    print(f"  calibration error  {error}")
    print(f"  validated on       {'; '.join(validated_in_words(row['validated'] or {})) or 'not stated'}")
    if row["runtime"] != "engine":
        print(f"  runs with          {row['runtime']}, in a process of its own")
    print("  checksum           ok")
