"""What the worker leaves behind for whoever gave it the job: the posterior (and the score of a conditioned head), what
made it, and the component tree.

The tree takes about as long as everything else that a viewer has to do, so the worker makes it.
"""

from __future__ import annotations

import json
import os
import shutil
import uuid
from pathlib import Path
from zipfile import BadZipFile

import numpy as np

from .component_tree import ComponentTree
from .conditioned_score import ConditionedScore, rho_range
from .errors import InputError
from .geometry import Geometry
from .probability_map import ProbabilityMap

SCHEMA = 1
_PROBABILITY, _SCORE, _TREE, _RESULT = "probability.npy", "score.npy", "component_tree.npz", "result.json"


def check_job_folder(folder: Path) -> None:
    """Raise InputError unless ``folder`` may become a job folder: absent, empty, or left by an earlier job."""
    if not folder.exists():
        return
    if not folder.is_dir() or {path.name for path in folder.iterdir()} - {_PROBABILITY, _SCORE, _TREE, _RESULT}:
        raise InputError(f"The output folder '{folder.name}' holds other files already; choose a new one.")


def write_job(folder: Path, probability_map: ProbabilityMap, tree: ComponentTree) -> None:
    """Write ``probability_map`` and the ``tree`` of its operating curve to ``folder``.

    They are written into a folder beside it, which is renamed into place when it is whole.

    Raises InputError when that is not possible; ``folder`` is then as it was.
    """
    partial = folder.with_name(f".unfinished-{uuid.uuid4().hex}")
    earlier = partial.with_name(partial.name + "-earlier")
    try:
        partial.mkdir()
        np.save(partial / _PROBABILITY, probability_map.array.astype(np.float32, copy=False))
        np.savez(partial / _TREE, **tree.arrays())
        result = {
            "schema": SCHEMA,
            "geometry": probability_map.geometry.to_dict(),
            "model": probability_map.provenance.get("model"),
            "calibration": probability_map.calibration,
            "floor": probability_map.floor,
            "provenance": probability_map.provenance,
        }
        if probability_map.score is not None:
            np.save(partial / _SCORE, probability_map.score.array)
            result["score"] = probability_map.score.entry
        (partial / _RESULT).write_text(json.dumps(result, indent=2, allow_nan=False) + "\n", encoding="utf-8")
        if folder.exists():
            os.replace(folder, earlier)
        os.replace(partial, folder)
    except OSError as error:
        if earlier.exists() and not folder.exists():
            os.replace(earlier, folder)
        raise InputError(
            f"The output folder '{folder.name}' cannot be written ({error.strerror or error}); choose another one."
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)
        shutil.rmtree(earlier, ignore_errors=True)


def load_job(folder: str | Path) -> tuple[ProbabilityMap, ComponentTree]:
    """Return what the worker wrote to ``folder``. Raises InputError when it is not whole."""
    folder = Path(folder)
    try:
        result = json.loads((folder / _RESULT).read_text(encoding="utf-8"))
        if result["schema"] != SCHEMA:
            raise ValueError(f"schema {result['schema']} instead of {SCHEMA}")
        rho = rho_range(result.get("score"), _RESULT)
        score = None if rho is None else ConditionedScore(np.load(folder / _SCORE, allow_pickle=False), *rho)
        probability_map = ProbabilityMap(
            array=np.load(folder / _PROBABILITY, allow_pickle=False),
            geometry=Geometry.from_dict(result["geometry"]),
            calibration=result["calibration"],
            floor=result["floor"],
            provenance=result["provenance"],
            score=score,
        )
        with np.load(folder / _TREE, allow_pickle=False) as arrays:
            return probability_map, ComponentTree.from_arrays(dict(arrays))
    except (OSError, ValueError, KeyError, TypeError, BadZipFile) as error:
        raise InputError(f"The folder '{folder.name}' holds no whole result; segment the study again.") from error
