"""Figures that count voxels, beyond those of the engine's agreement."""

from __future__ import annotations


def voxel_figures(overlap: dict, voxels: int) -> dict[str, float | None]:
    """Return ``jaccard`` = TP/(TP+FP+FN), ``specificity`` = TN/(TN+FP) and ``volume_error`` = |Vp - Vg| / Vg.

    ``overlap``: what the engine's ``overlap_figures`` returned; ``voxels``: of the whole image (specificity counts all
    of them, air included, so it is near 1 for anything that marks little). None where a denominator is zero.
    """
    tp, fp, fn = (overlap[name] for name in ("true_positives", "false_positives", "false_negatives"))
    tn = voxels - tp - fp - fn
    difference = overlap["volume_difference"]
    return {
        "jaccard": tp / (tp + fp + fn) if tp + fp + fn else None,
        "specificity": tn / (tn + fp) if tn + fp else None,
        "volume_error": None if difference is None else abs(difference),
    }
