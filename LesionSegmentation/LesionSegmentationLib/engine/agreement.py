"""How well a segmentation agrees with a reference segmentation."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from .errors import InputError
from .geometry import Geometry, to_canonical
from .volume import Volume

_TOUCHING = np.ones((3, 3, 3), bool)


def agreement(prediction: Volume, reference: Volume) -> dict[str, float | int | None]:
    """Compare two masks (any non-zero voxel is marked) of the same grid; their voxel orders may differ.

    Voxel-wise: ``dice``, ``precision``, ``recall``, ``f1`` (the same number as Dice), ``f2``; ``true_positives``,
    ``false_positives``, ``false_negatives`` in voxels. Volumes: ``prediction_ml``, ``reference_ml``,
    ``volume_difference_ml`` (prediction - reference) and ``volume_difference``, that over the reference volume.
    Lesion-wise, a lesion being a 26-connected component: ``lesion_tpr``, the share of reference lesions that share a
    voxel with the prediction, and ``lesion_fdr``, the share of predicted lesions that share none with the reference;
    ``lesions_prediction``, ``lesions_reference`` are their numbers. ``assd_mm``: see :func:`surface_distance`.

    A figure whose denominator is zero is None: with nothing marked on both sides only counts and volumes remain.
    Raises InputError when the grids differ.
    """
    predicted, referenced, grid = _on_one_grid(prediction, reference)
    figures = overlap_figures(predicted, referenced, grid.voxel_ml)
    return {**figures, "assd_mm": surface_distance(predicted, referenced, grid.spacing)}


def overlap_figures(predicted: np.ndarray, reference: np.ndarray, voxel_ml: float) -> dict[str, float | int | None]:
    """Return all figures of :func:`agreement` but the surface distance, of two bool arrays of one shape.

    ``voxel_ml``: volume of a voxel. Crop to :func:`union_box` first where speed matters; the figures stay the same.
    """
    tp = int(np.count_nonzero(predicted & reference))
    fp = int(np.count_nonzero(predicted)) - tp
    fn = int(np.count_nonzero(reference)) - tp
    lesions_prediction, right = _lesions(predicted, reference)
    lesions_reference, found = _lesions(reference, predicted)
    difference = fp - fn
    return {
        "dice": _share(2 * tp, 2 * tp + fp + fn),
        "precision": _share(tp, tp + fp),
        "recall": _share(tp, tp + fn),
        "f1": _share(2 * tp, 2 * tp + fp + fn),
        "f2": _share(5 * tp, 5 * tp + fp + 4 * fn),
        "true_positives": tp,
        "false_positives": fp,
        "false_negatives": fn,
        "prediction_ml": (tp + fp) * voxel_ml,
        "reference_ml": (tp + fn) * voxel_ml,
        "volume_difference_ml": difference * voxel_ml,
        "volume_difference": _share(difference, tp + fn),
        "lesions_prediction": lesions_prediction,
        "lesions_reference": lesions_reference,
        "lesion_tpr": _share(found, lesions_reference),
        "lesion_fdr": _share(lesions_prediction - right, lesions_prediction),
    }


def surface_distance(one: np.ndarray, two: np.ndarray, spacing: np.ndarray) -> float | None:
    """Return the average symmetric surface distance of two masks (bool, same shape) in mm; None when one is empty.

    The mean over both surfaces together, see :func:`surface_distances`.
    """
    distances = surface_distances(one, two, spacing)
    return None if distances is None else float(np.concatenate(distances).mean())


def surface_distances(one: np.ndarray, two: np.ndarray, spacing: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Return how far, in mm, each surface voxel of ``one`` lies from the surface of ``two``, and the other way round.

    ``one``, ``two``: bool, same shape; ``spacing``: mm per axis. The surface of a mask are its voxels with at least one
    of the six face neighbours outside (beyond the edge of the array counts as outside). A distance is that between the
    centre of a surface voxel and the centre of the nearest surface voxel of the other mask. None when one is empty.
    """
    if not one.any() or not two.any():
        return None
    surfaces = [_surface(one), _surface(two)]
    return tuple(
        ndimage.distance_transform_edt(~other, sampling=spacing)[surface]
        for surface, other in zip(surfaces, reversed(surfaces))
    )


def union_box(one: np.ndarray, two: np.ndarray) -> tuple[slice, ...]:
    """Return the smallest box that holds what either bool array marks, empty slices where nothing is marked."""
    either = one | two
    box = []
    for axis in range(either.ndim):
        marked = np.flatnonzero(either.any(axis=tuple(a for a in range(either.ndim) if a != axis)))
        box.append(slice(int(marked[0]), int(marked[-1]) + 1) if marked.size else slice(0, 0))
    return tuple(box)


def _on_one_grid(prediction: Volume, reference: Volume) -> tuple[np.ndarray, np.ndarray, Geometry]:
    """Both masks as bool in nearest-RAS order, cropped to the box that holds what either marks, and their grid.

    Slicer stores a left-handed image with its slices in the other order: the same grid in another voxel order.
    """
    grids = [volume.geometry.canonical() for volume in (prediction, reference)]
    if not grids[0][0].same_grid(grids[1][0], tolerance_mm=1e-2):
        raise InputError(
            f"{prediction.name} and {reference.name} lie on different grids ({_difference(grids[0][0], grids[1][0])}); "
            "compare segmentations of one image."
        )
    masks = [to_canonical(volume.array != 0, *way) for volume, (_, *way) in zip((prediction, reference), grids)]
    box = union_box(*masks)
    return masks[0][box], masks[1][box], grids[0][0]


def _difference(one: Geometry, two: Geometry) -> str:
    if one.shape != two.shape:
        return " and ".join(" x ".join(map(str, grid.shape)) for grid in (one, two)) + " voxels"
    if np.abs(one.spacing - two.spacing).max() > 1e-3:
        return " and ".join(" x ".join(f"{s:.4g}" for s in grid.spacing) for grid in (one, two)) + " mm voxels"
    apart = np.linalg.norm(one.corners() - two.corners(), axis=1).max()
    return f"up to {apart:.2f} mm apart"


def _lesions(mask: np.ndarray, other: np.ndarray) -> tuple[int, int]:
    """Return the number of lesions in ``mask`` and how many of them share a voxel with ``other``."""
    labels, count = ndimage.label(mask, structure=_TOUCHING)
    touched = np.unique(labels[other])
    return count, int((touched > 0).sum())


def _surface(mask: np.ndarray) -> np.ndarray:
    return mask & ~ndimage.binary_erosion(mask)


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole else None
