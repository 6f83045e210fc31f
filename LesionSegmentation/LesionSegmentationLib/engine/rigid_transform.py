"""Rigid transforms as 4 x 4 matrices in RAS millimetres, and the halfway point of one."""

from __future__ import annotations

import numpy as np
from scipy.spatial.transform import Rotation

from .errors import InputError

_TOLERANCE = 1e-6


def halfway(matrix: np.ndarray) -> np.ndarray:
    """Return the rigid H (4, 4) with H @ H = ``matrix``: half of the rotation about the same axis, half of the way.

    With ``matrix`` from an earlier to a later study, H brings the earlier one and the inverse of H the later one to a
    space in the middle, where both have been moved and resampled alike. Raises InputError unless ``matrix`` is rigid.
    """
    check_rigid(matrix)
    half = np.eye(4)
    half[:3, :3] = Rotation.from_rotvec(Rotation.from_matrix(matrix[:3, :3]).as_rotvec() / 2).as_matrix()
    # From H H = M: (R_half + 1) t_half = t. No half of a rotation turns by 180 degrees, so this is never singular.
    half[:3, 3] = np.linalg.solve(half[:3, :3] + np.eye(3), matrix[:3, 3])
    return half


def check_rigid(matrix: np.ndarray) -> None:
    """Raise InputError unless ``matrix`` (4, 4) is a rotation and a shift: no reflection, scale or shear."""
    rotation = matrix[:3, :3]
    whole = matrix.shape == (4, 4) and np.isfinite(matrix).all() and np.array_equal(matrix[3], [0, 0, 0, 1])
    if not (whole and np.abs(rotation @ rotation.T - np.eye(3)).max() < _TOLERANCE and np.linalg.det(rotation) > 0):
        raise InputError("A transform between two studies must be rigid: a rotation and a shift, nothing else.")


def rotation_degrees(matrix: np.ndarray) -> float:
    """Return the angle by which ``matrix`` turns, 0 to 180."""
    return float(np.degrees(Rotation.from_matrix(matrix[:3, :3]).magnitude()))


def displacement_mm(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Return how far ``matrix`` moves each of ``points`` (n, 3), mm."""
    return np.linalg.norm(moved_points(matrix, points) - points, axis=1)


def moved_points(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    """Return where ``matrix`` brings ``points`` (n, 3)."""
    return np.asarray(points, np.float64) @ matrix[:3, :3].T + matrix[:3, 3]
