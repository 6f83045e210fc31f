"""The lesions of one operating point: what is shown, listed and exported."""

from __future__ import annotations

from functools import cached_property

import numpy as np

from .decisions import MERGED, REJECTED, STATES, UNDECIDED, Decisions
from .errors import InputError
from .lesion_list import LesionList
from .lesion_measures import Lesion
from .operating_curve import Figures, OperatingCurve, OperatingPoint


class Lesions:
    """The lesions of an operating point; made by :func:`find_lesions`.

    *Listed* is what has at least the smallest size; *shown* is what is listed and was not rejected. Length, voxels,
    figures, mask, labels and rows are those of the shown lesions, here and wherever they are written to.
    """

    def __init__(
        self,
        curve: OperatingCurve,
        point: OperatingPoint,
        minimum_voxels: int,
        minimum_diameter_mm: float = 0.0,
        decisions: Decisions | None = None,
    ):
        self.curve, self.point = curve, point
        # Three voxels of 1 mm are 3 mm, also where the spacing was stored as 0.9999999.
        self._minimum_voxels, self._minimum_diameter = minimum_voxels, max(0.0, minimum_diameter_mm - 1e-3)
        self._decisions = decisions
        self._components = components = curve.tree.components(point.count)
        listed = self._large(components)
        states = np.zeros(listed.size, np.int8)
        if decisions is not None and len(decisions):
            decided = decisions.on(curve.tree, curve.measures.rank_of)
            states = decided.states(components, self._was_listed)
        self._listed = np.flatnonzero(listed)
        self._states = states[self._listed]
        shown = listed & (states != STATES.index(REJECTED))
        self._shown_count = int(shown.sum())
        self._is_shown = components.spread(shown)  # of every rank

    def __len__(self) -> int:
        return self._shown_count

    @property
    def voxels(self) -> np.ndarray:
        """Flat C-order indices of the shown voxels, highest score first."""
        return self.curve.order[: self.point.count][self._is_shown]

    def changes_from(self, earlier: Lesions) -> tuple[np.ndarray, np.ndarray]:
        """Return the ranks of the voxels (shown here but not in ``earlier``, the other way round).

        Both must be of one curve.
        """
        here, there = self._is_shown, earlier._is_shown
        common = min(here.size, there.size)
        differ = np.flatnonzero(here[:common] != there[:common])
        entering = [differ[here[differ]], common + np.flatnonzero(here[common:])]
        leaving = [differ[there[differ]], common + np.flatnonzero(there[common:])]
        return np.concatenate(entering), np.concatenate(leaving)

    @cached_property
    def figures(self) -> Figures:
        """Expected figures of the shown voxels."""
        return self.curve.figures_without(self.point.count, self.hidden)

    @cached_property
    def hidden(self) -> np.ndarray:
        """The ranks of the voxels that the setting marks and that are not shown, rising."""
        return np.flatnonzero(~self._is_shown)

    def sums(self, values: np.ndarray) -> np.ndarray:
        """Return the sum of ``values`` (one for every rank of the curve) over each shown lesion, float64."""
        shown = self._listed[self._states != STATES.index(REJECTED)]
        return self._components.sums(values[: self.point.count])[shown]

    def mask(self) -> np.ndarray:
        """Return the shown segmentation, uint8 (i, j, k)."""
        return self._painted(np.uint8(1), np.uint8)

    def labels(self) -> np.ndarray:
        """Return the shown lesions by id, int32 (i, j, k), 0 elsewhere."""
        ids = self._components.spread(self._components.basin.astype(np.int32) + 1)
        return self._painted(ids[self._is_shown], np.int32)

    @cached_property
    def rows(self) -> list[Lesion]:
        """The shown lesions, largest first."""
        return [lesion for lesion in self.listed if self.states[lesion.id] != REJECTED]

    @cached_property
    def listed(self) -> LesionList:
        """The shown and the rejected lesions, largest first."""
        components = self._components
        if components.tree is not self.curve.tree:  # candidates were added since; these components stay as they are
            components = self.curve.tree.components(self.point.count)
        return LesionList(self.curve.measures, components, self._largest_first)

    @cached_property
    def states(self) -> dict[int, str]:
        """What was decided on each listed lesion, by its id: one of ``decisions.STATES``."""
        names = [STATES[state] for state in self._states.tolist()]
        return dict(zip((self._components.basin[self._listed] + 1).tolist(), names))

    @property
    def smaller(self) -> int:
        """How many are left out for their size."""
        return self._components.basin.size - self._listed.size

    @property
    def undecided(self) -> list[Lesion]:
        """The listed lesions that a person has yet to decide on, largest first."""
        return [lesion for lesion in self.listed if self.states[lesion.id] in (UNDECIDED, MERGED)]

    def holding(self, voxel: tuple[int, int, int]) -> Lesion | None:
        """Return the listed lesion that holds the ``voxel`` (i, j, k), None where none does."""
        rank = self.curve.measures.rank_of(voxel)
        if rank is None or rank >= self.point.count:
            return None
        component = self._components.holding(self._components.tree.leaf_of_rank[rank : rank + 1])[0]
        number = np.flatnonzero(self._largest_first == component)
        return self.listed[int(number[0])] if number.size else None

    @cached_property
    def notes(self) -> dict[int, str]:
        """The notes on the listed lesions, by id; one that grew together from several has all of theirs."""
        notes: dict[int, str] = {}
        for peak, text in self._decisions.notes.items() if self._decisions is not None else ():
            lesion = self.holding(peak)
            if lesion is not None:
                notes[lesion.id] = f"{notes[lesion.id]}; {text}" if lesion.id in notes else text
        return notes

    def middle(self, lesion: Lesion) -> tuple[float, float, float]:
        """Return the place (RAS, mm) of the voxel of a listed lesion that is nearest to its centroid."""
        return self.curve.measures.middle(self._node(lesion), self.point.count)

    def voxels_of(self, lesion: Lesion) -> np.ndarray:
        """Return the flat C-order indices of the voxels of a listed lesion."""
        return self.curve.order[self.curve.measures.ranks(self._node(lesion), self.point.count)]

    def _node(self, lesion: Lesion) -> int:
        return self.curve.tree.component(self.curve.measures.rank_of(lesion.peak), self.point.count)

    @cached_property
    def _largest_first(self) -> np.ndarray:
        """The indices of the listed components, those of equal size in the order of their ids."""
        basin, voxels = self._components.basin[self._listed], self._components.voxels[self._listed]
        return self._listed[np.lexsort((basin, -voxels))]

    def _large(self, components) -> np.ndarray:
        """Which components have at least the smallest size."""
        large = components.voxels >= self._minimum_voxels
        if self._minimum_diameter > 0:
            measures = self.curve.measures
            hopeful = np.flatnonzero(large & (components.voxels >= measures.smallest_size(self._minimum_diameter)))
            large = np.zeros(large.size, bool)
            large[hopeful] = measures.reach(components, hopeful, self._minimum_diameter)
        return large

    def _was_listed(self, nodes: np.ndarray) -> np.ndarray:
        """Which nodes of the tree had at least the smallest size when they were about to merge."""
        measures = self.curve.measures
        large = measures.last_sizes(nodes) >= self._minimum_voxels
        if self._minimum_diameter > 0:
            large[large] = measures.last_diameters(nodes[large]) >= self._minimum_diameter
        return large

    def _painted(self, values, dtype) -> np.ndarray:
        image = np.zeros(self.curve.geometry.shape, dtype)
        image.reshape(-1)[self.voxels] = values
        return image


def find_lesions(
    curve: OperatingCurve,
    point: OperatingPoint,
    minimum_volume_ml: float = 0.0,
    minimum_voxels: int = 0,
    minimum_diameter_mm: float = 0.0,
    decisions: Decisions | None = None,
) -> Lesions:
    """Return the lesions of ``point``: components of at least all three sizes, without those that were rejected.

    Negative sizes raise InputError.
    """
    sizes = (minimum_volume_ml, minimum_voxels, minimum_diameter_mm)
    if not all(np.isfinite(size) and size >= 0 for size in sizes):
        raise InputError("The smallest lesion to show must have a size of zero or more.")
    # A volume typed as n voxels must keep lesions of exactly n voxels, so rounding may not push it to n + 1.
    by_volume = int(np.ceil(minimum_volume_ml / curve.geometry.voxel_ml - 1e-6))
    return Lesions(curve, point, max(1, by_volume, minimum_voxels), minimum_diameter_mm, decisions)
