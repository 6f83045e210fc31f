"""What is said of a lesion: size, place, probabilities and the setting at which it appears, measured once."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from .component_tree import rank_box
from .geometry import Geometry

if TYPE_CHECKING:
    from .component_tree import Components
    from .operating_curve import OperatingCurve

_KEPT_ROWS = 50_000  # about 30 MB


@dataclass(frozen=True)
class Lesion:
    """A 26-connected component of the segmentation at one setting.

    ``id``: number of its peak among all peaks of the study, 1 is the highest; the same at every setting.
    ``peak``: voxel (i, j, k) of the highest score. ``diameter_mm``: longest axis within one slice, between voxel
    centres plus one voxel. ``equivalent_diameter_mm``: of the sphere of the same volume. ``centroid_ras``: mm.
    ``appears_at_beta``: the smallest beta, with alpha = 1 - beta, that marks it; None if no setting does.
    """

    id: int
    peak: tuple[int, int, int]
    voxels: int
    volume_ml: float
    diameter_mm: float
    equivalent_diameter_mm: float
    mean_probability: float
    highest_probability: float
    centroid_ras: tuple[float, float, float]
    appears_at_beta: float | None


class LesionMeasures:
    """Measures the components of a curve's ranking.

    A component only grows while voxels are added, so its peak and its size tell it from all others: what was measured
    once is looked up afterwards, and a slider that moves a little leaves little to measure. Sums over the voxels of a
    leaf are made beforehand for every number of them.
    """

    def __init__(self, curve: OperatingCurve):
        self._curve, self._tree, self._geometry = curve, curve.tree, curve.geometry
        self._across = slice_axis(curve.geometry)
        self._axes = [axis for axis in range(3) if axis != self._across]
        self._ijk = np.stack(np.unravel_index(curve.order, curve.geometry.shape)).astype(np.int32)
        leaf = self._tree.leaf_of_rank
        self._starts = np.concatenate([[0], np.cumsum(np.bincount(leaf, minlength=self._tree.peaks))])
        by_leaf = _stable_order(leaf, self._tree.peaks)
        values = (curve.expected, *self._ijk)
        self._sums = [np.concatenate([[0], np.cumsum(value[by_leaf], dtype=np.float64)]) for value in values]
        # Leaf by leaf and slice by slice, so that the outlines of a component come almost sorted.
        by_slice = _stable_order(self._ijk[self._across], curve.geometry.shape[self._across])
        self._by_slice = by_slice[_stable_order(leaf[by_slice], self._tree.peaks)].astype(np.int32)
        self._surrounded_at = _surrounded_at(curve.order, curve.geometry.shape, self._axes)[self._by_slice]
        self._peak_is_highest = bool((curve.expected[1:] <= curve.expected[:-1]).all())
        self._known: dict[tuple[int, int], Lesion] = {}
        self._last_sizes = np.full(self._tree.low.size, -1)
        self._last_diameters = np.full(self._tree.low.size, -1.0)
        self._reach: tuple[float, np.ndarray, np.ndarray] | None = None

    def rows(self, components: Components, wanted: np.ndarray) -> list[Lesion]:
        """Return one Lesion for each of the ``components`` with these indices."""
        keys = list(zip(components.peak[wanted].tolist(), components.voxels[wanted].tolist()))
        missing = [number for number, key in enumerate(keys) if key not in self._known]
        if missing:
            if len(self._known) > _KEPT_ROWS:
                self._known = {key: self._known[key] for key in keys if key in self._known}
            measured = self._measure(components, wanted[missing])
            self._known.update(zip([keys[number] for number in missing], measured))
        return [self._known[key] for key in keys]

    def reach(self, components: Components, wanted: np.ndarray, diameter_mm: float) -> np.ndarray:
        """Return which of the ``components`` with these indices have at least that longest in-slice diameter.

        The component that holds a peak only grows while voxels are added: it keeps a diameter that it once had, and
        what it has not yet it never had before. So each peak has two sizes between which alone something is measured.
        """
        if self._reach is None or self._reach[0] != diameter_mm:
            self._reach = diameter_mm, np.zeros(self._tree.peaks, np.int64), np.full(self._tree.peaks, np.inf)
        _, short_up_to, reached_from = self._reach
        basin, voxels = components.basin[wanted], components.voxels[wanted]
        unknown = np.flatnonzero((short_up_to[basin] < voxels) & (voxels < reached_from[basin]))
        if unknown.size:
            reached = self._diameters(components, wanted[unknown]) >= diameter_mm
            reached_from[basin[unknown[reached]]] = voxels[unknown[reached]]
            short_up_to[basin[unknown[~reached]]] = voxels[unknown[~reached]]
        return reached_from[basin] <= voxels

    def last_sizes(self, nodes: np.ndarray) -> np.ndarray:
        """Return how many voxels the nodes have when they are about to merge into their parents."""
        missing = nodes[self._last_sizes[nodes] < 0]
        _, index = self._voxels(missing, self._tree.death[missing])
        self._last_sizes[missing] = np.bincount(index, minlength=missing.size)
        return self._last_sizes[nodes]

    def last_diameters(self, nodes: np.ndarray) -> np.ndarray:
        """Return the longest in-slice diameters of the nodes, mm, when they are about to merge into their parents."""
        missing = nodes[self._last_diameters[nodes] < 0]
        if missing.size:
            place, index = self._voxels(missing, self._tree.death[missing])
            outline = self._surrounded_at[place] >= self._tree.death[missing][index]
            self._last_diameters[missing] = self._longest_axes(self._by_slice[place[outline]], index[outline])
        return self._last_diameters[nodes]

    def smallest_size(self, diameter_mm: float) -> int:
        """Return a number of voxels below which no component can have that ``diameter_mm``."""
        spacing = self._geometry.spacing[self._axes]
        return max(1, int(np.ceil((diameter_mm - np.sqrt(spacing.prod())) / np.linalg.norm(spacing) - 1e-6)) + 1)

    def rank_of(self, voxel: tuple[int, int, int]) -> int | None:
        """Return the rank of a voxel (i, j, k), None where it has none."""
        if not all(0 <= index < n for index, n in zip(voxel, self._geometry.shape)):
            return None
        by_voxel, voxels = self._voxel_search
        flat = np.ravel_multi_index(voxel, self._geometry.shape)
        place = int(np.searchsorted(voxels, flat))
        return int(by_voxel[place]) if place < voxels.size and voxels[place] == flat else None

    def ranks(self, node: int, count: int) -> np.ndarray:
        """Return the ranks of the voxels of a node in the prefix of ``count`` voxels, in no particular order."""
        return self._by_slice[self._voxels(np.array([node]), np.array([count]))[0]]

    def middle(self, node: int, count: int) -> tuple[float, float, float]:
        """Return the place (RAS, mm) of the voxel of a component that is nearest to its centroid."""
        places = self._geometry.world(self._ijk[:, self.ranks(node, count)].T)
        nearest = np.argmin(((places - places.mean(axis=0)) ** 2).sum(axis=1))
        return tuple(places[nearest].tolist())

    @cached_property
    def _voxel_search(self) -> tuple[np.ndarray, np.ndarray]:
        """The ranks in the order of their voxels, and those voxels."""
        by_voxel = np.argsort(self._curve.order)
        return by_voxel, self._curve.order[by_voxel]

    def _voxels(self, nodes: np.ndarray, counts: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The voxels of the nodes in the prefixes of ``counts``, as places in ``_by_slice``, and whose each is."""
        first = self._starts[self._tree.low[nodes]]
        length = self._starts[self._tree.low[nodes] + self._tree.leaves[nodes]] - first
        index = np.repeat(np.arange(nodes.size), length)
        place = np.arange(index.size) + np.repeat(first - np.cumsum(length) + length, length)
        inside = self._by_slice[place] < counts[index]
        return place[inside], index[inside]

    def _measure(self, components: Components, wanted: np.ndarray) -> list[Lesion]:
        curve, geometry, tree = self._curve, self._geometry, self._tree
        nodes, peaks, sizes = components.node[wanted], components.peak[wanted], components.voxels[wanted]
        means = self._sums_of(components.count, nodes) / sizes
        diameters, highest = self._diameters(components, wanted), curve.expected[peaks]
        if not self._peak_is_highest:
            highest = np.array([curve.expected[self.ranks(node, components.count)].max() for node in nodes])
        volumes = sizes * geometry.voxel_ml
        columns = (
            (tree.basin[peaks] + 1).tolist(),
            [tuple(peak) for peak in self._ijk[:, peaks].T.tolist()],
            sizes.tolist(),
            volumes.tolist(),
            diameters.tolist(),
            np.cbrt(6000 * volumes / np.pi).tolist(),
            means[0].tolist(),
            highest.tolist(),
            [tuple(place) for place in geometry.world(means[1:].T).tolist()],
            [_as_beta(rho) for rho in curve.entries[peaks].tolist()],
        )
        return [Lesion(*row) for row in zip(*columns)]

    def _sums_of(self, count: int, nodes: np.ndarray) -> np.ndarray:
        """Sums of the probability and of i, j and k over the voxels of each node, (4, nodes)."""
        starts, low = self._starts[:-1], self._tree.low[nodes]
        ends = starts + self._tree.leaf_sizes(count)
        before = np.zeros((4, starts.size + 1))
        for row, sums in zip(before, self._sums):
            np.cumsum(sums[ends] - sums[starts], out=row[1:])
        return before[:, low + self._tree.leaves[nodes]] - before[:, low]

    def _diameters(self, components: Components, wanted: np.ndarray) -> np.ndarray:
        count, low = components.count, self._tree.low[components.node[wanted]]
        starts, ends = self._starts[low], self._starts[low + self._tree.leaves[components.node[wanted]]]
        outlines = []
        for part in map(slice, starts.tolist(), ends.tolist()):
            ranks = self._by_slice[part]
            outlines.append(ranks[(self._surrounded_at[part] >= count) & (ranks < count)])
        index = np.repeat(np.arange(wanted.size), [outline.size for outline in outlines])
        return self._longest_axes(np.concatenate(outlines), index)

    def _longest_axes(self, ranks: np.ndarray, index: np.ndarray) -> np.ndarray:
        """Longest in-slice distance of each group of voxels, mm, one voxel added for the two half ends.

        The longest distance of a point set is its largest width over all directions; 90 directions find it to 0.02 %,
        and eight tell which slices cannot hold it.
        """
        level = index * self._geometry.shape[self._across] + self._ijk[self._across, ranks]
        by_slice = np.argsort(level, kind="stable")
        ranks, index, level = ranks[by_slice], index[by_slice], level[by_slice]
        spacing = self._geometry.spacing[self._axes].astype(np.float32)
        points = np.stack([self._ijk[axis, ranks] * step for axis, step in zip(self._axes, spacing)])
        slices = _group_starts(level)
        coarse = _widths(points, slices, 8)
        widest = np.maximum.reduceat(coarse, _group_starts(index[slices]))
        hopeful = coarse >= widest[index[slices]] * np.cos(np.pi / 16) - 1e-4
        kept = np.repeat(hopeful, np.diff(np.append(slices, level.size)))
        index, level = index[kept], level[kept]
        slices = _group_starts(level)
        widths = _widths(points[:, kept], slices, 90)
        return np.maximum.reduceat(widths, _group_starts(index[slices])) + np.sqrt(spacing.prod())


def slice_axis(geometry: Geometry) -> int:
    """Return the voxel axis across the slices: the one with clearly the largest spacing, else the one nearest S."""
    spacing = geometry.spacing
    coarsest = int(np.argmax(spacing))
    if spacing[coarsest] > 1.2 * np.sort(spacing)[1]:
        return coarsest
    return int(np.argmax(np.abs(geometry.affine[2, :3]) / spacing))


def _surrounded_at(order: np.ndarray, shape: tuple[int, int, int], axes: list[int]) -> np.ndarray:
    """The rank at which each voxel comes to lie between two others on a line of its slice; ``order.size`` for never.

    From then on it can be no end of a longest axis. The line runs along a row, a column or a diagonal.
    """
    ranks, place, strides = rank_box(order, shape)
    one, other = strides[axes[0]], strides[axes[1]]
    surrounded = np.full(order.size, order.size, np.int32)
    for step in (one, other, one + other, one - other):
        np.minimum(surrounded, np.maximum(ranks[place + step], ranks[place - step]), out=surrounded)
    return surrounded


def _stable_order(numbers: np.ndarray, end: int) -> np.ndarray:
    """The order of whole numbers from 0 to below ``end``, equal ones as they are; short ones are sorted much sooner."""
    return np.argsort(numbers.astype(np.min_scalar_type(end)), kind="stable")


def _widths(points: np.ndarray, starts: np.ndarray, directions: int) -> np.ndarray:
    """Largest width of each run of ``points`` (2, n) over evenly spread directions."""
    angle = np.pi * np.arange(directions) / directions
    along = np.stack([np.cos(angle), np.sin(angle)], axis=1).astype(points.dtype) @ points
    width = np.maximum.reduceat(along, starts, axis=1) - np.minimum.reduceat(along, starts, axis=1)
    return width.max(axis=0)


def _group_starts(key: np.ndarray) -> np.ndarray:
    """First positions of the runs of equal keys."""
    return np.flatnonzero(np.concatenate([[True], key[1:] != key[:-1]]))


def _as_beta(rho: float) -> float | None:
    return rho / (1 + rho) if np.isfinite(rho) else None
