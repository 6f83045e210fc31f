"""All that is kept of one judged case: enough for every table, summary and plot, without its images."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Sequence
from pathlib import Path
from urllib.parse import quote

from LesionSegmentationLib import __version__
from LesionSegmentationLib.engine.provenance import now

from ..datasets.case_files import CaseFiles
from .figures import figures_of
from .froc import findings
from .lesion_figures import lesions_found
from .score_figures import precision_recall, score_figures
from .settings import figures_at
from .sources import Answer, ModelSource, PredictionFolder, checksums
from .tables import write_json

# Rises when a record holds other figures than before, so that older records are not taken over.
FORMAT = 1


def case_record(
    case: CaseFiles,
    source: ModelSource | PredictionFolder,
    folder: Path,
    betas: Sequence[float],
    level: float = 0.5,
    progress: Callable[[str, float], None] = lambda stage, share: None,
) -> tuple[dict, bool]:
    """Return the record of ``case`` and whether it was there already, as ``folder/<id>.json``.

    A stored record counts when model, files (by checksum), settings and the version of this code are the same; else it
    is made anew and written. ``betas``: settings, alpha = 1 - beta. ``level``: probability above which the components
    of the FROC lie. Ready for JSON: ``id``, ``patient``, ``key``, ``inputs`` (checksums), ``made``, ``notes``,
    ``settings`` (rows of figures, each with ``beta``, None for a mask), ``lesions`` (for each of those, every reference
    lesion with whether it is found), and for a posterior ``score``, ``curve`` and ``findings``, else None.
    """
    inputs = checksums(source.files(case))
    path = folder / f"{quote(case.id, safe=' ')}.json"
    key = _key(case, source, inputs, betas, level)
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        if stored["key"] == key:
            return stored, True
    except (OSError, ValueError, KeyError, TypeError):
        pass  # none, an unfinished one, or something else
    answer = source.answer(case, progress)
    record = {
        "id": case.id,
        "patient": case.patient,
        "key": key,
        "inputs": inputs,
        "made": now(),
        "notes": list(answer.notes),
        **(_of_mask(answer) if answer.curve is None else _of_posterior(answer, betas, level)),
    }
    write_json(path, record)
    return record, False


def _of_mask(answer: Answer) -> dict:
    row = {"beta": None, **figures_of(answer.mask, answer.reference, answer.spacing)}
    lesions = [lesions_found(answer.mask, answer.reference, float(answer.spacing.prod()) / 1000)]
    return {"settings": [row], "lesions": lesions, "score": None, "curve": None, "findings": None}


def _of_posterior(answer: Answer, betas: Sequence[float], level: float) -> dict:
    voxel_ml = answer.curve.geometry.voxel_ml
    masks = [answer.curve.mask(answer.curve.at(1 - beta, beta)) != 0 for beta in betas]
    return {
        "settings": figures_at(answer.curve, answer.reference, betas),
        "lesions": [lesions_found(mask, answer.reference, voxel_ml) for mask in masks],
        "score": score_figures(answer.probability, answer.reference),
        "curve": precision_recall(answer.probability.ravel(), answer.reference.ravel()),
        "findings": findings(answer.probability, answer.reference, voxel_ml, level).to_dict(),
    }


def _key(case: CaseFiles, source, inputs: dict, betas: Sequence[float], level: float) -> str:
    facts = {
        "format": FORMAT,
        "version": __version__,
        "patient": case.patient,
        "values": [list(case.mask_values), list(case.lesion_values)],
        "channels": list(case.channels),
        "source": source.facts,
        "inputs": inputs,
        "betas": [float(beta) for beta in betas],
        "level": level,
    }
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()
