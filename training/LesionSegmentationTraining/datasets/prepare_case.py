"""A case as the arrays that training works on."""

from __future__ import annotations

from dataclasses import dataclass

import cc3d
import numpy as np

from LesionSegmentationLib.engine.errors import InputError
from LesionSegmentationLib.engine.geometry import Geometry, from_canonical, to_canonical
from LesionSegmentationLib.engine.prepare import Plan, Prepared, prepare
from LesionSegmentationLib.engine.resample import resample_axes
from LesionSegmentationLib.engine.study import Study
from LesionSegmentationLib.engine.volume import Volume, read_labels, read_volume

from .case_files import CaseFiles

# Headers round: a mask that is this part of a voxel off still lies on its image's grid.
_SAME_PLACE = 0.05
_LISTED = 10


@dataclass(frozen=True, eq=False)
class PreparedCase:
    """A case as a network sees it, axes in nearest-RAS order, cropped to the head.

    ``image``: float16 (C, i, j, k), channels in the plan's order, zeros where the case lacks one. ``lesions``: uint16
    (i, j, k), 0 for background, else the number 1..K of the 26-connected lesion. ``facts``, ready for JSON: ``files``
    and ``sha256`` by channel and "mask"; ``geometry`` of the arrays' grid (shape and voxel -> RAS affine),
    ``spacing_mm`` and ``crop`` ([first, end] per axis of the uncropped grid); ``lesions``: K; ``load_ml`` of the arrays
    and ``drawn_load_ml`` of the mask as drawn; ``lesions_lost``: lesions as drawn of which resampling and crop left
    nothing; ``notes``: sentences a person should read.
    """

    image: np.ndarray
    lesions: np.ndarray
    facts: dict


def prepare_case(case: CaseFiles, plan: Plan) -> PreparedCase:
    """Read ``case`` and prepare it with the engine's own :func:`prepare`, so that training sees what inference sees.

    The reference is the case's first channel that the plan has; channels that the plan does not have are not read. The
    mask goes the way of the reference image: nearest-RAS order, linear resampling of 0 and 1 (more than one half is
    lesion), crop. It may be empty. Raises InputError for unreadable images (NaN included), a mask on another grid, mask
    values that were not declared, and more than 65535 lesions.
    """
    used = [channel for channel in case.channels if channel in plan.channels]
    if not used:
        raise InputError(
            f"Case {case.id} has none of the channels {', '.join(plan.channels)} (it has {', '.join(case.channels)}); "
            "add an image or change the plan's channels."
        )
    study = Study({channel: read_volume(case.channels[channel]) for channel in used}, reference=used[0])
    mask, sha256 = read_lesion_mask(case, study.channels[used[0]])
    try:
        prepared = prepare_study(study, mask, plan)
    except InputError as error:
        raise InputError(f"Case {case.id}: {error}") from error
    prepared.facts["files"]["mask"] = case.mask.name
    prepared.facts["sha256"]["mask"] = sha256
    return prepared


def prepare_study(study: Study, mask: np.ndarray, plan: Plan) -> PreparedCase:
    """Prepare a study with its lesion ``mask``: bool (i, j, k) on the grid of the reference, in its voxel order.

    As :func:`prepare_case`; ``files`` and ``sha256`` in the facts are those of the images alone.
    """
    prepared = prepare(study, plan)
    _, order, flips = prepared.reference.canonical()
    mask = to_canonical(mask, order, flips)
    working = resample_axes(mask.astype(np.float32), prepared.working.shape) > 0.5
    cropped = np.ascontiguousarray(working[prepared.crop])
    lesions, count = cc3d.connected_components(cropped, connectivity=26, return_N=True)
    if count > np.iinfo(np.uint16).max:
        raise InputError(f"The mask holds {count} lesions, more than 65535; check whether it is the right file.")
    kept = np.zeros_like(working)
    kept[prepared.crop] = cropped
    geometry = _cropped(prepared)
    facts = {
        "files": {channel: volume.name for channel, volume in study.channels.items()},
        "sha256": {channel: volume.sha256 for channel, volume in study.channels.items()},
        "geometry": geometry.to_dict(),
        "spacing_mm": [float(s) for s in geometry.spacing],
        "crop": [[part.start, part.stop] for part in prepared.crop],
        "lesions": int(count),
        "load_ml": float(cropped.sum() * geometry.voxel_ml),
        "drawn_load_ml": float(mask.sum() * prepared.canonical.voxel_ml),
        "lesions_lost": _lost(mask, kept),
        "notes": list(prepared.notes),
    }
    return PreparedCase(prepared.array.astype(np.float16), lesions.astype(np.uint16), facts)


def read_lesion_mask(case: CaseFiles, reference: Volume) -> tuple[np.ndarray, str | None]:
    """The mask of ``case`` as bool (i, j, k) on the grid of ``reference``, in its voxel order, and its checksum.

    Raises InputError unless it lies on that grid (in any voxel order) and holds declared values only.
    """
    labels = read_labels(case.mask)
    grid, to_order, to_flips = reference.geometry.canonical()
    own, order, flips = labels.geometry.canonical()
    if not grid.same_grid(own, _SAME_PLACE * float(grid.spacing.min())):
        raise InputError(
            f"Case {case.id}: the mask {labels.name} ({_described(own)}) does not lie on the grid of {reference.name} "
            f"({_described(grid)}); resample the mask to that image (nearest neighbour)."
        )
    values = np.unique(labels.array)
    odd = values[~np.isin(values, case.mask_values)]
    if odd.size:
        listed = ", ".join(f"{v:g}" for v in values[:_LISTED]) + (", ..." if values.size > _LISTED else "")
        raise InputError(
            f"Case {case.id}: the mask {labels.name} holds the values {listed}, but declared are "
            f"{', '.join(map(str, case.mask_values))}; declare them (mask_values, lesion_values) or correct the mask."
        )
    lesion = to_canonical(np.isin(labels.array, case.lesion_values), order, flips)
    return from_canonical(lesion, to_order, to_flips), labels.sha256


def _cropped(prepared: Prepared) -> Geometry:
    affine = prepared.working.affine.copy()
    affine[:3, 3] = prepared.working.world(np.array([[part.start for part in prepared.crop]]))[0]
    return Geometry(prepared.array.shape[1:], affine)


def _lost(drawn: np.ndarray, kept: np.ndarray) -> int:
    """How many 26-connected lesions of ``drawn`` have no voxel in ``kept``, maybe another grid of its field of view."""
    numbers, count = cc3d.connected_components(np.ascontiguousarray(drawn), connectivity=26, return_N=True)
    for axis, (after, before) in enumerate(zip(drawn.shape, kept.shape)):
        if after != before:
            nearest = np.minimum(((np.arange(after) + 0.5) * before / after).astype(int), before - 1)
            kept = kept.take(nearest, axis=axis)
    return int(count) - int(np.count_nonzero(np.unique(numbers[kept])))


def _described(grid: Geometry) -> str:
    shape, spacing = " x ".join(map(str, grid.shape)), " x ".join(f"{s:.3g}" for s in grid.spacing)
    return f"{shape} voxels of {spacing} mm from {', '.join(f'{p:.1f}' for p in grid.affine[:3, 3])}"
