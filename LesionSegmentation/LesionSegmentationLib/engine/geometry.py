"""Where the voxels of an array lie in the patient."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import permutations, product

import numpy as np

from .errors import InputError

# Directions closer than this count as equal when the nearest voxel order is chosen.
_TIE = 1e-6


@dataclass(frozen=True, eq=False)
class Geometry:
    """A voxel grid: ``shape`` (ni, nj, nk) and ``affine`` (4, 4) float64, voxel (i, j, k) -> RAS in mm.

    Compare grids with :meth:`same_grid`. Raises InputError for an affine that is not finite or cannot be inverted.
    """

    shape: tuple[int, int, int]
    affine: np.ndarray

    def __post_init__(self):
        affine = np.array(self.affine, dtype=np.float64)
        if affine.shape != (4, 4) or len(self.shape) != 3:
            raise InputError("A voxel grid needs three axes and a 4 x 4 affine.")
        if not np.isfinite(affine).all() or not _invertible(affine[:3, :3]):
            raise InputError("The affine of a voxel grid is singular or not finite.")
        affine.flags.writeable = False
        object.__setattr__(self, "affine", affine)
        object.__setattr__(self, "shape", tuple(int(n) for n in self.shape))

    @property
    def spacing(self) -> np.ndarray:
        """Voxel size in mm along i, j and k, (3,)."""
        return np.linalg.norm(self.affine[:3, :3], axis=0)

    @property
    def voxel_ml(self) -> float:
        """Volume of one voxel in ml."""
        return float(abs(np.linalg.det(self.affine[:3, :3]))) / 1000

    def world(self, ijk: np.ndarray) -> np.ndarray:
        """Return the RAS positions (n, 3) in mm of the voxel coordinates ``ijk`` (n, 3)."""
        return np.asarray(ijk, np.float64) @ self.affine[:3, :3].T + self.affine[:3, 3]

    def voxel(self, ras: np.ndarray) -> np.ndarray:
        """Return the (fractional) voxel coordinates (n, 3) of the RAS positions ``ras`` (n, 3) in mm."""
        return np.linalg.solve(self.affine[:3, :3], (np.asarray(ras, np.float64) - self.affine[:3, 3]).T).T

    def corners(self) -> np.ndarray:
        """Return the RAS positions (8, 3) of the centres of the corner voxels."""
        return self.world(np.array(list(product(*((0, n - 1) for n in self.shape)))))

    def same_grid(self, other: Geometry, tolerance_mm: float = 1e-3) -> bool:
        """Tell whether every voxel of ``other`` has the index and, within ``tolerance_mm``, the place it has here."""
        # Affine maps that agree on the corners of a box agree everywhere inside it; the far corner counts one voxel
        # further out so that a grid of one slice is compared by its slice direction too.
        if self.shape != other.shape:
            return False
        far = np.array(list(product(*((0, max(n - 1, 1)) for n in self.shape))))
        return bool(np.abs(self.world(far) - other.world(far)).max() <= tolerance_mm)

    def same_lattice(self, other: Geometry, tolerance: float = 1e-2) -> bool:
        """Tell whether the voxel centres of both lie on one lattice, whatever part of it, in whatever voxel order.

        ``tolerance``: in voxels, over all of ``other``.
        """
        centres = self.voxel(other.corners())
        turn = np.rint(np.linalg.solve(self.affine[:3, :3], other.affine[:3, :3]))
        is_order = (np.abs(turn).sum(axis=0) == 1).all() and (np.abs(turn).sum(axis=1) == 1).all()
        first = np.rint(self.voxel(other.affine[None, :3, 3]))
        there = np.array(list(product(*((0, n - 1) for n in other.shape)))) @ turn.T + first
        return bool(is_order and np.abs(centres - there).max() <= tolerance)

    def overlaps(self, other: Geometry) -> bool:
        """Tell whether the boxes around the voxels of both share a place, seen along the axes of either."""
        return all(
            bool((high >= -0.5).all() and (low <= np.array(one.shape) - 0.5).all())
            for one, two in ((self, other), (other, self))
            for low, high in [_reach(one, two)]
        )

    def canonical(self) -> tuple[Geometry, tuple[int, int, int], tuple[slice, slice, slice]]:
        """Return the same grid in nearest-RAS voxel order, with the way there and back.

        Answers (geometry, order, flips): ``array.transpose(order)[flips]`` is an array of this grid in nearest-RAS
        order, and :func:`from_canonical` puts it back. Of the six orders the one with the largest sum of direction
        cosines on the diagonal is taken. The answer depends on the places of the voxels only, not on their order here.
        """
        directions = self.affine[:3, :3] / self.spacing
        ranked = [_candidate(directions, order) for order in permutations(range(3))]
        best = max(score for score, _, _, _ in ranked)
        # Oblique by exactly 45 degrees two orders are equally good: what then decides must be the same in every copy.
        _, order, signs = max(entry[1:] for entry in ranked if entry[0] >= best - _TIE)
        flips = tuple(slice(None) if sign > 0 else slice(None, None, -1) for sign in signs)
        shape = tuple(self.shape[axis] for axis in order)
        affine = self.affine.copy()
        affine[:3, :3] = self.affine[:3, list(order)] * signs
        first = np.zeros(3)
        for axis, sign in zip(order, signs):
            first[axis] = 0 if sign > 0 else self.shape[axis] - 1
        affine[:3, 3] = self.world(first[None])[0]
        return Geometry(shape, affine), order, flips

    def to_dict(self) -> dict:
        """Return ``shape`` and ``affine`` as plain lists, ready for JSON."""
        return {"shape": list(self.shape), "affine": self.affine.tolist()}

    @classmethod
    def from_dict(cls, entry: dict) -> Geometry:
        """Return the geometry that :meth:`to_dict` wrote."""
        return cls(tuple(entry["shape"]), np.array(entry["affine"]))


def to_canonical(array: np.ndarray, order: tuple[int, int, int], flips: tuple[slice, ...]) -> np.ndarray:
    """Return ``array`` (i, j, k) in the nearest-RAS order of :meth:`Geometry.canonical`, C-contiguous."""
    return np.ascontiguousarray(array.transpose(order)[flips])


def from_canonical(array: np.ndarray, order: tuple[int, int, int], flips: tuple[slice, ...]) -> np.ndarray:
    """Undo :func:`to_canonical`: return ``array`` in the voxel order it came in, C-contiguous."""
    return np.ascontiguousarray(array[flips].transpose(np.argsort(order)))


def _reach(one: Geometry, two: Geometry) -> tuple[np.ndarray, np.ndarray]:
    """The lowest and the highest voxel coordinates in ``one`` of what the voxels of ``two`` fill."""
    corners = np.array(list(product(*((-0.5, n - 0.5) for n in two.shape))))
    there = one.voxel(two.world(corners))
    return there.min(axis=0), there.max(axis=0)


def _invertible(matrix: np.ndarray) -> bool:
    lengths = np.linalg.norm(matrix, axis=0)
    return bool((lengths > 0).all() and abs(np.linalg.det(matrix / lengths)) > 1e-6)


def _candidate(directions: np.ndarray, order: tuple[int, ...]) -> tuple[float, tuple, tuple[int, ...], tuple[int, ...]]:
    """Score one voxel order: (sum of cosines, tie breaker made of world directions only, order, sign of each axis)."""
    turned = directions[:, list(order)]
    signs = tuple(1 if turned[_leading(turned[:, world], world), world] > 0 else -1 for world in range(3))
    # + 0.0 makes the two zeros of floating point one.
    tie_breaker = tuple(np.round(turned * signs, 6).ravel() + 0.0)
    return float(np.abs(np.diag(turned)).sum()), tie_breaker, order, signs


def _leading(direction: np.ndarray, world: int) -> int:
    """The component that gives an axis its sign: its own one, or the first that is not zero where that is."""
    return world if abs(direction[world]) > _TIE else int(np.flatnonzero(np.abs(direction) > _TIE)[0])
