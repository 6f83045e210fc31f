"""``python -m LesionSegmentationTraining COMMAND``: from cases to a bundle that the Slicer module opens."""

from __future__ import annotations

import sys
from importlib import import_module

COMMANDS = {
    "prepare": ("preparation.command", "images and made-up patients to one cache file"),
    "fit": ("fitting.command", "a network to a cache; a run found in its folder goes on"),
    "validate": ("fitting.command", "measure a checkpoint on the cache's validation cases"),
    "test": ("fitting.command", "measure a checkpoint on the cache's test cases"),
    "export": ("fitting.command", "a checkpoint to a calibrated bundle with its card"),
    "evaluate": ("evaluation.command", "a bundle, or anyone's masks, on a case table"),
    "sweep": ("fitting.sweep", "many fits over settings, on this machine or a Ray cluster"),
}
USAGE = "usage: python -m LesionSegmentationTraining COMMAND ... (COMMAND --help tells more)\n\n" + "\n".join(
    f"  {name:<10}{text}" for name, (_, text) in COMMANDS.items()
)


def main(arguments: list[str] | None = None) -> int:
    """Run the command named by the first of ``arguments`` (those of the process when None); answers the exit code."""
    arguments = sys.argv[1:] if arguments is None else arguments
    if not arguments or arguments[0] in ("-h", "--help"):
        print(USAGE)
        return 0 if arguments else 2
    if arguments[0] not in COMMANDS:
        print(f"error: there is no command '{arguments[0]}'.\n\n{USAGE}", file=sys.stderr)
        return 2
    module, _ = COMMANDS[arguments[0]]
    command = import_module(f".{module}", __package__)
    # the fitting commands share one parser, which wants the command's name
    return command.main(arguments if module == "fitting.command" else arguments[1:]) or 0


if __name__ == "__main__":
    sys.exit(main())
