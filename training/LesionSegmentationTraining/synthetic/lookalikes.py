"""Brightness on FLAIR that is no lesion: what a reader knows and leaves out."""

from __future__ import annotations

import numpy as np
from scipy import ndimage

from . import acquisition
from .anatomy import INDEX, lookup


def lookalikes(rng, tissue, like) -> np.ndarray:
    """Brightness that is not lesion: ventricular rims and caps, septum, fluid that flows, blotchy white matter."""
    extra = np.zeros(tissue.shape, np.float32)
    white = tissue == INDEX["white_matter"]
    ventricle = (tissue == INDEX["lateral_ventricle"]).astype(np.float32)
    near = ndimage.gaussian_filter(ventricle, rng.uniform(0.7, 1.6))
    patchy = np.clip(0.5 + 0.7 * acquisition.smooth_field(rng, tissue.shape, 15), 0, 1.5)
    rim = np.clip(2 * near, 0, 1) ** rng.uniform(1, 2.5)
    extra += white * rim * patchy * rng.uniform(0, 0.45) * like.lesion
    # caps: the white matter ahead of the frontal and behind the occipital horns, seldom quite alike left and right
    ahead = ndimage.gaussian_filter(ventricle, (1.2, 2.5, 1.2)) * (1 - np.clip(3 * near, 0, 1)) + 0.5 * near
    extra += white * np.clip(2.5 * ahead, 0, 1) * patchy * rng.uniform(0, 0.5) * like.lesion
    # white matter between the two ventricles: fluid on both sides within a few millimetres
    thick = ndimage.gaussian_filter(ventricle, (2.5, 1, 1))
    extra += white * (thick > 0.35) * rng.uniform(0, 0.6) * like.lesion
    fluid = lookup(tuple(INDEX[n] for n in ("csf", "third_and_fourth_ventricle")))[tissue]
    spots = acquisition.smooth_field(rng, tissue.shape, rng.uniform(2, 6))
    extra += fluid * np.clip(spots - rng.uniform(0.8, 2.5), 0, 2) * rng.uniform(0, 0.6)
    # insula, cingulate, hippocampus, the grey matter around the aqueduct: brighter than other grey matter on FLAIR
    grey = lookup(tuple(INDEX[n] for n in ("cortex", "hippocampus_amygdala", "brain_stem", "cerebellar_cortex")))[
        tissue
    ]
    regions = np.clip(acquisition.smooth_field(rng, tissue.shape, rng.uniform(12, 35)), 0, 2)
    extra += grey * regions * rng.uniform(0, 0.25) * like.mean[INDEX["cortex"]]
    blotches = np.clip(acquisition.smooth_field(rng, tissue.shape, rng.uniform(5, 12)) - 0.8, 0, 2)
    extra += white * blotches * rng.uniform(0, 0.12) * like.lesion
    above_white = like.mean[INDEX["cortex"]] - like.mean[INDEX["white_matter"]]
    extra += _claustrum(tissue) * rng.uniform(0.3, 1.0) * above_white
    return extra


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
