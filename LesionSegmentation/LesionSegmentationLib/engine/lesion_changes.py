"""Which lesion of one time point is which of the other, and what became of it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .errors import InputError

NEW, GROWN, SHRUNK, GONE, UNCHANGED = "new", "grown", "shrunk", "gone", "unchanged"
# In this order everywhere: tables, segments and the values 1 to 5 of a label map.
CLASSES = (NEW, GROWN, SHRUNK, GONE, UNCHANGED)
_NEIGHBOURS = np.ones((3, 3, 3))


@dataclass(frozen=True)
class ChangeLimit:
    """How large a change has to be to count; whatever is smaller is called unchanged.

    A lesion that is there both times has grown or shrunk when it changed by at least ``ml`` and by at least ``share``
    of its earlier volume. One that is there at one time only is new or gone from ``single_ml`` on: the default is a
    sphere of 3 mm.

    These are choices, not measured figures: how well volumes are reproduced depends on scanner, protocol and model. To
    measure them on your own, scan a few patients twice within days, follow them up with this program, and take the
    95th percentile of the changes it then lists, all of which are errors. Raises InputError for negative numbers.
    """

    ml: float = 0.05
    share: float = 0.25
    single_ml: float = 0.014

    def __post_init__(self):
        for value in (self.ml, self.share, self.single_ml):
            if not (np.isfinite(value) and value >= 0):
                raise InputError(f"A limit of what counts as a change must be 0 or more, not {value:g}.")

    def class_of(self, earlier_ml: float, later_ml: float) -> str:
        """Return which of ``CLASSES`` two volumes make; at least one is above 0."""
        # Volumes are sums of voxels; a limit of exactly so many voxels must be reached by so many.
        grace = 1e-9
        if earlier_ml == 0 or later_ml == 0:
            if max(earlier_ml, later_ml) < self.single_ml - grace:
                return UNCHANGED
            return NEW if earlier_ml == 0 else GONE
        change = later_ml - earlier_ml
        if abs(change) < max(self.ml, self.share * earlier_ml) - grace or change == 0:
            return UNCHANGED
        return GROWN if change > 0 else SHRUNK


@dataclass(frozen=True)
class Change:
    """Lesions of both times that overlap, directly or through others, and what became of them.

    ``number``: from 1, in the order of the list. ``change``: one of ``CLASSES``. ``earlier_lesions``,
    ``later_lesions``: how many 26-connected lesions it is at each time. ``centroid_ras``: mm, in the halfway space.
    """

    number: int
    change: str
    earlier_lesions: int
    later_lesions: int
    earlier_ml: float
    later_ml: float
    centroid_ras: tuple[float, float, float]

    @property
    def change_ml(self) -> float:
        return self.later_ml - self.earlier_ml

    @property
    def change_percent(self) -> float | None:
        """Change in per cent of the earlier volume; None where there was none."""
        return 100 * self.change_ml / self.earlier_ml if self.earlier_ml > 0 else None

    @property
    def grouping(self) -> str:
        """ "split" (one became several), "merged", "regrouped" (several became several others), or empty."""
        if self.earlier_lesions > 1 and self.later_lesions > 1:
            return "regrouped"
        if self.earlier_lesions > 1 and self.later_lesions == 1:
            return "merged"
        return "split" if self.earlier_lesions == 1 and self.later_lesions > 1 else ""


def find_changes(
    earlier: np.ndarray, later: np.ndarray, geometry, limit: ChangeLimit, minimum_volume_ml: float = 0.0
) -> tuple[list[Change], np.ndarray]:
    """Match the lesions of two masks by overlap and say what became of each.

    ``earlier``, ``later``: bool (i, j, k) on ``geometry``. Lesions belong together when they share a voxel. What is
    smaller than ``minimum_volume_ml`` at both times is left out. Returns the changes, by class and then largest first,
    and a label map, int32 (i, j, k): at every voxel of either mask the number of its change, 0 elsewhere.
    """
    groups, counts, box = _groups(earlier, later)
    flat = groups[box].reshape(-1)
    places = np.flatnonzero(flat)
    group = flat[places]
    total = counts.shape[1]
    one, other = earlier[box].reshape(-1)[places], later[box].reshape(-1)[places]
    voxels = np.stack([np.bincount(group[part], minlength=total) for part in (one, other)])
    size = np.maximum(np.bincount(group, minlength=total), 1)
    ijk = np.stack(np.unravel_index(places, groups[box].shape)) + np.array([[part.start or 0] for part in box])
    centroids = geometry.world(np.stack([np.bincount(group, weights=axis, minlength=total) / size for axis in ijk], 1))
    volumes = voxels * geometry.voxel_ml
    classes = [limit.class_of(*volumes[:, n]) if n else "" for n in range(total)]
    listed = [n for n in range(1, total) if volumes[:, n].max() >= minimum_volume_ml - 1e-9]
    listed.sort(key=lambda n: (CLASSES.index(classes[n]), -volumes[:, n].max(), *centroids[n]))
    changes = [
        Change(
            number=number,
            change=classes[n],
            earlier_lesions=int(counts[0, n]),
            later_lesions=int(counts[1, n]),
            earlier_ml=float(volumes[0, n]),
            later_ml=float(volumes[1, n]),
            centroid_ras=tuple(centroids[n].tolist()),
        )
        for number, n in enumerate(listed, start=1)
    ]
    numbers = np.zeros(total, np.int32)
    numbers[listed] = np.arange(1, len(listed) + 1)
    return changes, numbers[groups]


def class_labels(changes: list[Change], numbers: np.ndarray) -> np.ndarray:
    """Return the classes as uint8 (i, j, k), 1 to 5 in the order of ``CLASSES``, from what find_changes returned."""
    values = [0, *(CLASSES.index(change.change) + 1 for change in changes)]
    return np.array(values, np.uint8)[numbers]


def _groups(earlier: np.ndarray, later: np.ndarray) -> tuple[np.ndarray, np.ndarray, tuple[slice, ...]]:
    """The group of every voxel, int32, 0 for none; lesions of each time in each group (2, groups + 1); a box."""
    # Here, since the panel, which needs nothing but the limits before studies are compared, opens much sooner so.
    from scipy import ndimage
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import connected_components

    groups = np.zeros(earlier.shape, np.int32)
    either = ndimage.find_objects((earlier | later).astype(np.uint8))
    if not either:
        return groups, np.zeros((2, 1), int), (slice(0, 0),) * 3
    box = either[0]
    (one, ones), (other, others) = (ndimage.label(mask[box], _NEIGHBOURS) for mask in (earlier, later))
    both = (one > 0) & (other > 0)
    pairs = coo_matrix((np.ones(int(both.sum())), (one[both] - 1, other[both] - 1 + ones)), shape=(ones + others,) * 2)
    count, of_lesion = connected_components(pairs, directed=False)
    of_lesion = of_lesion.astype(np.int32) + 1
    groups[box] = np.where(one > 0, np.append(0, of_lesion[:ones])[one], np.append(0, of_lesion[ones:])[other])
    counts = np.stack([np.bincount(part, minlength=count + 1) for part in (of_lesion[:ones], of_lesion[ones:])])
    return groups, counts, box
