"""``lesion-segmentation retune``: another setting for a result that is there, without running the network."""

from __future__ import annotations

import argparse
import time

from .setting_options import add_setting_options, stated_setting
from .summary import print_summary, result_summary


def add_parser(subparsers) -> argparse.ArgumentParser:
    """Add the subcommand to ``subparsers``."""
    parser = subparsers.add_parser(
        "retune",
        help="rewrite a result at another setting",
        description="Rewrite the segmentation and the lesion table of a result at another setting, voxel for voxel "
        "what segment gives there, without running the network. The minimum volume stays unless another one is given.",
    )
    parser.add_argument("folder", metavar="DIR", help="output folder of an earlier segment")
    parser.add_argument("--json", action="store_true", help="print the summary as one JSON object")
    add_setting_options(parser)
    parser.set_defaults(run=run)
    return parser


def run(arguments: argparse.Namespace) -> None:
    """Do what ``arguments`` ask; raises InputError for a bad setting or folder."""
    from ..engine.errors import InputError
    from ..engine.result import retune

    start = time.monotonic()
    setting = stated_setting(arguments)
    if setting is None and arguments.min_volume_ml is None:
        raise InputError("Say what to change: --alpha with --beta, --fbeta, --threshold or --min-volume-ml.")
    outcome = retune(arguments.folder, setting, arguments.min_volume_ml)
    print_summary(result_summary(outcome, time.monotonic() - start), arguments.json)
