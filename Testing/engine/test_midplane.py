"""The side of a lesion: the patient's, however the voxels are ordered and the head is turned."""

import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from grids import GRIDS
from LesionSegmentationLib.engine.geometry import Geometry
from LesionSegmentationLib.engine.midplane import LEFT, MIDDLE, RIGHT, find_midplane

SHAPE = (60, 66, 48)


def head(affine, turned=(0, 0, 0), centre=(4.0, -7.0, 11.0), half=(34, 44, 40)):
    """A noisy ellipsoid of tissue about ``centre`` (RAS), turned, with a nose; its own axes -> RAS."""
    matrix = np.array(affine)
    matrix[:3, 3] = centre - matrix[:3, :3] @ ((np.array(SHAPE) - 1) / 2)
    geometry = Geometry(SHAPE, matrix)
    turn = Rotation.from_euler("xyz", turned, degrees=True).as_matrix()
    own = (geometry.world(np.argwhere(np.ones(SHAPE))) - centre) @ turn
    scale = np.array(half)
    tissue = ((own / scale) ** 2).sum(axis=1) < 1
    tissue |= (np.abs(own - [0, half[1], -5]) < [6, 12, 8]).all(axis=1)
    rng = np.random.default_rng(3)
    values = np.where(tissue, rng.normal(100, 10, len(own)), np.abs(rng.normal(0, 4, len(own))))
    return values.reshape(SHAPE).astype(np.float32), geometry, turn, np.array(centre)


# Without the grids on which the made-up head would not fit into the image.
@pytest.mark.parametrize("grid", [np.diag(np.array([1.6, 1.7, 2.2, 1.0])) @ GRIDS[n] for n in ("plain", "left-handed")])
@pytest.mark.parametrize("turned", [(0, 0, 0), (5, 8, -10)])
@pytest.mark.parametrize("order", [(0, 1, 2), (1, 2, 0)])
def test_sides_are_those_of_the_patient(grid, turned, order):
    array, geometry, turn, centre = head(grid, turned)
    permuted = np.eye(4)[:, [*order, 3]]
    array = array.transpose(order)
    plane = find_midplane(array, Geometry(array.shape, geometry.affine @ permuted))
    for distance, side in ((-25, LEFT), (-9, LEFT), (-1, MIDDLE), (1, MIDDLE), (9, RIGHT), (25, RIGHT)):
        for anterior, superior in ((0, 0), (25, 10), (-25, 20)):
            place = centre + turn @ np.array([distance, anterior, superior])
            assert plane.side(tuple(place)) == side


def test_where_it_is_not_clear_there_is_none():
    array, geometry, *_ = head(np.diag([1.6, 1.7, 2.2, 1.0]))
    half = array[:30]
    assert find_midplane(half, Geometry(half.shape, geometry.affine)) is None
    assert find_midplane(np.zeros(SHAPE, np.float32), geometry) is None
    noise = np.random.default_rng(0).normal(size=SHAPE).astype(np.float32)
    assert find_midplane(noise, geometry) is None
    turned, geometry, *_ = head(np.diag([1.6, 1.7, 2.2, 1.0]), (0, 0, 35))
    assert find_midplane(turned, geometry) is None
