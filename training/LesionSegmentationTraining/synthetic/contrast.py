"""How bright each tissue is: FLAIR-, T1- and T2-like or random contrasts. White matter is 1 in the ordinary ones."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .anatomy import INDEX, NAMES


@dataclass(frozen=True)
class Contrast:
    """Means and texture of the tissue classes (order of ``anatomy.NAMES``), and what a lesion adds to white matter."""

    mean: np.ndarray
    texture: np.ndarray
    lesion: float


# (lowest, highest) mean per tissue, relative to white matter
FLAIR = {
    "white_matter": (1.0, 1.0),
    "cerebellar_white_matter": (0.92, 1.08),
    "cortex": (1.05, 1.35),
    "cerebellar_cortex": (1.02, 1.35),
    "lateral_ventricle": (0.08, 0.5),
    "third_and_fourth_ventricle": (0.08, 0.55),
    "csf": (0.08, 0.5),
    "thalamus": (1.02, 1.25),
    "caudate_accumbens": (1.05, 1.35),
    "putamen": (1.0, 1.3),
    "pallidum": (0.75, 1.05),
    "hippocampus_amygdala": (1.1, 1.45),
    "brain_stem": (0.95, 1.15),
    "choroid_plexus": (0.3, 1.4),
    "vessel": (0.2, 0.8),
    "skin": (0.5, 1.2),
    "fat_and_muscle": (0.5, 1.9),
    "bone": (0.02, 0.25),
    "marrow": (0.15, 1.5),
    "soft_tissue": (0.3, 1.2),
    "mucosa": (0.5, 1.9),
    "eye": (0.05, 0.4),
}
T1 = FLAIR | {
    "cerebellar_white_matter": (0.9, 1.02),
    "cortex": (0.55, 0.82),
    "cerebellar_cortex": (0.55, 0.82),
    "lateral_ventricle": (0.1, 0.35),
    "third_and_fourth_ventricle": (0.1, 0.35),
    "csf": (0.1, 0.35),
    "thalamus": (0.75, 0.95),
    "caudate_accumbens": (0.6, 0.85),
    "putamen": (0.65, 0.9),
    "pallidum": (0.8, 0.98),
    "hippocampus_amygdala": (0.55, 0.8),
    "brain_stem": (0.85, 1.0),
    "choroid_plexus": (0.25, 0.8),
    "vessel": (0.15, 1.3),
    "fat_and_muscle": (0.6, 2.0),
}
T2 = FLAIR | {
    "cerebellar_white_matter": (0.95, 1.12),
    "cortex": (1.15, 1.65),
    "cerebellar_cortex": (1.15, 1.65),
    "lateral_ventricle": (1.9, 3.5),
    "third_and_fourth_ventricle": (1.9, 3.5),
    "csf": (1.9, 3.5),
    "thalamus": (1.0, 1.3),
    "caudate_accumbens": (1.05, 1.45),
    "putamen": (0.9, 1.3),
    "pallidum": (0.6, 1.0),
    "hippocampus_amygdala": (1.2, 1.7),
    "brain_stem": (0.95, 1.25),
    "choroid_plexus": (1.4, 2.8),
    "vessel": (0.1, 0.8),
    "fat_and_muscle": (0.3, 2.0),
    "eye": (1.9, 3.5),
}
TIED = (("lateral_ventricle", "third_and_fourth_ventricle", "csf"), ("cortex", "cerebellar_cortex"))


def flair_contrast(rng: np.random.Generator) -> Contrast:
    """FLAIR: fluid dark, lesions brighter than cortex where they are fully lesion; their soft borders are not.

    A reader draws what stands out: the mean over drawn lesions of three real patients was 1.33 to 1.65 times white
    matter, and half of a lesion's voxels lie on its border.
    """
    mean = _means(rng, FLAIR)
    above_cortex = float(np.exp(rng.uniform(np.log(0.2), np.log(1.0))))
    return Contrast(mean, _texture(rng), max(0.45, float(mean[INDEX["cortex"]]) - 1 + above_cortex))


def t1_contrast(rng: np.random.Generator) -> Contrast:
    """T1: white matter brightest in the brain; lesions from the same as white matter to black holes."""
    return Contrast(_means(rng, T1), _texture(rng), -float(rng.uniform(0.0, 0.5)))


def t2_contrast(rng: np.random.Generator) -> Contrast:
    """T2: fluid brightest; lesions between cortex and fluid."""
    return Contrast(_means(rng, T2), _texture(rng), float(rng.uniform(0.35, 1.3)))


def random_contrast(rng: np.random.Generator) -> Contrast:
    """Any brightness for any tissue; lesions still brighter than white matter, which is what makes one on FLAIR."""
    mean = rng.uniform(0.05, 1.5, len(NAMES)).astype(np.float32)
    mean[INDEX["air"]] = 0
    mean[INDEX["white_matter"]] = rng.uniform(0.5, 1.1)
    mean[INDEX["cerebellar_white_matter"]] = mean[INDEX["white_matter"]] * rng.uniform(0.9, 1.1)
    mean[INDEX["brain_stem"]] = mean[INDEX["white_matter"]] * rng.uniform(0.9, 1.15)
    return Contrast(mean, _texture(rng), float(rng.uniform(0.3, 1.0)))


def _means(rng: np.random.Generator, ranges: dict[str, tuple[float, float]]) -> np.ndarray:
    mean = np.array([rng.uniform(*ranges.get(name, (0.0, 0.0))) for name in NAMES], np.float32)
    for tied in TIED:  # one fluid, one grey matter: their means differ little within a patient
        first = mean[INDEX[tied[0]]]
        for name in tied[1:]:
            mean[INDEX[name]] = first * rng.uniform(0.9, 1.1)
    return mean


def _texture(rng: np.random.Generator) -> np.ndarray:
    texture = rng.uniform(0.0, 0.05, len(NAMES)).astype(np.float32)
    for name in ("fat_and_muscle", "soft_tissue", "mucosa", "marrow", "csf", "choroid_plexus"):
        texture[INDEX[name]] = rng.uniform(0.05, 0.3)
    texture[INDEX["air"]] = 0
    return texture
