"""From figures per case to figures per patient and over patients."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from .froc import Findings, froc
from .isbi_score import isbi_score, volume_correlation

# Below this many patients every patient is shown and no interval: a bootstrap of a handful says little.
FEWEST = 10
DRAWS = 10_000
SEED = 0
# What identifies a row or is no figure of merit to average.
_NAMES = ("case", "patient", "beta", "setting")


def per_patient(rows: Sequence[dict]) -> list[dict]:
    """Average the rows of each ``patient`` (its time points), figure by figure; None is left out of the mean.

    ``rows``: of one setting, each with ``patient``. A figure that no time point of a patient has is None. ``cases``:
    the number of rows that went in. Patients in the order in which they come.
    """
    averaged = []
    for patient in dict.fromkeys(row["patient"] for row in rows):
        own = [row for row in rows if row["patient"] == patient]
        means = {name: _mean([row.get(name) for row in own]) for name in figure_names(own)}
        averaged.append({"patient": patient, "cases": len(own), **means})
    return averaged


def figure_names(rows: Sequence[dict]) -> list[str]:
    """Return the names of the figures in ``rows``, in the order in which they come."""
    names = dict.fromkeys(name for row in rows for name in row if name not in _NAMES)
    return [name for name in names if all(isinstance(row.get(name), int | float | None) for row in rows)]


def summarise(rows: Sequence[dict], seed: int = SEED) -> dict[str, dict]:
    """Return, for every figure of ``rows`` (of one setting), its summary over patients.

    Each entry: ``patients`` (that have the figure), ``mean``, ``median`` and ``interval``, the bootstrap 95% interval
    of the mean over patients, None below ten of them.
    """
    patients = per_patient(rows)
    return {name: _summary([row[name] for row in patients], seed) for name in figure_names(rows)}


def bootstrap_interval(
    values: Sequence, statistic: Callable | None = None, draws: int = DRAWS, seed: int = SEED
) -> list[float] | None:
    """Return the 2.5th and 97.5th percentile of a statistic over draws of as many ``values`` with replacement.

    ``statistic``: of a list of values, by default their mean; a draw for which it is None is left out. The same
    ``seed`` gives the same interval. None for fewer than ten values (Efron 1979, percentile method).
    """
    if len(values) < FEWEST:
        return None
    rng = np.random.default_rng(seed)
    chosen = rng.integers(len(values), size=(draws, len(values)))
    if statistic is None:
        drawn = np.asarray(values, float)[chosen].mean(axis=1)
    else:
        drawn = [statistic([values[n] for n in draw]) for draw in chosen]
        drawn = np.array([value for value in drawn if value is not None], float)
    return [float(end) for end in np.percentile(drawn, [2.5, 97.5])] if len(drawn) else None


def volume_summary(rows: Sequence[dict]) -> dict[str, float | None]:
    """Return Pearson's r of predicted and reference ml over the cases (``over_cases``) and over the patients."""
    both = {"over_cases": rows, "over_patients": per_patient(rows)}
    return {
        name: volume_correlation([row["prediction_ml"] for row in some], [row["reference_ml"] for row in some])
        for name, some in both.items()
    }


def isbi_summary(rows: Sequence[dict]) -> dict[str, float | None]:
    """Return the ISBI score of the mean terms over patients: ``score`` with the volume correlation over the cases (None
    where that is not defined) and ``score_without_correlation``, the other terms times 4/3.
    """
    summary = summarise(rows)
    means = {name: summary[name]["mean"] for name in ("dice", "precision", "lesion_fdr", "lesion_tpr")}
    correlation = volume_summary(rows)["over_cases"]
    return {
        "score": None if correlation is None else isbi_score(means, correlation),
        "score_without_correlation": isbi_score(means),
    }


def froc_summary(
    by_patient: dict[str, list[Findings]], limit: float = 5.0, draws: int = 1000, seed: int = SEED
) -> dict | None:
    """Return the curve over all images with its average recall over 0 to ``limit`` false positives per image.

    ``interval``: over draws of patients, each with all of its images, None below ten patients. None without a lesion.
    """

    def average(patients: Sequence[list[Findings]]) -> float | None:
        curve = froc([image for images in patients for image in images])
        return None if curve is None else curve.average_recall(limit)

    patients = list(by_patient.values())
    images = [image for some in patients for image in some]
    curve = froc(images)
    if curve is None:
        return None
    return {
        "images": len(images),
        "lesions": sum(image.lesion_ml.size for image in images),
        "limit": limit,
        "average_recall": curve.average_recall(limit),
        "interval": bootstrap_interval(patients, average, draws, seed),
        "recall_at": {f"{rate:g}": curve.recall_at(rate) for rate in (0.5, 1, 2, 4)},
        "false_positives": curve.false_positives.tolist(),
        "recall": curve.recall.tolist(),
    }


def _summary(values: list[float | None], seed: int) -> dict:
    known = [value for value in values if value is not None]
    return {
        "patients": len(known),
        "mean": float(np.mean(known)) if known else None,
        "median": float(np.median(known)) if known else None,
        "interval": bootstrap_interval(known, seed=seed),
    }


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return float(np.mean(known)) if known else None
