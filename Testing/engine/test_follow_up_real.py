"""Follow-up on a real patient: three visits with their masks, and a copy of one turned by a known transform.

Needs the real cases beside the repository; without them these tests are skipped and say so.
"""

import numpy as np
import pytest
from scipy import ndimage

from LesionSegmentationLib.engine.follow_up import Comparison
from LesionSegmentationLib.engine.follow_up_alignment import TimePoint, align
from LesionSegmentationLib.engine.geometry import Geometry
from LesionSegmentationLib.engine.probability_map import ProbabilityMap
from LesionSegmentationLib.engine.registration import register
from LesionSegmentationLib.engine.resample import resample_to
from LesionSegmentationLib.engine.rigid_transform import displacement_mm, rotation_degrees
from LesionSegmentationLib.engine.setting import BALANCED
from LesionSegmentationLib.engine.volume import Volume, read_mask, read_volume
from real_data import REAL_DATA
from two_visits import rigid

CASE = REAL_DATA / "ms-real" / "mslesseg-P14"
pytestmark = pytest.mark.skipif(not CASE.is_dir(), reason=f"the real case {CASE.name} is not beside the repository")
MOTION = rigid((14, -8, 6), (7, -22, 13))
# Places all over a head in MNI space, mm.
PLACES = np.array([[x, y, z] for x in (-60, 60) for y in (-95, 60) for z in (-45, 70)], float)


def visit(number):
    image = read_volume(CASE / f"time{number}_flair.nii.gz")
    mask = read_mask(CASE / f"time{number}_mask.nii.gz")
    return TimePoint(image, ProbabilityMap(mask.array.astype(np.float32), mask.geometry))


def turned_copy(point):
    """The visit after MOTION, on an oblique, left-handed, permuted grid of 1 x 1.1 x 1.2 mm."""
    shape = (160, 200, 210)
    axes = (rigid((5, 9, -12))[:3, :3] * (-1, 1.1, -1.2))[:, [2, 0, 1]]
    middle = MOTION[:3, :3] @ (0, -18, 12) + MOTION[:3, 3]
    affine = np.eye(4)
    affine[:3, :3] = axes
    affine[:3, 3] = middle - axes @ ((np.array(shape) - 1) / 2)
    grid = Geometry(shape, affine)

    def moved(array):
        place = Geometry(array.shape, MOTION @ point.image.geometry.affine)
        return resample_to(Volume(array, place, "copy"), grid)

    return TimePoint(
        Volume(moved(point.image.array), grid, "copy"), ProbabilityMap(moved(point.probability_map.array), grid)
    )


@pytest.fixture(scope="module")
def first():
    return visit(1)


@pytest.fixture(scope="module")
def with_copy(first):
    return Comparison(align(first, turned_copy(first))).at(BALANCED)


def test_the_turn_of_a_copy_is_found(with_copy):
    registration = with_copy.pair.registration
    apart = np.linalg.inv(MOTION) @ registration.matrix
    assert rotation_degrees(apart) < 0.5 and displacement_mm(apart, PLACES).max() < 0.5
    assert registration.warning == ""


def test_nothing_changed_in_a_copy(with_copy, first):
    assert len(with_copy.changes) > 10
    assert {change.change for change in with_copy.changes} == {"unchanged"}
    gold = first.probability_map.array.sum() * first.image.geometry.voxel_ml
    figures = with_copy.summary()
    assert figures["earlier_ml"] == pytest.approx(gold, rel=0.1)
    assert figures["later_ml"] == pytest.approx(figures["earlier_ml"], rel=0.05)


def test_real_visits_are_registered_and_compared(first):
    compared = Comparison(align(first, visit(3))).at(BALANCED)
    registration = compared.pair.registration
    assert compared.warning == "" and registration.similarity_after >= registration.similarity_before
    assert rotation_degrees(registration.matrix) < 3  # both were brought to one template by others before
    # The masks of the two visits, each counted on its own grid, tell the same story.
    for word, point in (("earlier_ml", first), ("later_ml", visit(3))):
        gold = point.probability_map.array.sum() * point.image.geometry.voxel_ml
        assert compared.summary()[word] == pytest.approx(gold, rel=0.1)
    lesions = [ndimage.label(mask, np.ones((3, 3, 3)))[1] for mask in compared.masks]
    assert sum(change.earlier_lesions for change in compared.changes) == lesions[0]
    assert sum(change.later_lesions for change in compared.changes) == lesions[1]


def test_another_patient_is_noticed(first):
    other = REAL_DATA / "ms-real" / "mslesseg-P18" / "time1_flair.nii.gz"
    assert "failed" in register(first.image, read_volume(other)).warning
