"""On which side of the patient a lesion lies, where the image itself tells."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy import ndimage
from scipy.optimize import minimize

from .geometry import Geometry
from .intensity import head_mask, standardise

LEFT, RIGHT, MIDDLE = "left", "right", "middle"
MARGIN_MM = 5.0
_SAMPLES = 36  # at most, along each axis: a plane needs no more
_STEEPEST = np.tan(np.radians(25))
_LEAST_LIKENESS = 0.8  # correlation of an image with its mirror image; heads reach 0.9


@dataclass(frozen=True)
class Midplane:
    """The plane R = ``at`` + ``tilt`` . (A, S), RAS in mm, that halves the head (or the trunk).

    Nearer to it than ``MARGIN_MM`` a lesion is said to lie in the middle.
    """

    at: float
    tilt: tuple[float, float]

    def side(self, ras: tuple[float, float, float]) -> str:
        """Return "left", "right" or "middle", the patient's own, of a place in RAS mm."""
        off = ras[0] - self.at - self.tilt[0] * ras[1] - self.tilt[1] * ras[2]
        distance = off / np.sqrt(1 + self.tilt[0] ** 2 + self.tilt[1] ** 2)
        if abs(distance) < MARGIN_MM:
            return MIDDLE
        return RIGHT if distance > 0 else LEFT


def find_midplane(array: np.ndarray, geometry: Geometry) -> Midplane | None:
    """Return the plane that halves what an image (i, j, k) on ``geometry`` shows, None where that is not clear.

    It is the plane on which the image is most like its mirror image. Not clear: a head that is cut off at one side, is
    turned by more than 25 degrees or is unlike on both sides, and no head at all.
    """
    steps = [-(-n // _SAMPLES) for n in array.shape]
    values = standardise(_coarse(array, steps))
    inside = head_mask(values)
    if not inside.any() or _is_cut_off(inside, int(np.argmax(np.abs(geometry.affine[0, :3]) / geometry.spacing))):
        return None
    values = np.minimum(values, 1.5)  # what is very bright is seldom on both sides
    to_world = geometry.affine @ np.diag([*steps, 1.0])
    to_voxel = np.linalg.inv(to_world)
    centre = to_world[:3, :3] @ np.argwhere(inside).mean(axis=0) + to_world[:3, 3]
    deviation = values - values.mean(dtype=np.float64)
    length = np.linalg.norm(deviation)

    def unlikeness(plane):
        normal = np.array([1.0, -plane[1], -plane[2]])
        mirror = np.eye(4)
        mirror[:3, :3] -= 2 * np.outer(normal, normal) / (normal @ normal)
        mirror[:3, 3] = centre - mirror[:3, :3] @ centre + 2 * plane[0] * normal / (normal @ normal)
        there = to_voxel @ mirror @ to_world
        other = ndimage.affine_transform(values, there[:3, :3], there[:3, 3], order=1, cval=0.0)
        other = other - other.mean(dtype=np.float64)
        return 1 - np.vdot(deviation, other) / max(length * np.linalg.norm(other), 1e-12)

    simplex = np.array([[0, 0, 0], [8, 0, 0], [0, 0.15, 0], [0, 0, 0.15]], float)
    best = minimize(
        unlikeness, simplex[0], method="Nelder-Mead", options={"initial_simplex": simplex, "xatol": 0.01, "fatol": 1e-4}
    )
    at, *tilt = best.x.tolist()
    if best.fun > 1 - _LEAST_LIKENESS or np.abs(tilt).max() > _STEEPEST:
        return None
    return Midplane(float(centre[0] + at - tilt[0] * centre[1] - tilt[1] * centre[2]), (tilt[0], tilt[1]))


def _coarse(array: np.ndarray, steps: list[int]) -> np.ndarray:
    """The means of the blocks around every ``steps``-th voxel, float32."""
    for axis, step in enumerate(steps):  # what is left out along one axis need not be averaged along the next
        array = ndimage.uniform_filter1d(array, step, axis, np.float32)
        array = array[(slice(None),) * axis + (slice(None, None, step),)]
    return array


def _is_cut_off(inside: np.ndarray, across: int) -> bool:
    """Whether much of the tissue goes on beyond an end of the image along the axis ``across``."""
    inside = np.moveaxis(inside, across, -1)
    rows = inside.any(axis=-1)
    return bool(inside[rows][:, [0, -1]].mean(axis=0).max() > 0.15)
