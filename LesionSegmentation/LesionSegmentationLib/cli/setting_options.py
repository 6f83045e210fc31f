"""The options by which ``segment`` and ``retune`` take a setting."""

from __future__ import annotations

import argparse


def add_setting_options(parser: argparse.ArgumentParser) -> None:
    """Add --alpha with --beta, --fbeta, --threshold and --min-volume-ml to ``parser``."""
    group = parser.add_argument_group(
        "setting", "One of: --alpha with --beta, --fbeta, --threshold. The ratio beta / alpha is what counts."
    )
    group.add_argument("--alpha", type=float, metavar="A", help="weight of false positives, above 0")
    group.add_argument("--beta", type=float, metavar="B", help="weight of false negatives, 0 or more")
    group.add_argument("--fbeta", type=float, metavar="B", help="best for the F_beta score with this B")
    group.add_argument("--threshold", type=float, metavar="T", help="probability from which voxels are marked")
    group.add_argument("--min-volume-ml", type=float, metavar="V", help="leave out lesions smaller than V millilitres")


def stated_setting(arguments: argparse.Namespace):
    """Return the ``Setting`` that the options state, None when they state none; InputError for a bad one."""
    from ..engine.setting import Setting

    names = ("alpha", "beta", "fbeta", "threshold")
    stated = {name: getattr(arguments, name) for name in names if getattr(arguments, name) is not None}
    return Setting(**stated) if stated else None
