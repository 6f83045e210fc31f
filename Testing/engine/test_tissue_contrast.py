"""FLAIR, T1 and T2 are told apart on real scans, in any voxel order; drawn ones are never taken for another kind."""

import numpy as np
import pytest
from scipy import ndimage

from LesionSegmentationLib.engine.geometry import Geometry
from LesionSegmentationLib.engine.tissue_contrast import looks_like
from LesionSegmentationLib.engine.volume import read_volume
from real_data import REAL_DATA, needs_real_data

STUDIES = ("raw-study/*.nii.gz", "ms-real/*/*.nii.gz")
SCANS = [path for pattern in STUDIES for path in sorted(REAL_DATA.glob(pattern)) if "mask" not in path.name]


def kind_of(path):
    return next(kind for kind in ("flair", "t1", "t2") if kind in path.name)


@needs_real_data
@pytest.mark.parametrize("path", SCANS, ids=lambda path: f"{path.parent.name}-{path.name}")
def test_real_scans(path):
    scan = read_volume(path)
    assert looks_like(scan.array, scan.geometry) == kind_of(path)


@needs_real_data
@pytest.mark.parametrize("name", ["flair", "t1w", "t2w"])
def test_voxel_order_does_not_matter(name):
    scan = read_volume(REAL_DATA / "raw-study" / f"{name}.nii.gz")
    affine = scan.geometry.affine @ np.array(
        [[0, 0, -1, scan.array.shape[0] - 1], [1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1]]
    )
    turned = scan.array.transpose(1, 2, 0)[:, :, ::-1]
    assert looks_like(turned, Geometry(turned.shape, affine)) == name[: len(name) - name.endswith("w")]


@needs_real_data
@pytest.mark.parametrize("number", [1, 8, 17])
@pytest.mark.parametrize("stripped", [False, True])
def test_drawn_heads_are_never_taken_for_another_kind(number, stripped):
    """Contrasts at random from label maps: an uncertain one may be told as nothing, never as something else."""
    from LesionSegmentationTraining.synthetic.anatomy import NAMES, read_anatomy
    from LesionSegmentationTraining.synthetic.contrast import flair_contrast, t1_contrast, t2_contrast

    anatomy = read_anatomy(REAL_DATA / "label-maps" / f"training_seg_{number:02d}.nii.gz")
    outside = [NAMES.index(n) for n in ("skin", "fat_and_muscle", "bone", "marrow", "soft_tissue", "mucosa", "eye")]
    rng = np.random.default_rng(number)
    for kind, contrast in (("flair", flair_contrast), ("t1", t1_contrast), ("t2", t2_contrast)):
        mean = np.array(contrast(rng).mean, float)
        mean[outside] *= not stripped
        image = mean[anatomy.tissue]
        shading = ndimage.zoom(rng.standard_normal((3, 3, 3)), np.array(image.shape) / 3, order=1)
        image = np.abs(image * np.exp(0.15 * shading) + 0.06 * rng.standard_normal(image.shape))
        assert looks_like(image, Geometry(image.shape, anatomy.affine)) in (kind, None)


def test_computed_tomography_is_known_by_its_air():
    image = np.full((60, 60, 60), -1000, np.int16)
    image[10:50, 10:50, 10:50] = 40
    assert looks_like(image, Geometry(image.shape, np.diag([3.0, 3, 3, 1]))) == "ct"


@pytest.mark.parametrize("shape", [(2, 2, 2), (90, 90, 3), (40, 40, 40)])
def test_what_is_no_head_is_nothing(shape):
    image = np.random.default_rng(1).normal(100, 5, shape).astype(np.float32)
    assert looks_like(image, Geometry(shape, np.diag([1.0, 1, 1, 1]))) is None


def test_empty_space_is_nothing():
    assert looks_like(np.zeros((50, 50, 50)), Geometry((50, 50, 50), np.diag([3.0, 3, 3, 1]))) is None
