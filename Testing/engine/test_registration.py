"""The head is found again, wherever and on whatever grid; and it is said when it was not."""

import numpy as np
import pytest

from LesionSegmentationLib.engine.errors import Cancelled, InputError
from LesionSegmentationLib.engine.geometry import Geometry
from LesionSegmentationLib.engine.registration import Registration, register
from LesionSegmentationLib.engine.rigid_transform import displacement_mm, rotation_degrees
from LesionSegmentationLib.engine.volume import Volume
from two_visits import MOTION, moved_visit, rigid, visit

PLACES = np.array([[x, y, z] for x in (-35, 35) for y in (-40, 40) for z in (-32, 32)], float)


def error(found, true):
    """How far the transform found is off: (degrees, mm at worst in the head)."""
    apart = np.linalg.inv(true) @ found
    return rotation_degrees(apart), displacement_mm(apart, PLACES).max()


@pytest.fixture(scope="module")
def earlier():
    return visit(0).image


@pytest.fixture(scope="module")
def moved():
    return moved_visit(0).image


@pytest.fixture(scope="module")
def found(earlier, moved):
    return register(earlier, moved)


def test_finds_the_motion_on_an_oblique_left_handed_permuted_grid(found):
    degrees, millimetres = error(found.matrix, MOTION)
    assert degrees < 0.3 and millimetres < 0.3
    assert found.warning == "" and found.similarity_after > 0.9 and found.similarity_after > found.similarity_before


def test_is_the_same_every_time(earlier, moved, found):
    assert np.array_equal(register(earlier, moved).matrix, found.matrix)


def test_depends_on_places_not_on_voxel_order(earlier, moved, found):
    geometry = moved.geometry
    affine = geometry.affine.copy()
    affine[:3, 3] = geometry.world(np.array([[geometry.shape[0] - 1, 0, 0]]))[0]
    affine[:3, 0] *= -1
    order = [2, 0, 1]
    flipped = np.ascontiguousarray(moved.array[::-1].transpose(order))
    copy = Volume(flipped, Geometry(flipped.shape, affine[:, [*order, 3]]), "copy")
    assert np.allclose(register(earlier, copy).matrix, found.matrix, atol=1e-5)


def test_the_other_way_round_is_the_way_back(earlier, moved, found):
    degrees, millimetres = error(np.linalg.inv(register(moved, earlier).matrix), found.matrix)
    assert degrees < 0.3 and millimetres < 0.3


def test_leaves_alone_what_lies_on_each_other(earlier):
    again = visit(0, seed=9).image
    degrees, millimetres = error(register(earlier, again).matrix, np.eye(4))
    assert degrees < 0.1 and millimetres < 0.1


def test_other_contrast_is_no_obstacle(earlier):
    motion = rigid((4, 2, -5), (3, -4, 2))
    later = visit(0, motion).image
    other = Volume(np.sqrt(np.maximum(later.array, 0)) * 40, later.geometry, "other scanner")
    degrees, millimetres = error(register(earlier, other).matrix, motion)
    assert degrees < 0.5 and millimetres < 0.5


def test_says_when_it_failed(earlier):
    rng = np.random.default_rng(3)
    x, y, z = np.meshgrid(*(np.linspace(-1, 1, n) for n in earlier.geometry.shape), indexing="ij")
    other = np.where((abs(x) < 0.9) & (abs(y) < 0.3) & (abs(z) < 0.95), rng.normal(100, 30, x.shape), 0)
    foreign = register(earlier, Volume(other.astype(np.float32), earlier.geometry, "not that head"))
    assert "failed" in foreign.warning and foreign.warning.endswith(".")


@pytest.mark.parametrize(
    "figures, words",
    [
        ((0.5, 0.9, 0.8), "overlap by 80%"),
        ((0.3, 0.6, 0.95), "correlation 0.60"),
        ((0.95, 0.9, 0.95), "instead of 0.95"),
        ((0.4, 0.92, 0.97), ""),
    ],
)
def test_warning_names_the_reason(figures, words):
    warning = Registration(np.eye(4), *figures).warning
    assert (words in warning) if words else warning == ""


def test_survives_json(found):
    again = Registration.from_dict(found.to_dict())
    assert np.array_equal(again.matrix, found.matrix) and again.warning == found.warning


def test_can_be_cancelled_and_tells_how_far_it_is(earlier, moved):
    fractions = []
    with pytest.raises(Cancelled):
        register(earlier, moved, fractions.append, lambda: len(fractions) > 10)
    assert fractions == sorted(fractions) and 0 < fractions[-1] < 1


def test_refuses_an_image_without_a_head(earlier):
    nothing = np.zeros(earlier.geometry.shape, np.float32)
    nothing[3, 3, 3] = 1
    with pytest.raises(InputError, match="empty.nii shows no head"):
        register(earlier, Volume(nothing, earlier.geometry, "empty.nii"))
