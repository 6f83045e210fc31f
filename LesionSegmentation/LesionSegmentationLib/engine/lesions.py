"""The lesions of one operating point: what is shown, listed and exported."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from .errors import InputError
from .geometry import Geometry
from .operating_curve import Figures, OperatingCurve, OperatingPoint


@dataclass(frozen=True)
class Lesion:
    """A 26-connected component of the shown segmentation.

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


class Lesions:
    """The lesions that an operating point shows, after the smallest size; made by :func:`find_lesions`."""

    def __init__(self, curve: OperatingCurve, point: OperatingPoint, minimum_voxels: int):
        self.curve, self.point, self.minimum_voxels = curve, point, minimum_voxels
        components = curve.tree.components(point.count)
        large = components.voxels >= minimum_voxels
        self._kept = np.flatnonzero(large)
        self._components = components
        self._ranks = np.flatnonzero(large[components.of_rank])
        self._index = np.cumsum(large)[components.of_rank[self._ranks]] - 1

    def __len__(self) -> int:
        return self._kept.size

    @property
    def voxels(self) -> np.ndarray:
        """Flat C-order indices of the shown voxels, highest score first."""
        return self.curve.order[self._ranks]

    @cached_property
    def figures(self) -> Figures:
        """Expected figures of the shown voxels."""
        return self.curve.figures(self._ranks)

    def mask(self) -> np.ndarray:
        """Return the shown segmentation, uint8 (i, j, k)."""
        return self._painted(np.uint8(1), np.uint8)

    def labels(self) -> np.ndarray:
        """Return the shown lesions by id, int32 (i, j, k), 0 elsewhere."""
        return self._painted((self._components.basin[self._kept] + 1)[self._index], np.int32)

    @cached_property
    def rows(self) -> list[Lesion]:
        """The lesions, largest first."""
        geometry = self.curve.geometry
        if not len(self):
            return []
        ijk = np.stack(np.unravel_index(self.voxels, geometry.shape), axis=1)
        sizes = self._components.voxels[self._kept]
        peaks = self._components.peak[self._kept]
        probability = self.curve.expected[self._ranks]
        mean_probability, highest_probability = self._means(probability, sizes), np.zeros(len(self), np.float32)
        np.maximum.at(highest_probability, self._index, probability)
        centroid = geometry.world(np.stack([self._means(ijk[:, axis], sizes) for axis in range(3)], axis=1))
        peak_ijk = np.stack(np.unravel_index(self.curve.order[peaks], geometry.shape), axis=1)
        diameters = _longest_axes(ijk, self._index, geometry)
        volumes = sizes * geometry.voxel_ml
        lesions = [
            Lesion(
                id=int(basin) + 1,
                peak=tuple(peak_ijk[n].tolist()),
                voxels=int(sizes[n]),
                volume_ml=float(volumes[n]),
                diameter_mm=float(diameters[n]),
                equivalent_diameter_mm=float(np.cbrt(6000 * volumes[n] / np.pi)),
                mean_probability=float(mean_probability[n]),
                highest_probability=float(highest_probability[n]),
                centroid_ras=tuple(centroid[n].tolist()),
                appears_at_beta=_as_beta(float(self.curve.entries[peaks[n]])),
            )
            for n, basin in enumerate(self._components.basin[self._kept])
        ]
        return sorted(lesions, key=lambda lesion: (-lesion.voxels, lesion.id))

    def _means(self, values: np.ndarray, sizes: np.ndarray) -> np.ndarray:
        return np.bincount(self._index, weights=values, minlength=sizes.size) / sizes

    def _painted(self, values, dtype) -> np.ndarray:
        image = np.zeros(self.curve.geometry.shape, dtype)
        image.reshape(-1)[self.voxels] = values
        return image


def find_lesions(
    curve: OperatingCurve, point: OperatingPoint, minimum_volume_ml: float = 0.0, minimum_voxels: int = 0
) -> Lesions:
    """Return the lesions that ``point`` shows: components of at least both sizes. Negative sizes raise InputError."""
    if not (np.isfinite(minimum_volume_ml) and minimum_volume_ml >= 0) or minimum_voxels < 0:
        raise InputError("The smallest lesion to show must have a size of zero or more.")
    # A volume typed as n voxels must keep lesions of exactly n voxels, so rounding may not push it to n + 1.
    by_volume = int(np.ceil(minimum_volume_ml / curve.geometry.voxel_ml - 1e-6))
    return Lesions(curve, point, max(1, by_volume, minimum_voxels))


def slice_axis(geometry: Geometry) -> int:
    """Return the voxel axis across the slices: the one with clearly the largest spacing, else the one nearest S."""
    spacing = geometry.spacing
    coarsest = int(np.argmax(spacing))
    if spacing[coarsest] > 1.2 * np.sort(spacing)[1]:
        return coarsest
    return int(np.argmax(np.abs(geometry.affine[2, :3]) / spacing))


def _longest_axes(ijk: np.ndarray, index: np.ndarray, geometry: Geometry) -> np.ndarray:
    """Longest in-slice distance of each group of voxels, mm, one voxel added for the two half ends.

    The longest distance of a point set is its largest width over all directions; 90 directions find it to 0.02 %, and
    eight tell which slices cannot hold it.
    """
    across = slice_axis(geometry)
    axes = [axis for axis in range(3) if axis != across]
    key = np.ravel_multi_index(
        (index, *ijk[:, [across, *axes]].T), (index.max() + 1, *np.array(geometry.shape)[[across, *axes]])
    )
    key.sort()
    # Only the two ends of each row can be ends of the longest axis.
    row = key // geometry.shape[axes[1]]
    ends = key[np.concatenate([[True], row[1:] != row[:-1]]) | np.concatenate([row[1:] != row[:-1], [True]])]
    lesion, level, *place = np.unravel_index(ends, (index.max() + 1, *np.array(geometry.shape)[[across, *axes]]))
    points = np.stack(place, axis=1) * geometry.spacing[axes]
    slices = _group_starts(lesion, level)
    coarse = _widths(points, slices, 8)
    widest = np.maximum.reduceat(coarse, _group_starts(lesion[slices]))
    hopeful = coarse >= widest[lesion[slices]] * np.cos(np.pi / 16) - 1e-9
    kept = np.repeat(hopeful, np.diff(np.append(slices, ends.size)))
    lesion, level = lesion[kept], level[kept]
    slices = _group_starts(lesion, level)
    widths = _widths(points[kept], slices, 90)
    longest = np.maximum.reduceat(widths, _group_starts(lesion[slices]))
    return longest + np.sqrt(geometry.spacing[axes].prod())


def _widths(points: np.ndarray, starts: np.ndarray, directions: int) -> np.ndarray:
    """Largest width of each run of ``points`` (n, 2) over evenly spread directions."""
    angle = np.pi * np.arange(directions) / directions
    along = np.stack([np.cos(angle), np.sin(angle)], axis=1) @ points.T
    width = np.maximum.reduceat(along, starts, axis=1) - np.minimum.reduceat(along, starts, axis=1)
    return width.max(axis=0)


def _group_starts(*keys: np.ndarray) -> np.ndarray:
    """First positions of the runs of equal keys."""
    changes = np.any([key[1:] != key[:-1] for key in keys], axis=0)
    return np.flatnonzero(np.concatenate([[True], changes]))


def _as_beta(rho: float) -> float | None:
    return rho / (1 + rho) if np.isfinite(rho) else None
