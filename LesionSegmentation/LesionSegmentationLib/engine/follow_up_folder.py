"""A follow-up folder: what changed between two studies, as files.

changes.csv       one row a change, by class, then largest first
changes.nii.gz    uint8 in the halfway space: 1 new, 2 grown, 3 shrunk, 4 gone, 5 unchanged
earlier.nii.gz    float32, the earlier reference image in the halfway space
later.nii.gz      the same of the later one
follow_up.json    the table, the provenance of both studies, registration, common level, limits, warnings, versions
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from . import provenance as provenance_file
from .change_table import change_rows, write_changes
from .errors import InputError
from .follow_up import FollowUp
from .follow_up_alignment import TimePoint
from .lesion_changes import CLASSES
from .output_folder import replacing
from .probability_map import ProbabilityMap
from .result import Result
from .volume import read_volume, write_volume

CHANGES, LABELS, EARLIER, LATER = "changes.csv", "changes.nii.gz", "earlier.nii.gz", "later.nii.gz"
DESCRIPTION = "follow_up.json"
# The description comes last, see ``replacing``.
FILES = (CHANGES, LABELS, EARLIER, LATER, DESCRIPTION)
SCHEMA = 1
_KEPT = ("inputs", "reference", "model", "probability_sha256", "written", "drawn_as", "edited_voxels")


def write_follow_up(folder: Path, follow_up: FollowUp) -> None:
    """Write the ``FILES`` of ``follow_up`` to ``folder`` (which exists): all of them, or nothing at all."""
    with replacing(folder, FILES) as prepared:
        write_changes(prepared / CHANGES, follow_up)
        write_volume(prepared / LABELS, follow_up.labels, follow_up.geometry)
        for name, image in zip((EARLIER, LATER), follow_up.pair.images):
            write_volume(prepared / name, image, follow_up.geometry)
        provenance_file.write(prepared / DESCRIPTION, describe(follow_up))


def describe(follow_up: FollowUp) -> dict:
    """Return everything but the voxels, ready for JSON."""
    pair, point, limit = follow_up.pair, follow_up.point, follow_up.limit
    to_halfway = [matrix.tolist() for matrix in pair.to_halfway]
    studies = {
        word: {**_study(probability_map), "drawn": drawn, "to_halfway_ras": matrix}
        for word, probability_map, drawn, matrix in zip(("earlier", "later"), pair.maps, pair.drawn, to_halfway)
    }
    return {
        "format": "LesionSegmentation follow-up",
        "schema": SCHEMA,
        "notice": "Research use, not a medical device.",
        **studies,
        "registration": pair.registration.to_dict(),
        "halfway_geometry": follow_up.geometry.to_dict(),
        "setting": {
            "stated": follow_up.setting.stated(),
            "alpha": point.alpha,
            "beta": point.beta,
            "threshold": point.probability_threshold,
            **({} if point.of_probability else {"score_level": point.threshold}),
            "level_from": "the operating curve of both time points together",
            "minimum_volume_ml": follow_up.minimum_volume_ml,
        },
        "limit": {
            "change_ml": limit.ml,
            "change_share_of_earlier": limit.share,
            "new_or_gone_ml": limit.single_ml,
            "from": "chosen, not measured",
        },
        "labels": {str(value): name for value, name in enumerate(CLASSES, start=1)},
        "warning": follow_up.warning,
        "notes": follow_up.notes,
        "summary": follow_up.summary(),
        "changes": change_rows(follow_up),
        "versions": provenance_file.versions(),
        "written": provenance_file.now(),
    }


def time_point(result: Result, image: str | Path | None, word: str) -> TimePoint:
    """Return a result folder as a TimePoint, with the reference ``image`` or one of its name in or beside the folder.

    ``word``: "earlier" or "later". Raises InputError when there is none, or when it is not what was segmented.
    """
    made = result.provenance
    stated = (made.get("inputs") or {}).get(made.get("reference")) or {}
    volume = read_volume(image or _image_beside(result.folder, stated.get("name"), word))
    if stated.get("sha256") and volume.sha256 and stated["sha256"] != volume.sha256:
        raise InputError(
            f"{volume.name} is not the image that the result in '{result.folder.name}' was made of (its checksum "
            f"differs); name the right one with --{word}-image."
        )
    kept = {key: made[key] for key in ("probability_sha256", "written") if key in made}
    found = result.probability_map
    return TimePoint(volume, replace(found, provenance={**found.provenance, **kept}))


def _image_beside(folder: Path, name: str | None, word: str) -> Path:
    for place in (folder, folder.parent) if name else ():
        if (place / name).exists():
            return place / name
    raise InputError(
        f"The image of the {word} study{f', {name},' if name else ''} is neither in the folder '{folder.name}' nor "
        f"beside it; name it with --{word}-image."
    )


def _study(probability_map: ProbabilityMap) -> dict:
    """What made one of the two maps."""
    made = probability_map.provenance
    return {
        **{key: made[key] for key in _KEPT if key in made},
        "calibration": probability_map.calibration,
        "floor": probability_map.floor,
    }
