"""Maps and aligned pairs as plain arrays in folders, between the worker and whoever gave it a follow-up."""

from __future__ import annotations

import json
import os
import shutil
import uuid
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from .conditioned_score import ConditionedScore, rho_range
from .errors import InputError
from .follow_up_alignment import AlignedPair
from .geometry import Geometry
from .probability_map import ProbabilityMap
from .registration import Registration

SCHEMA = 1
_DESCRIPTION = "alignment.json"
_MAP = "map.json"


def write_map(folder: Path, probability_map: ProbabilityMap) -> None:
    """Write ``probability_map`` to ``folder``, which is made. Raises OSError when the disk does not take it."""
    folder.mkdir()
    np.save(folder / "probability.npy", probability_map.array)
    score = probability_map.score
    if score is not None:
        np.save(folder / "score.npy", score.array)
    described = {
        "geometry": probability_map.geometry.to_dict(),
        "calibration": probability_map.calibration,
        "floor": probability_map.floor,
        "provenance": probability_map.provenance,
        "score": None if score is None else score.entry,
    }
    (folder / _MAP).write_text(json.dumps(described, allow_nan=False), encoding="utf-8")


def load_map(folder: Path) -> ProbabilityMap:
    """Return what :func:`write_map` wrote to ``folder``; OSError, ValueError or KeyError when it is not whole."""
    described = json.loads((folder / _MAP).read_text(encoding="utf-8"))
    rho = rho_range(described["score"], _MAP)
    return ProbabilityMap(
        array=np.load(folder / "probability.npy", allow_pickle=False),
        geometry=Geometry.from_dict(described["geometry"]),
        calibration=described["calibration"],
        floor=described["floor"],
        provenance=described["provenance"],
        score=None if rho is None else ConditionedScore(np.load(folder / "score.npy", allow_pickle=False), *rho),
    )


def write_alignment(folder: Path, pair: AlignedPair) -> None:
    """Write ``pair`` to ``folder`` (absent), which appears when it is whole. Raises InputError when it cannot."""
    partial = folder.with_name(f".unfinished-{uuid.uuid4().hex}")
    try:
        partial.mkdir()
        for word, image, probability_map in zip(("earlier", "later"), pair.images, pair.maps):
            write_map(partial / word, probability_map)
            np.save(partial / f"{word}.npy", image)
        np.save(partial / "seen.npy", pair.seen)
        described = {
            "schema": SCHEMA,
            "drawn": list(pair.drawn),
            "registration": pair.registration.to_dict(),
            "notes": list(pair.notes),
        }
        (partial / _DESCRIPTION).write_text(json.dumps(described, allow_nan=False), encoding="utf-8")
        os.replace(partial, folder)
    except OSError as error:
        raise InputError(
            f"The output folder '{folder.name}' cannot be written ({error.strerror or error}); choose another one."
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def load_alignment(folder: str | Path) -> AlignedPair:
    """Return what :func:`write_alignment` wrote to ``folder``. Raises InputError when it is not whole."""
    folder = Path(folder)
    try:
        described = json.loads((folder / _DESCRIPTION).read_text(encoding="utf-8"))
        if described["schema"] != SCHEMA:
            raise ValueError(f"schema {described['schema']} instead of {SCHEMA}")
        return AlignedPair(
            images=tuple(np.load(folder / f"{word}.npy", allow_pickle=False) for word in ("earlier", "later")),
            maps=tuple(load_map(folder / word) for word in ("earlier", "later")),
            drawn=tuple(described["drawn"]),
            seen=np.load(folder / "seen.npy", allow_pickle=False),
            registration=Registration.from_dict(described["registration"]),
            notes=tuple(described["notes"]),
        )
    except (OSError, ValueError, KeyError, TypeError, BadZipFile) as error:
        raise InputError(f"The folder '{folder.name}' holds no whole comparison; compare the studies again.") from error
