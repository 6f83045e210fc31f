"""Rigid registration of two heads, and whether it can be believed.

Both images are brought to 2 mm first. The mutual information of their grey values within the first head (Mattes et al.,
IEEE TMI 2003) is then made as large as possible, coarse to fine, from the best of several starts: two visits lie some
degrees and centimetres apart, and a search from one start alone can end in the wrong place. Seeded, and computed in one
thread, so that the same images always give the same transform.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import SimpleITK
from scipy.spatial.transform import Rotation

from .errors import Cancelled, InputError
from .geometry import Geometry, to_canonical
from .intensity import head_mask, standardise
from .resample import resample_axes, resample_to, resampled_geometry
from .rigid_transform import rotation_degrees
from .volume import Volume, to_sitk

# Below these two heads are not taken to lie on each other. Visits of one patient reached 0.88 and 0.97 in real scans,
# different patients 0.62 and 0.95 or less.
LEAST_SIMILARITY = 0.7
LEAST_OVERLAP = 0.85
_WORSE = 0.01

_SPACING_MM = 2.0
_SEED = 20  # 0 would mean the time of day
_BINS = 32
_START_TURN_DEGREES = 20
_STARTS_TRIED = 3
_VOXELS_LOOKED_AT = 40_000
# (shrink factor of the 2 mm image, smoothing in mm, longest step in mm, steps)
_COARSE = ((4, 4.0, 4.0, 40),)
_FINE = ((2, 2.0, 1.0, 40), (1, 0.0, 0.4, 12))
_FLIP = np.diag([-1.0, -1.0, 1.0, 1.0])


@dataclass(frozen=True, eq=False)
class Registration:
    """Where the later head lies.

    ``matrix``: (4, 4), brings a place in the earlier study, RAS in mm, to the same place of the head in the later one.
    ``similarity_before``, ``similarity_after``: correlation of the grey values over both heads, -1 to 1, as the studies
    lie in space and after registration. ``overlap``: Dice of the two heads after it, 0 to 1, where both studies look.
    """

    matrix: np.ndarray
    similarity_before: float
    similarity_after: float
    overlap: float

    @property
    def warning(self) -> str:
        """Why the two heads may not lie on each other, one sentence; empty when nothing speaks against it."""
        if self.overlap < LEAST_OVERLAP:
            reason = f"the two heads overlap by {self.overlap:.0%} only"
        elif self.similarity_after < LEAST_SIMILARITY:
            reason = f"the two images resemble each other little (correlation {self.similarity_after:.2f})"
        elif self.similarity_after < self.similarity_before - _WORSE:
            reason = (
                f"the two images resemble each other less than before it (correlation {self.similarity_after:.2f} "
                f"instead of {self.similarity_before:.2f})"
            )
        else:
            return ""
        return (
            f"The registration of the two studies seems to have failed: {reason}. Do not trust the changes before you "
            "have seen side by side that both are the same patient and lie on each other."
        )

    def to_dict(self) -> dict:
        """Return all of it ready for JSON, the warning included."""
        return {
            "earlier_to_later_ras": self.matrix.tolist(),
            "rotation_degrees": round(rotation_degrees(self.matrix), 4),
            "similarity_before": self.similarity_before,
            "similarity_after": self.similarity_after,
            "overlap": self.overlap,
            "warning": self.warning,
        }

    @classmethod
    def from_dict(cls, entry: dict) -> Registration:
        """Return the registration that :meth:`to_dict` wrote."""
        matrix = np.array(entry["earlier_to_later_ras"], np.float64)
        return cls(matrix, entry["similarity_before"], entry["similarity_after"], entry["overlap"])


def register(
    earlier: Volume,
    later: Volume,
    progress: Callable[[float], None] = lambda fraction: None,
    cancelled: Callable[[], bool] = lambda: False,
) -> Registration:
    """Find the rigid transform between two images of one head, of any voxel order, direction and spacing.

    ``progress`` hears of the fraction done, 0 to 1; ``cancelled`` is asked at every step and raises Cancelled. Raises
    InputError when an image shows no head.
    """
    fixed, moving = _working(earlier), _working(later)
    search = _Search(fixed, moving, progress, cancelled)
    identity = SimpleITK.Euler3DTransform()
    starts = sorted(_starts(fixed, moving), key=search.cost)[:_STARTS_TRIED]
    coarse = [search.run(start, _COARSE, 0.05 + 0.15 * n, 0.15) for n, start in enumerate(starts)]
    found = search.run(min(coarse, key=search.cost), _FINE, 0.5, 0.48)
    # The studies may lie on each other already, and then no search does better.
    best = min((identity, found), key=search.cost)
    before, _ = _agreement(fixed, moving, np.eye(4))
    matrix = _to_matrix(best)
    after, overlap = _agreement(fixed, moving, matrix)
    progress(1.0)
    return Registration(matrix, before, after, overlap)


@dataclass(frozen=True)
class _Head:
    """An image at about 2 mm, in nearest-RAS order, tissue near 1, with the mask and the middle of the head."""

    volume: Volume
    inside: np.ndarray

    @property
    def middle(self) -> np.ndarray:
        return self.volume.geometry.world(np.argwhere(self.inside).mean(axis=0)[None])[0]


def _working(volume: Volume) -> _Head:
    canonical, order, flips = volume.geometry.canonical()
    shape = tuple(max(2, round(n * s / _SPACING_MM)) for n, s in zip(canonical.shape, canonical.spacing))
    array = resample_axes(to_canonical(volume.array, order, flips).astype(np.float32), shape)
    # A few glaring voxels (fat, vessels) would take up most of the range of the histogram.
    array = np.minimum(standardise(array), 2.5)
    inside = head_mask(array)
    if inside.mean() < 0.005:
        raise InputError(f"{volume.name} shows no head to register: hardly any voxel stands out; check the image.")
    return _Head(Volume(array, resampled_geometry(canonical, shape), volume.name), inside)


def _starts(fixed: _Head, moving: _Head) -> list[SimpleITK.Euler3DTransform]:
    """As the studies lie, and with the middles of the heads on each other, straight or turned about one axis."""
    starts = [SimpleITK.Euler3DTransform()]
    middle, shift = fixed.middle, moving.middle - fixed.middle
    for turn in (np.zeros(3), *np.eye(3), *-np.eye(3)):
        matrix = np.eye(4)
        matrix[:3, :3] = Rotation.from_rotvec(turn * _START_TURN_DEGREES, degrees=True).as_matrix()
        matrix[:3, 3] = middle + shift - matrix[:3, :3] @ middle
        starts.append(_to_transform(matrix, middle))
    return starts


class _Search:
    """The search for the best transform between two heads, in stages."""

    def __init__(self, fixed, moving, progress, cancelled):
        self._progress, self._cancelled = progress, cancelled
        self._fixed, self._moving = to_sitk(fixed.volume), to_sitk(moving.volume)
        self._voxels = int(fixed.inside.sum())
        self._mask = to_sitk(Volume(fixed.inside.astype(np.uint8), fixed.volume.geometry, "head"))

    def cost(self, transform) -> float:
        """How bad a transform is at 4 mm; where the two images do not even meet, as bad as can be."""
        method = self._method(shrink=2, smoothing=2.0)
        method.SetInitialTransform(transform)
        try:
            return method.MetricEvaluate(self._fixed, self._moving)
        except RuntimeError:
            return np.inf

    def run(self, start, levels, done: float, share: float):
        """Return the best transform found from ``start``; ``done`` and ``share`` tell of the progress."""
        transform = SimpleITK.Euler3DTransform(start)
        for number, level in enumerate(levels):
            begin = done + share * number / len(levels)
            transform = self._run_level(transform, level, begin, share / len(levels))
        return transform

    def _run_level(self, start, level, begin, share):
        shrink, smoothing, longest_step, steps = level
        method = self._method(shrink, smoothing)
        transform = SimpleITK.Euler3DTransform(start)
        method.SetInitialTransform(transform, inPlace=True)
        method.SetOptimizerAsConjugateGradientLineSearch(
            learningRate=1.0,
            numberOfIterations=steps,
            estimateLearningRate=method.EachIteration,
            maximumStepSizeInPhysicalUnits=longest_step,
        )
        method.SetOptimizerScalesFromPhysicalShift()

        def at_iteration():
            self._progress(begin + share * min(1.0, method.GetOptimizerIteration() / steps))
            if self._cancelled():
                method.StopRegistration()

        method.AddCommand(SimpleITK.sitkIterationEvent, at_iteration)
        if self._cancelled():
            raise Cancelled
        try:
            method.Execute(self._fixed, self._moving)
        except RuntimeError:  # the images lost sight of each other: this start leads nowhere
            return start
        if self._cancelled():
            raise Cancelled
        return transform

    def _method(self, shrink, smoothing):
        method = SimpleITK.ImageRegistrationMethod()
        method.SetNumberOfWorkUnits(1)
        method.SetMetricAsMattesMutualInformation(_BINS)
        method.SetMetricFixedMask(self._mask)
        share = _VOXELS_LOOKED_AT * shrink**3 / self._voxels
        if share < 1:
            method.SetMetricSamplingStrategy(method.RANDOM)
            method.SetMetricSamplingPercentage(share, _SEED)
        method.SetInterpolator(SimpleITK.sitkLinear)
        method.SetShrinkFactorsPerLevel([shrink])
        method.SetSmoothingSigmasPerLevel([smoothing])
        method.SmoothingSigmasAreSpecifiedInPhysicalUnitsOn()
        return method


def _to_transform(matrix: np.ndarray, middle: np.ndarray) -> SimpleITK.Euler3DTransform:
    """The transform of a RAS ``matrix``, turning about ``middle`` (RAS)."""
    lps = _FLIP @ matrix @ _FLIP
    centre = (_FLIP @ np.append(middle, 1))[:3]
    transform = SimpleITK.Euler3DTransform()
    transform.SetCenter(centre.tolist())
    transform.SetMatrix(lps[:3, :3].ravel().tolist(), 1e-6)
    transform.SetTranslation((lps[:3, :3] @ centre + lps[:3, 3] - centre).tolist())
    return transform


def _to_matrix(transform) -> np.ndarray:
    """The RAS matrix of a rigid transform; the rotation is brought to the nearest exact one."""
    transform = SimpleITK.Euler3DTransform(transform)
    rotation, centre = np.array(transform.GetMatrix()).reshape(3, 3), np.array(transform.GetCenter())
    lps = np.eye(4)
    lps[:3, :3] = Rotation.from_matrix(rotation).as_matrix()
    lps[:3, 3] = centre + transform.GetTranslation() - lps[:3, :3] @ centre
    return _FLIP @ lps @ _FLIP


def _agreement(fixed: _Head, moving: _Head, matrix: np.ndarray) -> tuple[float, float]:
    """Correlation of the grey values over both heads, and Dice of the heads, where both studies look; 0 if nowhere."""
    back = np.linalg.inv(matrix)
    place = Geometry(moving.volume.geometry.shape, back @ moving.volume.geometry.affine)
    grid = fixed.volume.geometry
    moved = resample_to(Volume(moving.volume.array, place, "moved"), grid, np.nan)
    there = np.isfinite(moved)
    head = head_mask(np.nan_to_num(moved))
    either = there & (fixed.inside | head)
    if either.sum() < 100:
        return 0.0, 0.0
    overlap = 2 * (there & fixed.inside & head).sum() / ((there & fixed.inside).sum() + head.sum())
    one, other = fixed.volume.array[either], moved[either]
    spread = float(one.std() * other.std())
    similarity = float(((one - one.mean()) * (other - other.mean())).mean() / spread) if spread > 0 else 0.0
    return round(similarity, 6), round(float(overlap), 6)
