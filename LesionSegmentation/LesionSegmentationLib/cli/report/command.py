"""``lesion-segmentation report``: a result folder in, ``report.html`` beside its files out."""

from __future__ import annotations

import argparse
import importlib.util
import os
import tempfile
from pathlib import Path


def add_parser(subparsers) -> argparse.ArgumentParser:
    """Add the subcommand to ``subparsers``."""
    parser = subparsers.add_parser(
        "report",
        help="make an HTML report of a result",
        description="Write report.html into a result folder: overlay slices at three settings, the operating curve, "
        "the lesion table and the provenance in one file. Needs matplotlib.",
    )
    parser.add_argument("folder", metavar="DIR", help="output folder of an earlier segment")
    parser.add_argument("--flair", required=True, metavar="F", help="the FLAIR image that was segmented")
    parser.set_defaults(run=run)
    return parser


def run(arguments: argparse.Namespace) -> None:
    """Do what ``arguments`` ask; raises InputError for a foreign folder or another image, or without matplotlib."""
    from ...engine.errors import InputError

    if importlib.util.find_spec("matplotlib") is None:
        raise InputError("The report needs matplotlib; install it with: pip install 'lesion-segmentation[cli]'.")
    from ...engine.output_folder import output_folder
    from ...engine.result import REPORT, read_result
    from ...engine.volume import read_volume
    from .page import page

    result = read_result(arguments.folder)
    image = read_volume(arguments.flair)
    if not image.geometry.same_grid(result.probability_map.geometry):
        raise InputError(f"{image.name} lies on another grid than the result; give the image that was segmented.")
    stated = (result.provenance.get("inputs") or {}).get(result.provenance.get("reference"), {}).get("sha256")
    if stated and image.sha256 and stated != image.sha256:
        raise InputError(f"{image.name} is not the image that was segmented (its checksum differs); give that one.")
    with output_folder(result.folder) as folder:
        _replace_text(folder / REPORT, page(result, image))
    print(f"The report is {folder / REPORT}", flush=True)


def _replace_text(path: Path, text: str) -> None:
    """Write ``text`` beside ``path`` and rename it into place."""
    handle, name = tempfile.mkstemp(prefix=".unfinished-", dir=path.parent)
    partial = Path(name)
    try:
        with os.fdopen(handle, "w", encoding="utf-8") as stream:
            stream.write(text)
        partial.chmod(0o644)
        os.replace(partial, path)
    finally:
        partial.unlink(missing_ok=True)
