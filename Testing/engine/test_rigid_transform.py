"""Half of a rigid transform, against the matrix square root and its own definition."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.linalg import sqrtm
from scipy.spatial.transform import Rotation

from LesionSegmentationLib.engine.errors import InputError
from LesionSegmentationLib.engine.rigid_transform import displacement_mm, halfway, rotation_degrees

components = st.floats(-1, 1, allow_nan=False)


@st.composite
def rigid_transforms(draw, most=179.0):
    axis = np.array([draw(components) for _ in range(3)]) + (0, 0, 1e-3)
    angle = draw(st.floats(-most, most, allow_nan=False))
    matrix = np.eye(4)
    matrix[:3, :3] = Rotation.from_rotvec(axis / np.linalg.norm(axis) * angle, degrees=True).as_matrix()
    matrix[:3, 3] = [200 * draw(components) for _ in range(3)]
    return matrix


@given(rigid_transforms())
def test_twice_half_is_the_whole(matrix):
    half = halfway(matrix)
    assert np.allclose(half @ half, matrix, atol=1e-8)
    assert rotation_degrees(half) == pytest.approx(rotation_degrees(matrix) / 2, abs=1e-6)


@given(rigid_transforms(most=120))
def test_is_the_matrix_square_root(matrix):
    assert np.allclose(halfway(matrix), np.real(sqrtm(matrix)), atol=1e-6)


@given(rigid_transforms())
def test_favours_neither(matrix):
    """The way to the middle is as long from either side, and exchanging the studies exchanges the two ways."""
    half = halfway(matrix)
    assert np.allclose(halfway(np.linalg.inv(matrix)), np.linalg.inv(half), atol=1e-7)
    points = np.array([[10.0, -70, 33], [-40, 5, 60]])
    there = points @ matrix[:3, :3].T + matrix[:3, 3]
    assert np.allclose(displacement_mm(half, points), displacement_mm(np.linalg.inv(half), there), atol=1e-7)


@pytest.mark.parametrize("wrong", [np.diag([-1.0, 1, 1, 1]), np.diag([1.1, 1, 1, 1]), np.full((4, 4), np.nan)])
def test_refuses_what_is_not_rigid(wrong):
    with pytest.raises(InputError, match="rigid"):
        halfway(wrong)
