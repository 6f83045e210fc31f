"""``lesion-segmentation evaluate``: how well two masks agree."""

from __future__ import annotations

import argparse

from .summary import as_line

WORDS = {
    "dice": "Dice",
    "precision": "Precision",
    "recall": "Recall",
    "f1": "F1",
    "f2": "F2",
    "volume_difference": "Relative volume difference",
    "lesion_tpr": "Lesions found (lesion-wise true positive rate)",
    "lesion_fdr": "False lesions (lesion-wise false discovery rate)",
    "assd_mm": "Average symmetric surface distance (mm)",
}


def add_parser(subparsers) -> argparse.ArgumentParser:
    """Add the subcommand to ``subparsers``."""
    parser = subparsers.add_parser(
        "evaluate",
        help="compare a segmentation with a reference",
        description="Compare two masks on the same grid, voxel by voxel and lesion by lesion (26-connected, any "
        "overlap counts as found).",
    )
    parser.add_argument("--prediction", required=True, metavar="F", help="mask to judge")
    parser.add_argument("--reference", required=True, metavar="F", help="mask to judge it by")
    parser.add_argument("--json", action="store_true", help="print one JSON object; null where undefined")
    parser.set_defaults(run=run)
    return parser


def run(arguments: argparse.Namespace) -> None:
    """Do what ``arguments`` ask; raises InputError for a file that is no mask or masks on different grids."""
    from ..engine.agreement import agreement
    from ..engine.volume import read_mask

    figures = agreement(read_mask(arguments.prediction), read_mask(arguments.reference))
    if arguments.json:
        print(as_line(figures))
        return
    for key, value in figures.items():
        print(f"{WORDS.get(key, key.replace('_', ' ')):<50} {_text(value)}")


def _text(value: float | int | None) -> str:
    if value is None or value != value:
        return "undefined"
    return str(value) if isinstance(value, int) else f"{value:.4f}"
