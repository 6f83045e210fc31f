"""Figures that measure the distance between two surfaces."""

from __future__ import annotations

import numpy as np

from LesionSegmentationLib.engine.agreement import surface_distances


def surface_figures(predicted: np.ndarray, reference: np.ndarray, spacing) -> dict[str, float | None]:
    """Return ``assd_mm`` and ``hd95_mm`` of two bool arrays (i, j, k); None where one is empty.

    The surface are the marked voxels with a face neighbour outside, distances run between voxel centres (see the
    engine's ``surface_distances``). ASSD: mean over both surfaces together. HD95: the larger of the two directed 95th
    percentiles (linear between order statistics), as MONAI's. Libraries that place the surface between voxels or weigh
    it by area give other numbers.
    """
    distances = surface_distances(predicted, reference, np.asarray(spacing, float))
    if distances is None:
        return {"assd_mm": None, "hd95_mm": None}
    return {
        "assd_mm": float(np.concatenate(distances).mean()),
        "hd95_mm": float(max(np.percentile(each, 95) for each in distances)),
    }
