"""Synthetic MS patients: FLAIR, T1 and T2 at 1 mm with their exact lesion mask, from label maps and drawn lesions.

In the way of Billot et al. 2023 (SynthSeg): deform a label map, give every tissue a random brightness, then do to the
image what scanners do. On top come lesions with soft borders and varied contrast, and what looks like a lesion and is
none: bright ventricular rims, septum, choroid plexus, bright fluid, blotchy white matter.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from scipy import ndimage

from LesionSegmentationLib.engine.bridge import to_array, to_tensor

from . import acquisition, contrast
from .anatomy import BRAIN, INDEX, WHITE, Anatomy, lookup
from .lesion_shapes import LesionShapes, draw_lesions
from .lookalikes import LIMBIC_STEP, bright_on_flair, lesion_like, limbic_weight, spots_outside

SHAPE = (192, 232, 208)


@dataclass(frozen=True)
class SyntheticPatient:
    """``images``: float32 (i, j, k) by channel (flair, t1, t2), 1 mm, nearest-RAS order, on one grid.

    ``mask``: uint8, what a reader drew. ``tissue``: uint8 classes of ``anatomy.NAMES``. ``settings``: what was drawn.
    """

    images: dict[str, np.ndarray]
    mask: np.ndarray
    tissue: np.ndarray
    settings: dict


def synthesise(
    seed: int,
    anatomy: Anatomy,
    shapes: LesionShapes,
    single: LesionShapes | None = None,
    *,
    load_ml: float | None = None,
    stripped: bool | None = None,
    ordinary: bool = False,
    shape: tuple[int, int, int] = SHAPE,
) -> SyntheticPatient:
    """Draw one patient; the same ``seed`` gives the same patient.

    ``load_ml``: wanted lesion load, 0 for a patient without lesions, None to draw one (12% without, else 0.1 to 60 ml).
    ``stripped``: brain only, None for half of them. ``ordinary``: a usual FLAIR and T1 contrast at 1 mm, for display.
    ``shape``: field of view in voxels; the result is cropped to the head.
    """
    rng = np.random.default_rng([seed, 20261121])
    if load_ml is None:
        load_ml = 0.0 if rng.random() < 0.12 else float(np.exp(rng.uniform(np.log(0.1), np.log(60))))
    stripped = bool(rng.random() < 0.5) if stripped is None else stripped
    largest_turn = 3 if ordinary else 15
    tissue, level, number, limbic = _deform(rng, anatomy, shapes, single, load_ml, shape, largest_turn)
    crop = _head_box(rng, tissue, stripped)
    tissue, level, number, limbic = tissue[crop], level[crop], number[crop], limbic[crop]
    fraction = _soft_lesions(rng, tissue, level, load_ml)
    mask = _drawn(rng, fraction)
    keep = _field_of_view(rng, tissue, mask) if stripped else None
    kind = "ordinary" if ordinary else rng.choice(["usual", "random"], p=[0.95, 0.05])
    flair_like = contrast.random_contrast(rng) if kind == "random" else contrast.flair_contrast(rng)
    gain = _lesion_gain(rng, number)
    core = _core(rng, fraction)
    share, spots = lesion_like(rng, tissue), spots_outside(rng, tissue)
    flair = _tissue_image(rng, tissue, flair_like) + bright_on_flair(rng, tissue, limbic, flair_like)
    flair += (share + spots * rng.uniform(0, 1.5)) * flair_like.lesion
    flair = _add_lesions(rng, flair, fraction, gain * flair_like.lesion * (1 - core), flair_like)
    images = {"flair": _acquire(rng, flair, ordinary)}
    for name, like in (("t1", contrast.t1_contrast(rng)), ("t2", contrast.t2_contrast(rng))):
        image = _tissue_image(rng, tissue, like) + share * rng.uniform(0.2, 1.2) * like.lesion
        image += spots * rng.uniform(0, 1.0)
        image = _add_lesions(rng, image, fraction, gain * like.lesion * (1 + core), like)
        images[name] = _acquire(rng, image, ordinary, shift=rng.normal(0, 0.3, 3))
    if keep is not None:
        images = {name: image * keep for name, image in images.items()}
    settings = {
        "seed": seed, "anatomy": anatomy.name, "stripped": stripped, "contrast": str(kind), "wanted_ml": load_ml,
        "lesion_contrast": flair_like.lesion, "load_ml": float(mask.sum()) / 1000,
    }  # fmt: skip
    return SyntheticPatient(images, mask, tissue, settings)


def _deform(rng, anatomy, shapes, single, load_ml, shape, largest_turn):
    """Tissue, smooth lesion level, lesion numbers and limbic weight on the patient's own grid, by one deformation."""
    affine = _random_affine(rng, largest_turn)
    centre = np.argwhere(anatomy.is_in(BRAIN)[::4, ::4, ::4]).mean(axis=0) * 4
    axes = [torch.arange(size, dtype=torch.float32) - (size - 1) / 2 for size in shape]
    # the brain lies high in a head's field of view
    axes[2] = axes[2] - 0.08 * shape[2]
    grid = torch.stack(torch.meshgrid(*axes, indexing="ij"), dim=-1)
    for axis in range(3):
        bend = rng.uniform(0.5, 3.0) * acquisition.smooth_field(rng, shape, 40)
        bend += rng.uniform(0.2, 1.0) * acquisition.smooth_field(rng, shape, 14)
        grid[..., axis] += to_tensor(bend.astype(np.float32))
    at = grid @ to_tensor(affine.T.astype(np.float32)) + to_tensor(centre.astype(np.float32))
    tissue = to_array(_sample(to_tensor(anatomy.tissue), at, "nearest").to(torch.uint8))
    limbic = to_array(_sample(to_tensor(limbic_weight(anatomy)), at / LIMBIC_STEP, "bilinear"))
    if load_ml == 0:
        return tissue, np.zeros(shape, np.float32), np.zeros(shape, np.int16), limbic
    to_grid = np.linalg.inv(shapes.affine) @ anatomy.to_mni @ anatomy.affine
    # a fixed wanted load in this head is another one on the atlas grid
    scale = abs(np.linalg.det(to_grid[:3, :3])) * abs(np.linalg.det(affine))
    drawn = draw_lesions(rng, shapes, single, 1.3 * load_ml * scale * shapes.voxel_ml * 1000)
    at = at @ to_tensor(to_grid[:3, :3].T.astype(np.float32)) + to_tensor(to_grid[:3, 3].astype(np.float32))
    level = ndimage.gaussian_filter((drawn > 0).astype(np.float32), rng.uniform(0.4, 0.9))
    number = ndimage.grey_dilation(drawn, size=(5, 5, 5))
    level = to_array(_sample(to_tensor(level), at, "bilinear"))
    number = to_array(_sample(to_tensor(number), at, "nearest").to(torch.int16))
    return tissue, level, number, limbic


def _random_affine(rng, largest_turn: float) -> np.ndarray:
    """(3, 3): rotation up to ``largest_turn`` degrees about each axis, scale 0.82 to 1.2, a little shear."""
    angles = np.deg2rad(rng.uniform(-largest_turn, largest_turn, 3))
    matrix = np.eye(3)
    for axis, angle in enumerate(angles):
        a, b = [n for n in range(3) if n != axis]
        turn = np.eye(3)
        turn[a, a] = turn[b, b] = np.cos(angle)
        turn[a, b], turn[b, a] = -np.sin(angle), np.sin(angle)
        matrix = matrix @ turn
    if rng.random() < 0.5:
        matrix[0] *= -1
    shear = np.eye(3) + np.triu(rng.normal(0, 0.03, (3, 3)), 1)
    return matrix @ shear @ np.diag(1 / (rng.uniform(0.85, 1.15) * rng.uniform(0.95, 1.05, 3)))


def _sample(volume: torch.Tensor, at: torch.Tensor, mode: str) -> torch.Tensor:
    """``volume`` (i, j, k) at voxel positions ``at`` (..., 3); zero outside."""
    size = torch.tensor(volume.shape, dtype=torch.float32)
    # grid_sample counts from -1 to 1 and takes the axes in reverse order
    grid = (2 * at / (size - 1) - 1).flip(-1)[None]
    return torch.nn.functional.grid_sample(
        volume.to(torch.float32)[None, None], grid, mode=mode, padding_mode="zeros", align_corners=True
    )[0, 0]


def _head_box(rng, tissue, stripped):
    inside = lookup(BRAIN)[tissue] if stripped else tissue > 0
    box = []
    for axis in range(3):
        occupied = np.flatnonzero(inside.any(axis=tuple(a for a in range(3) if a != axis)))
        margin = 8 if stripped else int(rng.integers(2, 15))
        first, last = (occupied[0], occupied[-1]) if occupied.size else (0, tissue.shape[axis] - 1)
        box.append(slice(max(0, int(first) - margin), min(tissue.shape[axis], int(last) + 1 + margin)))
    return tuple(box)


def _soft_lesions(rng, tissue, level, load_ml) -> np.ndarray:
    """Share of each voxel that is lesion, 0..1: frayed, kept to white matter, scaled to the wanted load."""
    if load_ml == 0 or not level.any():
        return np.zeros(level.shape, np.float32)
    room = lookup(WHITE)[tissue].astype(np.float32)
    if rng.random() < 0.6:  # juxtacortical ones reach a millimetre or two into the cortex
        near = ndimage.binary_dilation(room > 0, iterations=int(rng.integers(1, 3)))
        room = np.maximum(room, near & lookup((INDEX["cortex"], INDEX["thalamus"]))[tissue])
    frayed = level + rng.uniform(0.0, 0.15) * acquisition.smooth_field(rng, level.shape, 3) * (level > 0.02)
    frayed = frayed * room
    values = np.sort(frayed[frayed > 0.08])[::-1]
    if values.size == 0:
        return np.zeros(level.shape, np.float32)
    # the cut that gives the wanted load, within what still looks like the drawn shape
    cut = values[min(int(load_ml * 1000), values.size - 1)]
    cut = float(np.clip(cut, 0.25, 0.75))
    width = rng.uniform(0.2, 0.6)
    soft = np.clip(0.5 + (frayed - cut) / width, 0, 1) * room
    return _without_crumbs(soft.astype(np.float32))


def _drawn(rng, fraction) -> np.ndarray:
    """The mask a reader draws, uint8: some stay within the bright core, others take the dim border in as well."""
    if not fraction.any():
        return np.zeros(fraction.shape, np.uint8)
    seen = ndimage.gaussian_filter(fraction, rng.uniform(0.3, 0.9))
    # what is shown peaks below 1 in small lesions; the reader still draws those
    peak = ndimage.maximum_filter(seen, size=7)
    return ((seen > rng.uniform(0.25, 0.6) * np.clip(peak, 0.35, 1)) & (fraction > 0.08)).astype(np.uint8)


def _without_crumbs(fraction: np.ndarray) -> np.ndarray:
    """Fragments of fewer than four voxels, which no reader would draw, fade below one half."""
    numbers, _ = ndimage.label(fraction > 0.5, np.ones((3, 3, 3)))
    small = np.bincount(numbers.ravel()) < 4
    small[0] = False
    return np.where(small[numbers], 0.5 * fraction, fraction)


def _field_of_view(rng, tissue, mask) -> np.ndarray:
    """Brain mask as a brain extraction leaves it: with more or less of the fluid, sometimes a rim of more."""
    brain = lookup(BRAIN)[tissue]
    brain = ndimage.binary_closing(brain, iterations=2) | brain
    grow = rng.choice([0, 1, 3, 6], p=[0.3, 0.25, 0.25, 0.2])
    kept = ndimage.binary_dilation(brain, iterations=int(grow)) if grow else brain
    if rng.random() < 0.7:
        kept &= ~lookup(tuple(INDEX[n] for n in ("bone", "marrow", "skin", "fat_and_muscle")))[tissue]
    return kept | (mask > 0)


def _tissue_image(rng, tissue, like) -> np.ndarray:
    """Mean and texture per tissue, with slow changes within white and grey matter."""
    shape = tissue.shape
    image = like.mean[tissue]
    fine = rng.standard_normal(shape, np.float32)
    fine = ndimage.gaussian_filter(fine, rng.uniform(0.6, 1.2))
    fine /= fine.std()
    image += like.texture[tissue] * fine
    slow = np.zeros(256, np.float32)
    slow[[INDEX["white_matter"], INDEX["cerebellar_white_matter"], INDEX["brain_stem"]]] = rng.uniform(0, 0.06)
    slow[[INDEX["cortex"], INDEX["cerebellar_cortex"], INDEX["thalamus"]]] = rng.uniform(0, 0.12)
    slow[[INDEX["fat_and_muscle"], INDEX["marrow"], INDEX["mucosa"]]] = rng.uniform(0.1, 0.4)
    image += slow[tissue] * acquisition.smooth_field(rng, shape, rng.uniform(10, 30))
    return image


def _lesion_gain(rng, number) -> np.ndarray:
    """How strong each lesion is among those of its patient, around 1, per voxel."""
    highest = int(number.max()) if number.size else 0
    gains = np.clip(rng.normal(1.0, 0.25, highest + 1), 0.6, 1.6)
    gains[0] = 1
    return gains.astype(np.float32)[number]


def _core(rng, fraction) -> np.ndarray:
    """How far the inside of a lesion has decayed, 0..1: darker there on FLAIR (a ring remains) and on T1 (black hole).

    A fifth of the patients have it, in their larger lesions.
    """
    if rng.random() > 0.2 or not fraction.any():
        return np.zeros(fraction.shape, np.float32)
    depth = ndimage.distance_transform_edt(fraction > 0.5)
    patchy = np.clip(0.5 + acquisition.smooth_field(rng, fraction.shape, 12), 0, 1)
    return (np.clip((depth - 2) / 2, 0, 1) * patchy * rng.uniform(0.3, 1.0)).astype(np.float32)


def _add_lesions(rng, image, fraction, gain, like) -> np.ndarray:
    """Blend lesions of ``gain`` above white matter into ``image``, with a faint halo in the white matter around."""
    if not fraction.any():
        return image
    white = like.mean[INDEX["white_matter"]]
    texture = 1 + rng.uniform(0, 0.2) * acquisition.smooth_field(rng, image.shape, rng.uniform(2, 5))
    halo = ndimage.gaussian_filter(fraction, rng.uniform(1.5, 3.5)) * rng.uniform(0, 0.25) * (1 - fraction)
    inside = fraction * (white - image + gain * texture)
    near_white = np.abs(image - white) < 0.3 * white
    return image + inside + halo * gain * near_white


def _acquire(rng, image, ordinary, shift=None) -> np.ndarray:
    if shift is not None:
        image = ndimage.shift(image, shift, order=1)
    image = ndimage.gaussian_filter(image, 0.5 if ordinary else rng.uniform(0.35, 0.9))
    image = np.clip(image, 0, None) * acquisition.bias_field(
        rng, image.shape, 0.05 if ordinary else rng.uniform(0, 0.2)
    )
    thickness = (1.0, 1.0, 1.0) if ordinary else acquisition.random_thickness(rng)
    noise = 0.02 if ordinary else float(np.exp(rng.uniform(np.log(0.008), np.log(0.1))))
    image = acquisition.slice_profile(rng, image.astype(np.float32), thickness, noise)
    gamma = 1.0 if ordinary else float(np.exp(rng.normal(0, 0.15)))
    return (image**gamma).astype(np.float32)
