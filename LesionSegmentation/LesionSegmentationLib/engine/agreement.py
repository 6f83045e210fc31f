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
    tp = int((predicted & referenced).sum())
    fp = int(predicted.sum()) - tp
    fn = int(referenced.sum()) - tp
    lesions_prediction, right = _lesions(predicted, referenced)
    lesions_reference, found = _lesions(referenced, predicted)
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
        "prediction_ml": (tp + fp) * grid.voxel_ml,
        "reference_ml": (tp + fn) * grid.voxel_ml,
        "volume_difference_ml": difference * grid.voxel_ml,
        "volume_difference": _share(difference, tp + fn),
        "lesions_prediction": lesions_prediction,
        "lesions_reference": lesions_reference,
        "lesion_tpr": _share(found, lesions_reference),
        "lesion_fdr": _share(lesions_prediction - right, lesions_prediction),
        "assd_mm": surface_distance(predicted, referenced, grid.spacing),
    }


def surface_distance(one: np.ndarray, two: np.ndarray, spacing: np.ndarray) -> float | None:
    """Return the average symmetric surface distance of two masks (bool, same shape) in mm; None when one is empty.

    The surface of a mask are its voxels with at least one of the six face neighbours outside (beyond the edge of the
    array counts as outside). For every surface voxel of either mask the distance between its centre and that of the
    nearest surface voxel of the other mask is taken; the answer is the mean over both surfaces together.
    """
    if not one.any() or not two.any():
        return None
    surfaces = [_surface(one), _surface(two)]
    distances = [
        ndimage.distance_transform_edt(~other, sampling=spacing)[surface]
        for surface, other in zip(surfaces, reversed(surfaces))
    ]
    return float(np.concatenate(distances).mean())


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
    either = masks[0] | masks[1]
    box = (ndimage.find_objects(either.astype(np.uint8)) or [(slice(0, 0),) * 3])[0]
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
