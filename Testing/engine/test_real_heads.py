"""The bundled model on a real head and on copies of it: other voxel orders, other affines, turned grids, thick slices.

Needs the real cases beside the repository; without them these tests are skipped and say so.
"""

from pathlib import Path

import numpy as np
import pytest
from scipy import ndimage

from LesionSegmentationLib.engine.bundle import find_bundle
from LesionSegmentationLib.engine.geometry import Geometry
from LesionSegmentationLib.engine.operating_curve import OperatingCurve
from LesionSegmentationLib.engine.process import process
from LesionSegmentationLib.engine.resample import resample_axes, resample_to, resampled_geometry
from LesionSegmentationLib.engine.study import Study
from LesionSegmentationLib.engine.volume import Volume, read_mask, read_volume

# The patient that the bundled model was neither trained nor calibrated on; three time points.
CASE = Path(__file__).resolve().parents[3] / "shared" / "data" / "ms-real" / "mslesseg-P14"
pytestmark = pytest.mark.skipif(not CASE.is_dir(), reason=f"the real case {CASE.name} is not beside the repository")


def segment(volume: Volume) -> np.ndarray:
    curve = OperatingCurve.of(process(Study({"flair": volume}), find_bundle("ms-flair"), device="cpu"))
    return curve.mask(curve.at(0.5, 0.5)).astype(bool)


def dice(a, b) -> float:
    return 2 * (a & b).sum() / (a.sum() + b.sum())


@pytest.fixture(scope="module")
def flair() -> Volume:
    return read_volume(CASE / "time2_flair.nii.gz")


@pytest.fixture(scope="module")
def gold() -> Volume:
    return read_mask(CASE / "time2_mask.nii.gz")


@pytest.fixture(scope="module")
def reference(flair) -> np.ndarray:
    return segment(flair)


def test_the_bundled_model_finds_the_lesions_of_this_patient(reference, gold):
    others = [
        dice(segment(read_volume(CASE / f"{time}_flair.nii.gz")), read_mask(CASE / f"{time}_mask.nii.gz").array == 1)
        for time in ("time1", "time3")
    ]
    assert np.mean([dice(reference, gold.array == 1), *others]) >= 0.45


def test_permuted_flipped_and_oblique_copies_are_identical_in_the_patient(flair, reference):
    c, s = np.cos(0.3), np.sin(0.3)
    turn = np.array([[c, -s, 0, 4], [s, c, 0, -8], [0, 0, 1, 20], [0, 0, 0, 1]])
    affine = (turn @ flair.geometry.affine)[:, [2, 0, 1, 3]]
    array = flair.array.transpose(2, 0, 1)[:, ::-1, :]
    affine[:3, 3] += affine[:3, 1] * (array.shape[1] - 1)
    affine[:3, 1] *= -1
    assert np.sign(np.linalg.det(affine)) != np.sign(np.linalg.det(flair.geometry.affine))
    copy = Volume(np.ascontiguousarray(array), Geometry(array.shape, affine), "copy")
    assert np.array_equal(segment(copy)[:, ::-1, :].transpose(1, 2, 0), reference)


def thick_sliced(volume: Volume) -> Geometry:
    """0.7 x 0.7 x 3 mm over the same field of view."""
    shape = np.array(volume.geometry.shape) * volume.geometry.spacing / (0.7, 0.7, 3)
    return resampled_geometry(volume.geometry, tuple(int(round(n)) for n in shape))


def turned(volume: Volume) -> Geometry:
    """The same voxels turned by 10 degrees about an oblique axis through the middle of the image."""
    u, angle = np.array([0.3, 0.5, 0.81]), np.radians(10)
    u = u / np.linalg.norm(u)
    k = np.array([[0, -u[2], u[1]], [u[2], 0, -u[0]], [-u[1], u[0], 0]])
    rotation = np.eye(3) + np.sin(angle) * k + (1 - np.cos(angle)) * k @ k
    affine = volume.geometry.affine.copy()
    middle = (np.array(volume.geometry.shape) - 1) / 2
    centre = volume.geometry.world(middle[None])[0]
    affine[:3, :3] = rotation @ affine[:3, :3]
    affine[:3, 3] = centre - affine[:3, :3] @ middle
    return Geometry(volume.geometry.shape, affine)


def typical_shift(mask: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Median over the lesions that both found of the way from one centre to the other, in voxels along each axis."""
    labels, count = ndimage.label(mask | other, np.ones((3, 3, 3)))
    shifts = []
    for lesion in range(1, count + 1):
        here, there = np.argwhere((labels == lesion) & mask), np.argwhere((labels == lesion) & other)
        if min(len(here), len(there)) >= 10:
            shifts.append(here.mean(axis=0) - there.mean(axis=0))
    assert len(shifts) >= 5
    return np.median(shifts, axis=0)


@pytest.mark.parametrize("regrid", [thick_sliced, turned])
def test_resampled_copies_lose_no_more_than_resampling_does(flair, gold, reference, regrid):
    grid = regrid(flair)

    def onto_grid(values):
        if regrid is thick_sliced:
            return resample_axes(values.astype(np.float32), grid.shape)
        return resample_to(Volume(values.astype(np.float32), flair.geometry, "values"), grid)

    truth = onto_grid(gold.array) >= 0.5
    resampled = onto_grid(reference) >= 0.5
    mask = segment(Volume(onto_grid(flair.array), grid, "copy"))
    assert dice(mask, truth) >= dice(resampled, truth) - 0.03
    assert (np.abs(typical_shift(mask, resampled)) < 0.5).all()
