"""Axial slices as a radiologist sees them, taken from arrays of any voxel order by their affine."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...engine.geometry import Geometry
from ...engine.lesions import Lesions

GAP_MM = 6.0
MARGIN_MM = 6.0


@dataclass(frozen=True)
class AxialView:
    """Cuts slices across the axis nearest to head-foot, cropped to the head.

    A slice is (rows, columns): row 0 is at the bottom (posterior), column 0 at the left of the picture, which is the
    patient's right. ``size_mm``: width and height of a picture.
    """

    geometry: Geometry
    columns: slice
    rows: slice

    @classmethod
    def of(cls, image: np.ndarray, geometry: Geometry) -> AxialView:
        """Return the view that frames what stands out from the background of ``image`` (i, j, k)."""
        whole = cls(geometry, slice(None), slice(None))
        turned = whole._turned(image)
        head = turned > _background_level(turned)
        box = []
        for axis in (0, 1):
            share = head.mean(axis=tuple(a for a in range(3) if a != axis))
            occupied = np.flatnonzero(share > 0.005)
            if not occupied.size:
                return whole
            margin = int(np.ceil(MARGIN_MM / whole._canonical.spacing[axis]))
            box.append(slice(max(0, int(occupied[0]) - margin), int(occupied[-1]) + 1 + margin))
        return cls(geometry, *box)

    @property
    def count(self) -> int:
        """How many slices there are, feet first."""
        return self._canonical.shape[2]

    @property
    def spacing_mm(self) -> float:
        """Distance between neighbouring slices."""
        return float(self._canonical.spacing[2])

    @property
    def size_mm(self) -> tuple[float, float]:
        ni, nj, _ = self._canonical.shape
        width, height = (len(range(*part.indices(n))) for part, n in ((self.columns, ni), (self.rows, nj)))
        return width * float(self._canonical.spacing[0]), height * float(self._canonical.spacing[1])

    def cut(self, array: np.ndarray, k: int) -> np.ndarray:
        """Return slice ``k`` of ``array`` (i, j, k on the geometry), (rows, columns)."""
        return self._turned(array)[self.columns, self.rows, k].T

    def height_mm(self, k: int) -> float:
        """Return the superior coordinate (RAS, mm) of the middle of slice ``k``."""
        ni, nj, _ = self._canonical.shape
        return float(self._canonical.world(np.array([[(ni - 1) / 2, (nj - 1) / 2, k]]))[0, 2])

    def largest_slices(self, lesions: Lesions) -> list[int]:
        """Return for each lesion, largest first, the slice that shows most of it."""
        labels = self._turned(lesions.labels())
        columns, rows, ks = np.nonzero(labels)
        found = labels[columns, rows, ks]
        return [int(np.bincount(ks[found == lesion.id]).argmax()) for lesion in lesions.rows[:50]]

    def spread_slices(self, image: np.ndarray, count: int) -> list[int]:
        """Return ``count`` evenly spread slices through the middle of the head."""
        turned = self._turned(image)
        share = (turned > _background_level(turned)).mean(axis=(0, 1))
        occupied = np.flatnonzero(share > 0.3 * share.max()) if share.max() > 0 else np.arange(self.count)
        return [int(occupied[round(f * (occupied.size - 1))]) for f in np.linspace(0.1, 0.9, count)]

    @property
    def _canonical(self) -> Geometry:
        return self.geometry.canonical()[0]

    def _turned(self, array: np.ndarray) -> np.ndarray:
        """(columns, rows, slices): nearest-RAS order with the first axis from the patient's right to the left."""
        _, order, flips = self.geometry.canonical()
        return array.transpose(order)[flips][::-1]


def choose_slices(view: AxialView, image: np.ndarray, candidates: list[Lesions], count: int) -> list[int]:
    """Return up to ``count`` slices, head first, at least ``GAP_MM`` apart.

    Through the largest lesions of the first of ``candidates``, then of the next; evenly spread where those do not
    suffice.
    """
    gap = max(1.0, GAP_MM / view.spacing_mm)
    chosen: list[int] = []

    def distance(k: int) -> float:
        return min((abs(k - other) for other in chosen), default=np.inf)

    for k in (k for lesions in candidates for k in view.largest_slices(lesions)):
        if len(chosen) < count and distance(k) >= gap:
            chosen.append(k)
    spread = view.spread_slices(image, 4 * count)
    while len(chosen) < count and distance(loneliest := max(spread, key=distance)) >= gap:
        chosen.append(loneliest)
    return sorted(chosen, reverse=True)


def grey_window(image: np.ndarray) -> tuple[float, float]:
    """Return the values to show as black and white: background, and the 99.5th percentile of the head."""
    head = image[image > _background_level(image)]
    low = float(np.percentile(image, 1))
    high = float(np.percentile(head, 99.5)) if head.size else low
    return low, high if high > low else low + 1


def _background_level(image: np.ndarray) -> float:
    low, high = np.percentile(image, [1, 98])
    return float(low + 0.2 * (high - low))
