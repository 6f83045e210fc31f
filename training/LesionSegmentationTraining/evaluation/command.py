"""The ``evaluate`` command: a case table and a bundle, or anyone's masks, in; tables, a summary and plots out."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from LesionSegmentationLib.engine.errors import InputError

BETAS = (0.3, 0.5, 0.7, 0.9)
FAILED = 1
BAD_INPUT = 2


def main(arguments: list[str] | None = None) -> int:
    """Run the command with ``arguments`` (those of the process when None).

    Answers 0 when every case was judged, 1 when some failed (named, counted, and left out), 2 for bad input.
    """
    options = _parser().parse_args(arguments)
    try:
        return _run(options)
    except InputError as error:
        print(f"evaluate: {error}", file=sys.stderr)
        return BAD_INPUT


def _run(options: argparse.Namespace) -> int:
    from LesionSegmentationLib.engine.output_folder import output_folder

    from ..datasets import read_case_table
    from .evaluation import judge, write_evaluation

    betas = list(dict.fromkeys(options.beta))
    if not all(0 <= beta < 1 for beta in betas):
        raise InputError("Every --beta must be at least 0 and below 1 (alpha is 1 - beta).")
    if not 0 <= options.froc_level < 1:
        raise InputError("--froc-level must be at least 0 and below 1.")
    cases = [case for case in read_case_table(options.table) if options.split in (None, case.split)]
    if not cases:
        raise InputError(f"{options.table.name} holds no case of the split '{options.split}'; choose another --split.")
    if options.probabilities and options.predictions is None:
        raise InputError("--probabilities says what the files of --predictions are; give both.")
    source = _source(options)
    splits = sorted({case.split or "none" for case in cases})
    if len(splits) > 1:
        _say(
            f"The cases come from the splits {', '.join(splits)}: their common figures say little of new patients. "
            "Choose one with --split."
        )
    stated = {
        "table": options.table.name,
        "split": options.split,
        "beta": betas,
        "froc_level": options.froc_level,
        "device": options.device,
    }
    with output_folder(options.output) as folder:
        records, failed = judge(
            cases, source, folder / "cases", betas, options.froc_level, say=_say, progress=_line(sys.stderr)
        )
        write_evaluation(folder, records, failed, source, stated)
    print((options.output / "summary.md").read_text(encoding="utf-8"), end="")
    if failed:
        count = f"{len(failed)} of {len(cases)} cases failed: {', '.join(failed)}"
        print(f"evaluate: {count}; the figures are those of the others.", file=sys.stderr)
    return FAILED if failed else 0


def _source(options: argparse.Namespace):
    from .sources import ModelSource, PredictionFolder

    if options.predictions is not None:
        if not options.predictions.is_dir():
            raise InputError(f"There is no folder {options.predictions}; give --predictions one file per case.")
        return PredictionFolder(options.predictions, options.probabilities)
    from LesionSegmentationLib.engine.bundle import find_bundle
    from LesionSegmentationLib.engine.device import choose_device

    choose_device(options.device)  # a device that is not there is said before any work
    return ModelSource(find_bundle(options.model), options.device)


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _line(stream):
    """Progress within a case: a line that is drawn over on a terminal, nothing elsewhere."""

    def draw(stage: str, share: float) -> None:
        if stream.isatty():
            stream.write(f"\r\x1b[K  {stage} {share:.0%}\r")
            stream.flush()

    return draw


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="evaluate",
        description="Judge a model, or masks and probabilities that anyone made, by the masks of a case table. Lesions "
        "are 26-connected; any shared voxel counts as found. Finished cases are kept in OUTPUT/cases and taken over "
        "when model, files and settings are the same.",
        epilog="Exit code: 0 all cases judged, 1 some failed, 2 bad input. Research use, not a medical device.",
    )
    parser.add_argument("--table", type=Path, required=True, metavar="F", help="case table, .csv or .json")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--model", metavar="NAME|DIR", help="model bundle to run on every case")
    what.add_argument("--predictions", type=Path, metavar="DIR", help="folder with one image per case, named by its id")
    parser.add_argument(
        "--probabilities", action="store_true", help="the files of --predictions are probabilities, not masks"
    )
    parser.add_argument("--split", metavar="NAME", help="only the cases of this split (all)")
    parser.add_argument("--output", type=Path, required=True, metavar="DIR", help="folder that receives the results")
    parser.add_argument(
        "--beta", type=float, nargs="+", default=list(BETAS), metavar="B",
        help="settings, alpha = 1 - beta (0.3 0.5 0.7 0.9); a mask has none",
    )  # fmt: skip
    parser.add_argument(
        "--froc-level", type=float, default=0.5, metavar="P",
        help="probability above which the components of the FROC lie (%(default)s)",
    )  # fmt: skip
    parser.add_argument("--device", default="auto", metavar="D", help="auto, cpu, cuda or cuda:N (%(default)s)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
