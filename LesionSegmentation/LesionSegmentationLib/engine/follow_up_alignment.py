"""Two studies of one patient on one grid in the space halfway between them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from scipy.spatial.transform import Rotation

from .conditioned_score import ConditionedScore
from .errors import Cancelled, InputError
from .geometry import Geometry
from .probability_map import ProbabilityMap
from .registration import Registration, register
from .resample import resample_to
from .rigid_transform import halfway
from .volume import Volume

FINEST_MM = 1.0
# A score far beyond the trained range says no more than one a little beyond it, but would leak into its neighbours
# where scores are interpolated: there s was next to nothing.
_BEYOND = 4.0


@dataclass(frozen=True, eq=False)
class TimePoint:
    """One finished study: the reference ``image`` and the ``probability_map`` made of it, on the same grid.

    ``drawn``: the map is a segmentation as it stands, 0 and 1, which no setting is to change. Raises InputError when
    the two lie on different grids.
    """

    image: Volume
    probability_map: ProbabilityMap
    drawn: bool = False

    def __post_init__(self):
        if not self.image.geometry.same_grid(self.probability_map.geometry, 1e-2):
            raise InputError(
                f"{self.image.name} does not lie where its result lies; give the image that was segmented."
            )


@dataclass(frozen=True, eq=False)
class AlignedPair:
    """Both time points in the halfway space, resampled alike to one grid.

    ``images``: (earlier, later) float32 (i, j, k) on ``geometry``. ``maps``: (earlier, later) ProbabilityMap on it,
    both with a score or neither. ``drawn``: which of them no setting changes. ``seen``: bool (i, j, k), where both
    studies looked; only there anything can be compared. ``registration``: earlier to later. ``notes``: sentences that a
    person should read.
    """

    images: tuple[np.ndarray, np.ndarray]
    maps: tuple[ProbabilityMap, ProbabilityMap]
    drawn: tuple[bool, bool]
    seen: np.ndarray
    registration: Registration
    notes: tuple[str, ...] = ()

    @property
    def geometry(self) -> Geometry:
        return self.maps[0].geometry

    @property
    def to_halfway(self) -> tuple[np.ndarray, np.ndarray]:
        """(4, 4) each: bring places of the earlier and of the later study, RAS in mm, to the halfway space."""
        half = halfway(self.registration.matrix)
        return half, np.linalg.inv(half)


def align(
    earlier: TimePoint,
    later: TimePoint,
    progress: Callable[[str, float], None] = lambda stage, fraction: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> AlignedPair:
    """Register two time points and resample both, images and maps, to the halfway space; linear.

    ``progress(stage, fraction)`` hears of the stages register and resample. Raises InputError for maps that cannot be
    compared and for studies that show no common place, Cancelled when ``cancelled()`` said so.
    """
    _check_comparable(earlier, later)
    registration = register(earlier.image, later.image, lambda fraction: progress("register", fraction), cancelled)
    half = halfway(registration.matrix)
    placed = [_placed(point, matrix) for point, matrix in ((earlier, half), (later, np.linalg.inv(half)))]
    grid = halfway_grid(*(point.image.geometry for point in placed))
    seen = _inside(placed[0].image.geometry, grid) & _inside(placed[1].image.geometry, grid)
    if not seen.any():
        raise InputError(f"{earlier.image.name} and {later.image.name} do not show the same place of the head.")
    images, maps = [], []
    for number, point in enumerate(placed):
        if cancelled():
            raise Cancelled
        progress("resample", number / 2)
        images.append(resample_to(point.image, grid))
        maps.append(_resampled(point, grid))
    scores = [found.score for found in maps if found.score is not None]
    if len(scores) == 1:
        maps = [found if found.score is not None else _with_score(found, scores[0]) for found in maps]
    progress("resample", 1.0)
    drawn = earlier.drawn, later.drawn
    return AlignedPair(tuple(images), tuple(maps), drawn, seen, registration, tuple(_notes(earlier, later)))


def halfway_grid(earlier: Geometry, later: Geometry, finest_mm: float = FINEST_MM) -> Geometry:
    """Return one grid for two studies that are in the halfway space: cubes, about the part that both look at.

    Its axes are the mean of the axes of both, its voxels as large as the finest side of both, but not below
    ``finest_mm``. Which of the two is the earlier one makes no difference; two equal grids of such cubes give
    themselves, in nearest-RAS order. Raises InputError when the two do not look at the same place.
    """
    axes = Rotation.from_matrix([_axes(earlier), _axes(later)]).mean().as_matrix()
    corners = np.stack([grid.corners() @ axes for grid in (earlier, later)])
    low, high = corners.min(axis=1).max(axis=0), corners.max(axis=1).min(axis=0)
    spacing = max(finest_mm, float(min(earlier.spacing.min(), later.spacing.min())))
    if (high <= low).any():
        raise InputError("The two studies do not look at the same part of the head, even after registration.")
    count = np.floor((high - low) / spacing + 1e-6).astype(int) + 1
    first = (low + high - (count - 1) * spacing) / 2
    affine = np.eye(4)
    affine[:3, :3] = axes * spacing
    affine[:3, 3] = axes @ first
    return Geometry(tuple(count), affine)


def _axes(geometry: Geometry) -> np.ndarray:
    """The directions of a grid's axes in nearest-RAS order, as a right-handed rotation."""
    canonical, _, _ = geometry.canonical()
    axes = canonical.affine[:3, :3] / canonical.spacing
    # Far oblique, the nearest-RAS order can be left-handed.
    return axes if np.linalg.det(axes) > 0 else axes * (1, 1, -1)


def _placed(point: TimePoint, matrix: np.ndarray) -> TimePoint:
    """The time point where ``matrix`` brings it."""
    geometry = Geometry(point.image.geometry.shape, matrix @ point.image.geometry.affine)
    image = Volume(point.image.array, geometry, point.image.name)
    return TimePoint(image, replace(point.probability_map, geometry=geometry), point.drawn)


def _inside(geometry: Geometry, grid: Geometry) -> np.ndarray:
    """Where the voxel centres of ``grid`` lie within ``geometry``, outer faces of its voxels included; bool."""
    to_voxel = np.linalg.inv(geometry.affine) @ grid.affine
    i, j, k = np.ogrid[tuple(slice(n) for n in grid.shape)]
    inside = np.ones(grid.shape, bool)
    for (a, b, c, d), count in zip(to_voxel[:3], geometry.shape):
        place = a * i + b * j + c * k + d
        inside &= (place >= -0.5) & (place <= count - 0.5)
    return inside


def _resampled(point: TimePoint, grid: Geometry) -> ProbabilityMap:
    """The map of a time point on ``grid``; a drawn one is 0 and 1 there too."""
    geometry, score = point.probability_map.geometry, point.probability_map.score
    probability = resample_to(Volume(point.probability_map.array, geometry, "probability"), grid)
    if point.drawn:
        probability = (probability >= 0.5).astype(np.float32)
    if score is not None:
        low, high = _score_limits(score)
        moved = resample_to(Volume(np.clip(score.array, low, high), geometry, "score"), grid, low)
        score = ConditionedScore(moved, score.lowest, score.highest)
    return replace(point.probability_map, array=np.clip(probability, 0, 1), geometry=grid, score=score)


def _score_limits(score: ConditionedScore) -> tuple[float, float]:
    return -np.log(score.highest) - _BEYOND, -np.log(score.lowest) + _BEYOND


def _with_score(drawn: ProbabilityMap, like: ConditionedScore) -> ProbabilityMap:
    """A drawn map with a score by which every setting marks what is drawn, and nothing else."""
    low, high = _score_limits(like)
    array = np.where(drawn.array > 0.5, np.float32(high), np.float32(low))
    return replace(drawn, score=ConditionedScore(array, like.lowest, like.highest))


def _check_comparable(earlier: TimePoint, later: TimePoint) -> None:
    maps = earlier.probability_map, later.probability_map
    if earlier.image.sha256 is not None and earlier.image.sha256 == later.image.sha256:
        raise InputError(
            f"{earlier.image.name} and {later.image.name} are the same image; choose the results of two examinations."
        )
    if not (earlier.drawn or later.drawn) and (maps[0].score is None) != (maps[1].score is None):
        raise InputError(
            "One result comes from a model with a conditioned head and the other does not, so that no common level "
            "exists; segment both studies with the same model."
        )
    channels = [found.provenance.get("reference") for found in maps]
    if None not in channels and channels[0] != channels[1]:
        raise InputError(
            f"The earlier result lies on the {channels[0]} image and the later one on the {channels[1]} image; "
            "segment both studies on the same channel."
        )


def _notes(earlier: TimePoint, later: TimePoint) -> list[str]:
    drawn = [word for word, point in (("earlier", earlier), ("later", later)) if point.drawn]
    notes = [f"The {' and the '.join(drawn)} segmentation is compared as it was drawn: no setting changes it."]
    notes = notes if drawn else []
    models = [point.probability_map.provenance.get("model") for point in (earlier, later)]
    if not (earlier.drawn or later.drawn) and models[0] != models[1]:
        names = [(model or {}).get("name", "an unknown model") for model in models]
        notes.append(
            f"The two studies were segmented with different models ({names[0]}, {names[1]}) or versions of one: "
            "differences between the models look like changes."
        )
    return notes
