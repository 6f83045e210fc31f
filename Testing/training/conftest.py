"""A made-up head and made-up lesions, so that these tests need no data."""

from __future__ import annotations

import numpy as np
import pytest

from LesionSegmentationTraining.synthetic.anatomy import INDEX, Anatomy, match_boxes
from LesionSegmentationTraining.synthetic.lesion_shapes import LesionShapes

SHAPE = (64, 64, 64)


def ball(centre, radius, shape=SHAPE) -> np.ndarray:
    at = np.stack(np.meshgrid(*(np.arange(size) for size in shape), indexing="ij"), axis=-1)
    return np.linalg.norm((at - np.array(centre)) / np.array(radius), axis=-1) <= 1


@pytest.fixture(scope="session")
def anatomy() -> Anatomy:
    """Shells of skin, bone, fluid, cortex and white matter around two ventricles, 64^3 at 1 mm."""
    tissue = np.zeros(SHAPE, np.uint8)
    middle = (31.5, 31.5, 31.5)
    for name, radius in (("skin", 30), ("bone", 28), ("csf", 26), ("cortex", 24), ("white_matter", 21)):
        tissue[ball(middle, (radius, radius, radius))] = INDEX[name]
    for side in (26, 37):
        tissue[ball((side, 31.5, 31.5), (3, 9, 4))] = INDEX["lateral_ventricle"]
    affine = np.eye(4)
    affine[:3, 3] = -31.5
    head = Anatomy(tissue, affine, np.eye(4), "made-up")
    return Anatomy(tissue, affine, match_boxes(head), "made-up")


@pytest.fixture(scope="session")
def shapes() -> LesionShapes:
    """Three patients with twenty balls each, on a grid of 2 mm over the MNI152 brain."""
    affine = np.diag([2.0, 2.0, 2.0, 1.0])
    affine[:3, 3] = [-90, -126, -72]
    rng = np.random.default_rng(3)
    patients = []
    for _ in range(3):
        lesions = []
        for _ in range(20):
            centre = rng.integers([32, 40, 28], [58, 75, 55])
            lesions.append(np.argwhere(ball(centre, (5, 5, 5), (91, 109, 91))).astype(np.int16))
        patients.append(lesions)
    return LesionShapes(patients, (91, 109, 91), affine)
