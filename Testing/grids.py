"""Grids and small scans that several tests of the engine start from."""

import numpy as np
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from LesionSegmentationLib.engine.geometry import Geometry


def affine(angles=(0, 0, 0), spacing=(1, 1, 1), signs=(1, 1, 1), order=(0, 1, 2), origin=(0, 0, 0)) -> np.ndarray:
    """Return voxel -> RAS: Euler ``angles`` in degrees, then voxel axes in another ``order`` and direction."""
    matrix = np.eye(4)
    axes = Rotation.from_euler("xyz", angles, degrees=True).as_matrix() * np.multiply(spacing, signs)
    matrix[:3, :3] = axes[:, list(order)]
    matrix[:3, 3] = origin
    return matrix


# Left-handed, oblique, anisotropic and permuted grids, and all of it at once.
GRIDS = {
    "plain": affine(),
    "left-handed": affine(signs=(-1, 1, 1), origin=(90, -126, -72)),
    "oblique": affine(angles=(12, -7, 21), origin=(-81.25, 33.5, 12.125)),
    "anisotropic": affine(spacing=(0.7, 0.7, 3), origin=(110, -95, -41)),
    "permuted": affine(order=(2, 0, 1), spacing=(1, 1.2, 3)),
    "everything": affine((15, 8, -30), (0.72, 0.9, 3.3), (-1, -1, 1), (1, 2, 0), (101.3, -120.7, 55.1)),
}

SCAN = np.random.default_rng(0).integers(0, 900, (9, 11, 7)).astype(np.int16)

angles = st.floats(-180, 180, allow_nan=False)
lengths = st.floats(0.3, 6, allow_nan=False)
places = st.floats(-300, 300, allow_nan=False)
affines = st.builds(
    affine,
    angles=st.tuples(angles, angles, angles),
    spacing=st.tuples(lengths, lengths, lengths),
    signs=st.tuples(*(st.sampled_from((-1, 1)),) * 3),
    order=st.permutations((0, 1, 2)),
    origin=st.tuples(places, places, places),
)
shapes = st.tuples(*(st.integers(2, 6),) * 3)
geometries = st.builds(Geometry, shapes, affines)
