"""How good a probability volume is before any threshold: ranking and calibration."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from LesionSegmentationLib.engine.errors import InputError
from LesionSegmentationLib.engine.probability_map import check_probabilities

# As in export.calibration: certain background would hide every other error.
LOWEST = 0.01
BINS = 20


def score_figures(probability: np.ndarray, reference: np.ndarray) -> dict:
    """Return ``auc_pr``, ``brier``, ``ece`` and ``reliability`` of probabilities (any shape) against a mask.

    ``auc_pr``: average precision, sum (R_n - R_(n-1)) P_n over the distinct levels; None without a lesion voxel.
    ``brier``: mean squared error over all voxels. ``ece`` and ``reliability``: see :func:`calibration_error`, over the
    voxels with p >= 0.01; ``ece`` is None where there is none. Raises InputError for values outside 0 to 1.
    """
    if probability.shape != reference.shape:
        raise InputError(f"A probability volume of {probability.shape} does not fit a mask of {reference.shape}.")
    check_probabilities(probability)
    p, y = np.asarray(probability).ravel(), np.asarray(reference).ravel() != 0
    table = reliability(p, y)
    return {
        "auc_pr": average_precision(p, y),
        "brier": float(np.square(p - y, dtype=np.float64).mean()) if p.size else None,
        "ece": calibration_error([table]),
        "reliability": table,
    }


def average_precision(probability: np.ndarray, reference: np.ndarray) -> float | None:
    """Return the exact area under the step precision-recall curve; voxels of equal probability enter together.

    ``probability``, ``reference`` (bool): (n,). None without a positive. The same as scikit-learn's.
    """
    if not reference.any():
        return None
    # recall rises only at the levels of positives
    levels, fresh = np.unique(probability[reference], return_counts=True)
    hits = np.cumsum(fresh[::-1])
    return float((fresh[::-1] * hits / _reaching(probability, levels[::-1])).sum() / hits[-1])


def precision_recall(probability: np.ndarray, reference: np.ndarray, points: int = 200) -> dict[str, list[float]]:
    """Return ``precision``, ``recall`` and ``level`` (falling) of {p >= level} for at most ``points`` levels.

    ``probability``, ``reference`` (bool): (n,). Every point is exact; the levels are those that split the recall most
    evenly. Empty lists without a positive.
    """
    if not reference.any():
        return {"level": [], "precision": [], "recall": []}
    hits = np.sort(probability[reference])[::-1]
    levels = np.unique(hits[np.linspace(0, hits.size - 1, points).astype(int)])[::-1]
    right = _reaching(hits, levels)
    return {
        "level": levels.astype(float).tolist(),
        "precision": (right / _reaching(probability, levels)).tolist(),
        "recall": (right / hits.size).tolist(),
    }


def reliability(probability: np.ndarray, reference: np.ndarray) -> list[dict]:
    """Return 20 rows, one per equal bin: ``voxels``, ``said`` (sum of p) and ``true`` (lesion voxels), p >= 0.01 only.

    Sums, so that the tables of several cases add up; see :func:`pooled`.
    """
    kept = probability >= LOWEST
    p, y = probability[kept].astype(np.float64), reference[kept]
    which = np.minimum((p * BINS).astype(int), BINS - 1)
    sums = [np.bincount(which, weights, BINS) for weights in (None, p, y)]
    return [{"voxels": int(n), "said": float(said), "true": int(true)} for n, said, true in zip(*sums)]


def pooled(tables: Sequence[list[dict]], bins: int = 10) -> list[dict]:
    """Return the reliability of all ``tables`` together in ``bins`` (a divisor of 20; 10: per decile).

    Rows with voxels only: ``from``, ``to``, ``voxels``, ``said`` (mean probability), ``true`` (share of lesion).
    """
    if BINS % bins:
        raise InputError(f"The 20 bins of a reliability table cannot be joined to {bins}; choose 1, 2, 4, 5, 10 or 20.")
    joined, rows = BINS // bins, []
    for n in range(bins):
        parts = [row for table in tables for row in table[n * joined : (n + 1) * joined]]
        voxels, said, true = (sum(row[name] for row in parts) for name in ("voxels", "said", "true"))
        if voxels:
            row = {"from": n / bins, "to": (n + 1) / bins, "voxels": voxels}
            rows.append({**row, "said": said / voxels, "true": true / voxels})
    return rows


def calibration_error(tables: Sequence[list[dict]]) -> float | None:
    """Return the expected calibration error: the mean gap of said and true in 20 bins, by voxels; None without any."""
    rows = pooled(tables, BINS)
    voxels = sum(row["voxels"] for row in rows)
    return sum(row["voxels"] * abs(row["said"] - row["true"]) for row in rows) / voxels if voxels else None


def _reaching(values: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """How many of ``values`` are at least as high as each of the falling ``levels``; sorts only those that matter."""
    relevant = np.sort(values[values >= levels[-1]])
    return relevant.size - np.searchsorted(relevant, levels, side="left")
