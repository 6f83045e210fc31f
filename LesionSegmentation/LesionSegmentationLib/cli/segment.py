"""``lesion-segmentation segment``: a study in, a result folder out."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from .progress import Progress
from .setting_options import add_setting_options, stated_setting
from .summary import print_summary, result_summary

DEFAULT_MODEL = "ms-flair"
CHANNELS = ("flair", "t1", "t2")


def add_parser(subparsers) -> argparse.ArgumentParser:
    """Add the subcommand to ``subparsers``."""
    parser = subparsers.add_parser(
        "segment",
        help="segment the lesions of a study",
        description="Segment the lesions of a study: image files (NIfTI, NRRD, MHA) or DICOM folders. The result lies "
        "on the grid of the FLAIR image; other channels are resampled to it. Without a setting: alpha = beta = 0.5.",
    )
    parser.add_argument("--flair", required=True, metavar="F", help="FLAIR image, the reference")
    parser.add_argument("--t1", metavar="F", help="T1-weighted image")
    parser.add_argument("--t2", metavar="F", help="T2-weighted image")
    parser.add_argument("--model", default=DEFAULT_MODEL, metavar="NAME|DIR", help="model bundle (%(default)s)")
    parser.add_argument("--device", default="auto", metavar="D", help="auto, cpu, cuda or cuda:N (%(default)s)")
    parser.add_argument("--output", required=True, metavar="DIR", help="folder that receives the results")
    parser.add_argument("--json", action="store_true", help="print the summary as one JSON object")
    add_setting_options(parser)
    parser.set_defaults(run=run)
    return parser


def run(arguments: argparse.Namespace) -> None:
    """Do what ``arguments`` ask; raises InputError for bad input, before any long work wherever it can be seen then."""
    from ..engine.errors import InputError
    from ..engine.output_folder import output_folder
    from ..engine.result import FILES, Outcome, check_minimum_volume, write_result
    from ..engine.setting import BALANCED

    start = time.monotonic()
    setting = stated_setting(arguments) or BALANCED
    minimum = check_minimum_volume(arguments.min_volume_ml or 0.0)
    paths = {channel: getattr(arguments, channel) for channel in CHANNELS if getattr(arguments, channel)}
    progress = Progress()
    try:
        with output_folder(arguments.output) as folder:
            written = {(folder / name).resolve() for name in FILES}
            for path in paths.values():
                if Path(path).resolve() in written:
                    raise InputError(f"{Path(path).name} would be overwritten by the result; choose another output.")
            probability_map = _probability_map(arguments, paths, setting, progress)
            progress("curve", 0.0)
            outcome = Outcome.of(probability_map, setting, minimum)
            progress("curve", 1.0)
            progress("write", 0.0)
            write_result(folder, outcome)
            progress("write", 1.0)
    finally:
        progress.close()
    print_summary(result_summary(outcome, time.monotonic() - start), arguments.json)


def _probability_map(arguments: argparse.Namespace, paths: dict[str, str], setting, progress: Progress):
    progress("read", 0.0)
    from ..engine.bundle import find_bundle
    from ..engine.errors import InputError
    from ..engine.operating_curve import NO_THRESHOLD
    from ..engine.process import process
    from ..engine.study import read_study

    bundle = find_bundle(arguments.model)
    if setting.threshold is not None and bundle.rho_range is not None:
        raise InputError(NO_THRESHOLD)
    study = read_study(paths, reference="flair")
    progress("read", 1.0)
    return process(study, bundle, arguments.device, progress=progress, log=progress.say)
