"""Brightness that is no lesion: what a reader knows and leaves out."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from . import acquisition
from .anatomy import INDEX, Anatomy, lookup

# voxels of a label map that one value of the limbic weight stands for, per axis
LIMBIC_STEP = 4
# tissues outside the brain in which bright spots lie
OUTSIDE = ("skin", "fat_and_muscle", "bone", "marrow", "soft_tissue", "mucosa", "vessel")


def lesion_like(rng, tissue) -> np.ndarray:
    """Where white matter holds more water and is no lesion, as the share of a lesion that it looks like, 0 to about 1.

    Ventricular rims and caps, the septum, blotches: like a lesion they show in every channel.
    """
    share = np.zeros(tissue.shape, np.float32)
    white = tissue == INDEX["white_matter"]
    ventricle = (tissue == INDEX["lateral_ventricle"]).astype(np.float32)
    near = ndimage.gaussian_filter(ventricle, rng.uniform(0.7, 1.6))
    patchy = np.clip(0.5 + 0.7 * acquisition.smooth_field(rng, tissue.shape, 15), 0, 1.5)
    rim = np.clip(2 * near, 0, 1) ** rng.uniform(1, 2.5)
    share += white * rim * patchy * rng.uniform(0, 0.45)
    # caps: the white matter ahead of the frontal and behind the occipital horns, seldom quite alike left and right
    ahead = ndimage.gaussian_filter(ventricle, (1.2, 2.5, 1.2)) * (1 - np.clip(3 * near, 0, 1)) + 0.5 * near
    share += white * np.clip(2.5 * ahead, 0, 1) * patchy * rng.uniform(0, 0.5)
    # white matter between the two ventricles: fluid on both sides within a few millimetres
    thick = ndimage.gaussian_filter(ventricle, (2.5, 1, 1))
    share += white * (thick > 0.35) * rng.uniform(0, 0.6)
    blotches = np.clip(acquisition.smooth_field(rng, tissue.shape, rng.uniform(5, 12)) - 0.8, 0, 2)
    share += white * blotches * rng.uniform(0, 0.12)
    return share


def bright_on_flair(rng, tissue, limbic, like) -> np.ndarray:
    """Brightness that FLAIR alone shows: fluid that flows, limbic cortex, uneven grey matter, the claustrum.

    ``limbic``: :func:`limbic_weight` on the grid of ``tissue``.
    """
    extra = np.zeros(tissue.shape, np.float32)
    fluid = lookup(tuple(INDEX[n] for n in ("csf", "third_and_fourth_ventricle")))[tissue]
    spots = acquisition.smooth_field(rng, tissue.shape, rng.uniform(2, 6))
    extra += fluid * np.clip(spots - rng.uniform(0.8, 2.5), 0, 2) * rng.uniform(0, 0.6)
    cortex = tissue == INDEX["cortex"]
    extra += cortex * limbic * (rng.random() < 0.8) * rng.uniform(0, 0.3) * like.mean[INDEX["cortex"]]
    # any region of grey matter may be brighter than the rest of it
    grey = lookup(tuple(INDEX[n] for n in ("cortex", "hippocampus_amygdala", "brain_stem", "cerebellar_cortex")))[
        tissue
    ]
    regions = np.clip(acquisition.smooth_field(rng, tissue.shape, rng.uniform(12, 35)), 0, 2)
    extra += grey * regions * rng.uniform(0, 0.15) * like.mean[INDEX["cortex"]]
    above_white = like.mean[INDEX["cortex"]] - like.mean[INDEX["white_matter"]]
    extra += _claustrum(tissue) * rng.uniform(0.3, 1.0) * above_white
    return extra


def spots_outside(rng, tissue) -> np.ndarray:
    """Bright spots outside the brain, 0 to about 2: mucosa of the sinuses, fat, slow blood in veins of skull and scalp.

    A third of the heads have none.
    """
    if rng.random() < 1 / 3:
        return np.zeros(tissue.shape, np.float32)
    field = acquisition.smooth_field(rng, tissue.shape, rng.uniform(1.5, 5))
    outside = lookup(tuple(INDEX[n] for n in OUTSIDE))[tissue]
    return outside * np.clip(2 * (field - rng.uniform(1.0, 2.5)), 0, 2)


def limbic_weight(anatomy: Anatomy) -> np.ndarray:
    """Where cortex is brighter than elsewhere on FLAIR, insula and cingulate gyrus: 0..1, float32.

    On the label map's own grid, one value for :data:`LIMBIC_STEP` voxels; by the place in MNI152, so about right.
    """
    coarse = np.stack(
        np.meshgrid(*(np.arange(0, size, LIMBIC_STEP) for size in anatomy.tissue.shape), indexing="ij"), -1
    )
    to_mni = anatomy.to_mni @ anatomy.affine
    x, y, z = np.moveaxis(coarse @ to_mni[:3, :3].T + to_mni[:3, 3], -1, 0)
    insula = np.exp(-(((np.abs(x) - 38) / 9) ** 2) - ((y - 4) / 16) ** 2 - ((z - 2) / 12) ** 2)
    # an arch over the corpus callosum, beside the midline
    arch = np.sqrt((y / 40) ** 2 + ((z - 8) / 27) ** 2)
    cingulate = np.exp(-((x / 9) ** 2) - ((arch - 1) / 0.3) ** 2) * (z > -12)
    return np.maximum(insula, cingulate).astype(np.float32)


def _claustrum(tissue) -> np.ndarray:
    """The thin grey sheet between putamen and insula, which the label maps count as white matter; 0..1, soft."""
    putamen = tissue == INDEX["putamen"]
    if not putamen.any():
        return np.zeros(tissue.shape, np.float32)
    place = tuple(
        slice(max(0, part.start - 12), part.stop + 12) for part in ndimage.find_objects(putamen.astype(np.uint8))[0]
    )
    near = tissue[place]
    to_putamen = ndimage.distance_transform_edt(near != INDEX["putamen"])
    to_cortex = ndimage.distance_transform_edt(near != INDEX["cortex"])
    sheet = (near == INDEX["white_matter"]) & (to_putamen + to_cortex < 9) & (np.abs(to_putamen - to_cortex) < 2)
    whole = np.zeros(tissue.shape, np.float32)
    whole[place] = ndimage.gaussian_filter(sheet.astype(np.float32), 0.5)
    return whole
