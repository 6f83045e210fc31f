"""``lesion-segmentation``: parse, run one subcommand, and turn what happened into an exit code.

0: everything asked for was written. 1: an unexpected failure. 2: bad input, said in one sentence. 130: Ctrl-C.
"""

from __future__ import annotations

import argparse
import sys
import traceback

from ..engine.errors import InputError
from . import evaluate, follow_up, models, retune, segment
from .report import command as report

EPILOG = "Research use, not a medical device."


class OneSentenceParser(argparse.ArgumentParser):
    """Says what is wrong with the arguments in one line, as every other bad input is said."""

    def __init__(self, *arguments, **options):
        super().__init__(*arguments, allow_abbrev=False, **options)

    def error(self, message: str):
        self.exit(2, f"{self.prog}: {message}; see {self.prog} --help.\n")


def build_parser() -> argparse.ArgumentParser:
    """Return the parser of all subcommands; each sets ``run``, the function that does it."""
    parser = OneSentenceParser(
        prog="lesion-segmentation",
        description="Segment lesions in brain MRI and choose afterwards between fewer missed and fewer false ones.",
        epilog=EPILOG,
    )
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)
    for command in (segment, retune, follow_up, report, evaluate, models):
        subparser = command.add_parser(subparsers)
        subparser.epilog = EPILOG
        subparser.add_argument("--debug", action="store_true", help="show the traceback of a failure")
    return parser


def main(argv: list[str] | None = None) -> int:
    """Run the command line with ``argv`` (that of the process when None) and return the exit code."""
    try:
        arguments = build_parser().parse_args(argv)
    except SystemExit as request:
        return int(request.code or 0)
    try:
        arguments.run(arguments)
        return 0
    except InputError as error:
        return _failed(2, str(error), arguments.debug)
    except KeyboardInterrupt:
        return _failed(130, "Cancelled; nothing was written.", arguments.debug)
    except Exception as error:
        hint = "" if arguments.debug else " Run again with --debug to see where."
        sentence = f"Unexpected failure ({type(error).__name__}: {error})."
        return _failed(1, sentence + hint, arguments.debug)


def _failed(code: int, sentence: str, debug: bool) -> int:
    """Say on stderr what happened, on one line, after the traceback of the exception at hand when ``debug``."""
    if debug:
        traceback.print_exc()
    print(f"lesion-segmentation: {' '.join(sentence.split())}", file=sys.stderr)
    return code


if __name__ == "__main__":
    sys.exit(main())
