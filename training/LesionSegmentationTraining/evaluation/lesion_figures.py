"""Figures that count lesions, a lesion being a 26-connected component and any shared voxel a find."""

from __future__ import annotations

import cc3d
import numpy as np

from LesionSegmentationLib.engine.errors import InputError

# Edges of the size classes of MS lesions, ml; a sphere of 0.014 ml is 3 mm across, one of 0.065 ml 5 mm.
SIZE_EDGES_ML = (0.0, 0.015, 0.065, 0.25, 1.0, np.inf)


def lesion_f1(overlap: dict) -> float | None:
    """Return the harmonic mean of LTPR and 1 - LFPR (``lesion_tpr``, ``lesion_fdr``), the lesion-wise F1.

    None when either side has no lesion to count; 0 when nothing was found and nothing is right.
    """
    recall, false = overlap["lesion_tpr"], overlap["lesion_fdr"]
    if recall is None or false is None:
        return None
    precision = 1 - false
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def labelled(mask: np.ndarray) -> tuple[np.ndarray, int]:
    """Return the number 1..K of the 26-connected component of every voxel of a bool array, and K."""
    if not mask.size:
        return np.zeros(mask.shape, np.uint32), 0
    return cc3d.connected_components(np.ascontiguousarray(mask), connectivity=26, return_N=True)


def lesions_found(predicted: np.ndarray, reference: np.ndarray, voxel_ml: float) -> list[dict]:
    """Return one row for every reference lesion: ``volume_ml``, ``diameter_mm`` (equivalent) and ``found``."""
    labels, count = labelled(reference)
    volume = np.bincount(labels.ravel(), minlength=count + 1)[1:] * voxel_ml
    found = np.isin(np.arange(1, count + 1), np.unique(labels[predicted]))
    return [
        {"volume_ml": float(v), "diameter_mm": equivalent_diameter(float(v)), "found": bool(f)}
        for v, f in zip(volume, found)
    ]


def equivalent_diameter(volume_ml: float) -> float:
    """Return the diameter in mm of the sphere of ``volume_ml``."""
    return float(np.cbrt(6000 * volume_ml / np.pi))


def recall_by_size(lesions: list[dict], edges_ml: tuple[float, ...] = SIZE_EDGES_ML) -> list[dict]:
    """Return recall per size class of the rows of :func:`lesions_found` (of many cases together).

    A class holds edges[n] <= volume < edges[n + 1]; each row has its edges in ml and as equivalent diameter in mm
    (None: no upper edge), ``lesions``, ``found`` and ``recall`` (None without lesions). Raises InputError unless the
    edges rise.
    """
    if len(edges_ml) < 2 or any(low >= high for low, high in zip(edges_ml, edges_ml[1:])):
        raise InputError("The edges of the size classes must rise; give at least two volumes in ml.")
    rows = []
    for low, high in zip(edges_ml, edges_ml[1:]):
        # a volume is a sum of voxels, so rounding may not push it over an edge
        inside = [lesion for lesion in lesions if low - 1e-9 <= lesion["volume_ml"] < high - 1e-9]
        found = sum(lesion["found"] for lesion in inside)
        open_end = not np.isfinite(high)
        rows.append(
            {
                "from_ml": low,
                "to_ml": None if open_end else high,
                "from_mm": equivalent_diameter(low),
                "to_mm": None if open_end else equivalent_diameter(high),
                "lesions": len(inside),
                "found": found,
                "recall": found / len(inside) if inside else None,
            }
        )
    return rows
