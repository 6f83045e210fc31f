"""From a study to what a network sees, and what is needed to come back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .errors import InputError
from .geometry import Geometry, to_canonical
from .intensity import TISSUE, check_intensity, head_mask, scaled, standardise
from .resample import resample_axes, resample_to, resampled_geometry
from .study import Study

__all__ = ["MARGIN_MM", "TISSUE", "Plan", "Prepared", "head_box", "head_mask", "prepare", "standardise"]

MARGIN_MM = 8.0


@dataclass(frozen=True)
class Plan:
    """How a bundle wants its input (``bundle.json``, entry ``plan``).

    ``spacing_mm``: voxel size the network was trained at, along the nearest-RAS axes. ``spacing_tolerance``: relative
    deviation up to which an axis is left as it is. ``tile``: voxels per axis of one forward pass, None for the whole.
    ``intensity``: None for MR images (see intensity.standardise), {"window": [low, high]} for CT, in Hounsfield units.
    Raises InputError for an ``intensity`` that is neither.
    """

    channels: tuple[str, ...]
    spacing_mm: tuple[float, float, float] = (1.0, 1.0, 1.0)
    spacing_tolerance: float = 0.15
    tile: tuple[int, int, int] | None = (96, 96, 96)
    intensity: dict | None = None

    def __post_init__(self):
        check_intensity(self.intensity, "the plan")


@dataclass(frozen=True)
class Prepared:
    """Network input with the way back.

    ``array``: (channel, i, j, k) float32, axes in nearest-RAS order, cropped to the head. ``inside``: bool (i, j, k),
    where there is a head at all. ``working``: geometry before the crop; ``crop``: the cropped part of it.
    ``canonical``: the reference grid in nearest-RAS order; ``reference``: the reference grid as it came.
    """

    array: np.ndarray
    inside: np.ndarray
    crop: tuple[slice, slice, slice]
    working: Geometry
    canonical: Geometry
    reference: Geometry
    notes: tuple[str, ...] = ()


def prepare(study: Study, plan: Plan) -> Prepared:
    """Reorient, resample, standardise and crop ``study`` for a network.

    The work is done in the reference image's own axes, in nearest-RAS order, so copies of an image that differ only in
    voxel order, axis direction or affine give the same numbers. Axes are resampled only where their spacing is off.
    Raises InputError when the reference channel holds no head to speak of.
    """
    reference = study.channels[study.reference]
    canonical, order, flips = reference.geometry.canonical()
    working = _working_geometry(canonical, plan)
    notes = list(study.notes)
    if working.shape != canonical.shape:
        before, after = (" x ".join(f"{s:.2f}" for s in grid.spacing) for grid in (canonical, working))
        notes.append(f"{reference.name} was resampled from {before} mm to {after} mm for the network.")
    # What lies outside an image is air: 0 before an MR image is scaled, the lower edge of a CT window.
    outside = 0.0 if plan.intensity is None else float(plan.intensity["window"][0])
    layers = []
    for channel in plan.channels:
        if channel not in study.channels:
            layers.append(np.zeros(working.shape, np.float32))
            continue
        volume = study.channels[channel]
        if volume.geometry.same_grid(reference.geometry):
            values = resample_axes(to_canonical(volume.array, order, flips).astype(np.float32), working.shape)
        else:
            values = resample_to(volume, working, outside)
            notes.append(
                f"{volume.name} lies on another grid than {reference.name} and was resampled to it by geometry."
            )
        layers.append(scaled(values, plan.intensity))
    for channel in study.channels:
        if channel not in plan.channels:
            notes.append(f"The model does not use the {channel} channel; {study.channels[channel].name} was left out.")
    inside = head_mask(layers[plan.channels.index(study.reference)], plan.intensity)
    crop = head_box(inside, working.spacing)
    if crop is None:
        raise InputError(
            f"{reference.name} shows no head: hardly any voxel stands out from the background. Check the file."
        )
    array = np.ascontiguousarray(np.stack([layer[crop] for layer in layers]))
    return Prepared(
        array, np.ascontiguousarray(inside[crop]), crop, working, canonical, reference.geometry, tuple(notes)
    )


def _working_geometry(canonical: Geometry, plan: Plan) -> Geometry:
    shape = []
    for count, spacing, wanted in zip(canonical.shape, canonical.spacing, plan.spacing_mm):
        fits = abs(spacing / wanted - 1) <= plan.spacing_tolerance
        shape.append(count if fits else max(1, round(count * spacing / wanted)))
    return resampled_geometry(canonical, tuple(shape))


def head_box(inside: np.ndarray, spacing: np.ndarray) -> tuple[slice, slice, slice] | None:
    """The box around the head with a margin; slices with a few stray noise voxels do not count as head."""
    box = []
    for axis in range(3):
        other = tuple(a for a in range(3) if a != axis)
        share = inside.mean(axis=other)
        occupied = np.flatnonzero(share > 0.002)
        if occupied.size == 0:
            return None
        margin = int(np.ceil(MARGIN_MM / spacing[axis]))
        box.append(slice(max(0, int(occupied[0]) - margin), min(inside.shape[axis], int(occupied[-1]) + 1 + margin)))
    return tuple(box)
