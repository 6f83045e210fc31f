"""``provenance.json``: what a result was made from, with what, and at which setting.

Inputs are named by their base name and checksum; no path and nothing of a DICOM header is ever written.
"""

from __future__ import annotations

import json
import platform
from datetime import UTC, datetime
from importlib import metadata
from pathlib import Path

from .. import __version__
from .errors import InputError
from .geometry import Geometry
from .probability_map import ProbabilityMap

FILE = "provenance.json"
SCHEMA = 1
_FORMAT = "LesionSegmentation result"


def describe(probability_map: ProbabilityMap, probability_sha256: str, score_sha256: str | None = None) -> dict:
    """Return the part of the provenance that no later setting changes, ready for JSON.

    ``probability_sha256``: checksum of the stored probability file, by which it is recognised again; ``score_sha256``:
    that of the score of a conditioned head, where there is one.
    """
    score = probability_map.score
    return {
        "format": _FORMAT,
        "schema": SCHEMA,
        "notice": "Research use, not a medical device.",
        **probability_map.provenance,
        "calibration": probability_map.calibration,
        "floor": probability_map.floor,
        "geometry": probability_map.geometry.to_dict(),
        "probability_sha256": probability_sha256,
        **({} if score is None else {"score": score.entry, "score_sha256": score_sha256}),
        "versions": versions(),
        "written": now(),
    }


def write(path: Path, provenance: dict) -> None:
    """Write ``provenance`` to ``path`` as JSON that every parser reads (no NaN)."""
    path.write_text(json.dumps(provenance, indent=2, allow_nan=False) + "\n", encoding="utf-8")


def read(folder: Path) -> dict:
    """Return the provenance of the result in ``folder``; InputError when it is no whole result of this program."""
    path = folder / FILE
    if not path.is_file():
        raise InputError(
            f"'{folder.name}' holds no result: there is no {FILE}; give the output folder of an earlier segmentation."
        )
    try:
        provenance = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{FILE} in '{folder.name}' cannot be read; segment the study again.") from error
    if not isinstance(provenance, dict) or provenance.get("format") != _FORMAT:
        raise InputError(f"{FILE} in '{folder.name}' was not written by this program; give a folder that was.")
    if provenance.get("schema") != SCHEMA:
        raise InputError(
            f"The result in '{folder.name}' has schema {provenance.get('schema')}, this version reads schema {SCHEMA}; "
            "segment the study again."
        )
    for field in ("calibration", "floor", "geometry", "probability_sha256", "settings"):
        if field not in provenance:
            raise InputError(f"{FILE} in '{folder.name}' has no '{field}' any more; segment the study again.")
    return provenance


def stored_geometry(provenance: dict) -> Geometry:
    """Return the geometry of the result, to the last bit what the segmentation ran on."""
    try:
        return Geometry.from_dict(provenance["geometry"])
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"The geometry in {FILE} is damaged; segment the study again.") from error


def versions() -> dict[str, str | None]:
    """Return the versions of the package, its libraries, Python and the operating system; None where unknown."""
    found = {name: _version(name) for name in ("torch", "numpy", "scipy", "SimpleITK")}
    return {
        "LesionSegmentation": __version__,
        **found,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
    }


def now() -> str:
    """Return the present time, UTC, ISO 8601, to the second."""
    return datetime.now(UTC).isoformat(timespec="seconds")


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None
