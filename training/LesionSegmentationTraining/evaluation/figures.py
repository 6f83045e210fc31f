"""Every figure of a mask against the mask it is judged by."""

from __future__ import annotations

import numpy as np

from LesionSegmentationLib.engine.agreement import overlap_figures, union_box
from LesionSegmentationLib.engine.errors import InputError

from .lesion_figures import lesion_f1
from .surface_figures import surface_figures
from .voxel_figures import voxel_figures


def figures_of(predicted: np.ndarray, reference: np.ndarray, spacing, surfaces: bool = True) -> dict:
    """Compare two masks (i, j, k; non-zero is marked) on one grid with ``spacing`` in mm per axis.

    The engine's own figures (``dice``, ``precision`` = PPV, ``recall`` = sensitivity, ``f1``, ``f2``, counts, volumes
    in ml, signed ``volume_difference``, ``lesion_tpr`` = LTPR, ``lesion_fdr`` = LFPR) and ``jaccard``, ``specificity``,
    ``volume_error``, ``lesion_f1``, ``assd_mm``, ``hd95_mm``. A figure that is not defined is None. ``surfaces``:
    whether to measure the last two, which take the longest. Raises InputError for arrays of different shapes.
    """
    if predicted.shape != reference.shape:
        raise InputError(f"Masks of {predicted.shape} and {reference.shape} voxels cannot be compared; use one grid.")
    predicted, reference = np.asarray(predicted) != 0, np.asarray(reference) != 0
    voxels, box = predicted.size, union_box(predicted, reference)
    predicted, reference = predicted[box], reference[box]
    overlap = overlap_figures(predicted, reference, float(np.prod(spacing)) / 1000)
    figures = {**overlap, **voxel_figures(overlap, voxels), "lesion_f1": lesion_f1(overlap)}
    if surfaces:
        figures |= surface_figures(predicted, reference, spacing)
    return figures
