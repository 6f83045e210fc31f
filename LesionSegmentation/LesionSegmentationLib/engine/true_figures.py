"""What a setting really reached, where a reference segmentation of the same image is there."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from scipy import ndimage

from .agreement import union_box
from .errors import InputError
from .operating_curve import Figures

if TYPE_CHECKING:
    from .lesions import Lesions
    from .operating_curve import OperatingCurve, OperatingPoint

_TOUCHING = np.ones((3, 3, 3), bool)
_NONE = np.zeros(0, np.int64)


class LesionCounts(NamedTuple):
    """Lesion by lesion, one shared voxel being enough.

    ``found`` of the ``reference`` lesions are marked; ``false`` of the ``marked`` ones share nothing with it.
    """

    found: int
    reference: int
    false: int
    marked: int


class TrueFigures:
    """The true figures of every setting of ``curve``, by sums along its ranking that are made once.

    ``reference``: bool (i, j, k) on the curve's grid, may be empty. Raises InputError when it has another shape. Voxels
    are flat C-order indices. ``added`` and ``removed`` below are voxels that were painted beyond what a setting marks,
    and erased from it.
    """

    def __init__(self, curve: OperatingCurve, reference: np.ndarray):
        if reference.shape != curve.geometry.shape:
            raise InputError(
                f"A reference of {reference.shape} voxels does not fit a result of {curve.geometry.shape} voxels."
            )
        self.curve = curve
        self.reference = np.ascontiguousarray(reference, bool).reshape(-1)
        self.total = int(np.count_nonzero(self.reference))
        box = union_box(reference, reference)
        labels = np.zeros(reference.shape, np.int32)
        labels[box], self.lesions = ndimage.label(reference[box], structure=_TOUCHING) if self.total else (0, 0)
        self._labels = labels.reshape(-1)
        self._generation = None

    @property
    def reference_ml(self) -> float:
        """Volume of the reference in ml."""
        return self.total * self.curve.geometry.voxel_ml

    def figures(self, lesions: Lesions, added: np.ndarray = _NONE, removed: np.ndarray = _NONE) -> Figures:
        """Return the true figures, in whole voxels, of the shown of engine Lesions, hand edits on top of them."""
        sums, hidden = self._sums(), lesions.hidden
        tp = int(sums[lesions.point.count]) - int(np.count_nonzero(self._of_rank[hidden]))
        tp += int(np.count_nonzero(self.reference[added])) - int(np.count_nonzero(self.reference[removed]))
        return self._figures(tp, lesions.point.count - hidden.size + added.size - removed.size)

    def at(self, point: OperatingPoint) -> Figures:
        """Return the true figures of all that a setting marks, before any smallest size, decision or hand edit."""
        return self._figures(int(self._sums()[point.count]), point.count)

    def lesion_counts(self, lesions: Lesions, added: np.ndarray = _NONE, removed: np.ndarray = _NONE) -> LesionCounts:
        """Return how many lesions agree; ``false`` and ``marked`` count the lesions of the list, without hand edits."""
        self._sums()
        touched = np.bincount(self._labels[lesions.voxels], minlength=self.lesions + 1)
        touched += np.bincount(self._labels[added], minlength=self.lesions + 1)
        touched -= np.bincount(self._labels[removed], minlength=self.lesions + 1)
        right = lesions.sums(self._of_rank)
        return LesionCounts(
            int(np.count_nonzero(touched[1:])), self.lesions, int(np.count_nonzero(right == 0)), len(lesions)
        )

    def _sums(self) -> np.ndarray:
        """How many of the first k voxels of the ranking are in the reference, for every k, int64."""
        if self._generation != self.curve.generation:  # a setting asked for voxels that were not sorted yet
            self._generation = self.curve.generation
            self._of_rank = self.reference[self.curve.order]
            self._cumulated = np.concatenate([[0], np.cumsum(self._of_rank)])
        return self._cumulated

    def _figures(self, tp: int, count: int) -> Figures:
        return Figures(tp, count - tp, self.total - tp, count * self.curve.geometry.voxel_ml)
