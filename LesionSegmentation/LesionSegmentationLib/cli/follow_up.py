"""``lesion-segmentation follow-up``: two results of one patient in, what changed out."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from .progress import Progress
from .setting_options import add_setting_options, stated_setting
from .summary import as_line


def add_parser(subparsers) -> argparse.ArgumentParser:
    """Add the subcommand to ``subparsers``."""
    parser = subparsers.add_parser(
        "follow-up",
        help="compare two results of one patient",
        description="Compare two results of one patient: the heads are registered rigidly, both results resampled to "
        "the space halfway between them, cut at one common level and matched lesion by lesion. Without a setting: "
        "alpha = beta = 0.5. The images are looked for in and beside the result folders.",
    )
    parser.add_argument("earlier", metavar="EARLIER_RESULT", help="output folder of segment, the earlier study")
    parser.add_argument("later", metavar="LATER_RESULT", help="output folder of segment, the later study")
    parser.add_argument("--output", required=True, metavar="DIR", help="folder that receives the comparison")
    for word in ("earlier", "later"):
        parser.add_argument(f"--{word}-image", metavar="F", help=f"reference image (FLAIR) of the {word} study")
    parser.add_argument("--json", action="store_true", help="print the summary as one JSON object")
    _add_limit_options(parser)
    add_setting_options(parser)
    parser.set_defaults(run=run)
    return parser


def run(arguments: argparse.Namespace) -> None:
    """Do what ``arguments`` ask; raises InputError for bad input."""
    from ..engine.errors import InputError
    from ..engine.follow_up import Comparison
    from ..engine.follow_up_alignment import align
    from ..engine.follow_up_folder import time_point, write_follow_up
    from ..engine.output_folder import output_folder
    from ..engine.result import check_minimum_volume, read_result
    from ..engine.setting import BALANCED

    start = time.monotonic()
    setting, limit = stated_setting(arguments) or BALANCED, _stated_limit(arguments)
    minimum = check_minimum_volume(arguments.min_volume_ml or 0.0)
    if Path(arguments.earlier).resolve() == Path(arguments.later).resolve():
        raise InputError("The earlier and the later result are the same folder; give two.")
    progress = Progress()
    try:
        progress("read", 0.0)
        points = [
            time_point(read_result(getattr(arguments, word)), getattr(arguments, f"{word}_image"), word)
            for word in ("earlier", "later")
        ]
        progress("read", 1.0)
        with output_folder(arguments.output) as folder:
            _check_output(folder)
            pair = align(*points, progress=progress)
            progress("curve", 0.0)
            follow_up = Comparison(pair).at(setting, limit, minimum)
            progress("curve", 1.0)
            progress("write", 0.0)
            write_follow_up(folder, follow_up)
            progress("write", 1.0)
        for sentence in filter(None, (*follow_up.notes, follow_up.warning)):
            progress.say(sentence)
    finally:
        progress.close()
    summary = {**follow_up.summary(), "seconds": round(time.monotonic() - start, 2)}
    print(as_line(summary) if arguments.json else sentence_of(summary), flush=True)


def sentence_of(summary: dict) -> str:
    """Return the summary of a ``FollowUp``, with ``seconds``, as a line that a person reads."""
    from ..engine.lesion_changes import CLASSES

    counts = ", ".join(f"{summary[name]} {name}" for name in CLASSES)
    setting = "" if summary["alpha"] is None else f" at alpha {summary['alpha']:.3g}, beta {summary['beta']:.3g}"
    threshold = "" if summary["threshold"] is None else f" (common threshold {summary['threshold']:.3f})"
    volumes = f"{summary['earlier_ml']:.2f} ml before, {summary['later_ml']:.2f} ml after"
    failed = " THE REGISTRATION SEEMS TO HAVE FAILED, see above;" if summary["registration_warning"] else ""
    return f"{counts}; {volumes}{setting}{threshold};{failed} {summary['seconds']:.1f} s."


def _add_limit_options(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group(
        "limits", "What counts as a change; these are choices, not measured figures, and depend on scanner and model."
    )
    group.add_argument("--limit-ml", type=float, metavar="V", help="least change in ml to have grown or shrunk (0.05)")
    group.add_argument(
        "--limit-percent", type=float, metavar="P", help="and least change in per cent of the earlier volume (25)"
    )
    group.add_argument("--limit-new-ml", type=float, metavar="V", help="least volume in ml to be new or gone (0.014)")


def _stated_limit(arguments: argparse.Namespace):
    from ..engine.lesion_changes import ChangeLimit

    percent = arguments.limit_percent
    stated = {
        "ml": arguments.limit_ml,
        "share": None if percent is None else percent / 100,
        "single_ml": arguments.limit_new_ml,
    }
    return ChangeLimit(**{name: value for name, value in stated.items() if value is not None})


def _check_output(folder: Path) -> None:
    """An earlier comparison may be replaced; an image that happens to be called earlier.nii.gz may not."""
    from ..engine.errors import InputError
    from ..engine.follow_up_folder import DESCRIPTION, FILES

    taken = [name for name in FILES if (folder / name).exists()]
    if taken and DESCRIPTION not in taken:
        raise InputError(
            f"{taken[0]} in '{folder.name}' is of another making and would be lost; choose another output."
        )
