"""Where the patches of a training lie."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from LesionSegmentationLib.engine.errors import InputError
from LesionSegmentationLib.engine.prepare import TISSUE

from .case_cache import Case

TRIES = 50


@dataclass(frozen=True)
class Place:
    """Index of a case among those of the sampler, and the voxel (3,) that a patch is centred on."""

    case: int
    centre: np.ndarray


class Sampler(Protocol):
    """Draws places; the answer depends on ``rng`` and ``step`` (the number of the batch) only."""

    def draw(self, rng: np.random.Generator, step: int) -> Place:
        """Draw the place of a patch of batch ``step``."""
        ...


class Uniform:
    """Any case, anywhere in its head."""

    def __init__(self, cases: Sequence[Case], patch: Sequence[int]):
        self.cases = cases

    def draw(self, rng: np.random.Generator, step: int) -> Place:
        """Draw a place; ``step`` has no influence."""
        case = int(rng.integers(len(self.cases)))
        return Place(case, tissue_voxel(rng, self.cases[case]))


class UniformLesion:
    """Shirokikh et al. 2020: patients in proportion to their number of lesions.

    ``lesion_share`` (published: one half) of the patches are centred on any voxel of an evenly drawn lesion, so that
    small lesions are seen as often as large ones; the others lie anywhere in the head.
    """

    def __init__(self, cases: Sequence[Case], patch: Sequence[int], lesion_share: float = 0.5):
        _check_lesions(cases, "uniform_lesion")
        self.cases, self.lesion_share = cases, lesion_share
        counts = np.array([len(case.sizes) for case in cases], float)
        self.odds = counts / counts.sum()

    def draw(self, rng: np.random.Generator, step: int) -> Place:
        """Draw a place; ``step`` has no influence."""
        number = int(rng.choice(len(self.cases), p=self.odds))
        case = self.cases[number]
        if rng.random() >= self.lesion_share:
            return Place(number, tissue_voxel(rng, case))
        return Place(number, voxel_of_any_lesion(rng, case))


class Balanced:
    """``lesion_share`` of the patches near an evenly drawn lesion, the others anywhere in any case.

    A patch at a lesion comes from a case with odds that go with the root of its lesion voxels: with even odds most such
    patches would show a few lesion voxels among a million others. ``jitter``: farthest distance of the centre from the
    lesion voxel per axis, in voxels.
    """

    def __init__(self, cases: Sequence[Case], patch: Sequence[int], lesion_share: float = 0.5, jitter: int = 20):
        if lesion_share > 0:
            _check_lesions(cases, "balanced")
        self.cases, self.lesion_share, self.jitter = cases, lesion_share, jitter
        roots = np.sqrt([case.sizes.sum() for case in cases])
        self.odds = roots / max(roots.sum(), 1e-12)

    def draw(self, rng: np.random.Generator, step: int) -> Place:
        """Draw a place; ``step`` has no influence."""
        if rng.random() >= self.lesion_share:
            number = int(rng.integers(len(self.cases)))
            return Place(number, tissue_voxel(rng, self.cases[number]))
        number = int(rng.choice(len(self.cases), p=self.odds))
        shift = rng.integers(-self.jitter, self.jitter + 1, 3)
        return Place(number, voxel_of_any_lesion(rng, self.cases[number]) + shift)


class Hashemi:
    """Hashemi et al. 2019, as in the authors' code.

    The centre is a random lesion voxel plus an even jitter of -20 to 19 voxels per axis, moved so that the patch lies
    within the image. It is taken only when the central half-cube (n/4 to 3n/4) holds at least 50 lesion voxels for the
    first 1000 steps, at least 5 afterwards. Cases with fewer than 100 lesion voxels are skipped during the first 100
    steps, those with fewer than 10 later. After ``TRIES`` refused draws the one with most lesion voxels is taken, which
    the published code, looping on, does not do; where no case has enough lesion, the one with most is.
    """

    def __init__(self, cases: Sequence[Case], patch: Sequence[int]):
        _check_lesions(cases, "hashemi")
        self.cases, self.patch = cases, np.asarray(patch)
        self.loads = np.array([int(case.sizes.sum()) for case in cases])

    def draw(self, rng: np.random.Generator, step: int) -> Place:
        """Draw the place of a patch of batch ``step``."""
        allowed = np.flatnonzero(self.loads >= (100 if step < 100 else 10))
        if not allowed.size:
            allowed = np.array([self.loads.argmax()])
        wanted = 50 if step < 1000 else 5
        best, most = None, -1
        for _ in range(TRIES):
            number = int(rng.choice(allowed))
            case = self.cases[number]
            voxel = np.asarray(case.voxels[rng.integers(len(case.voxels))], int)
            centre = self._within(voxel + rng.integers(-20, 20, 3), case.lesions.shape)
            found = self.lesion_voxels(case, centre)
            if found > most:
                best, most = Place(number, centre), found
            if found >= wanted:
                break
        return best

    def lesion_voxels(self, case: Case, centre: np.ndarray) -> int:
        """Lesion voxels in the central half-cube of the patch around ``centre``."""
        first = centre - self.patch // 2 + self.patch // 4
        inside = (case.voxels >= first) & (case.voxels < first + self.patch // 2)
        return int(inside.all(axis=1).sum())

    def _within(self, centre: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
        lowest = self.patch // 2
        highest = np.maximum(np.array(shape) - (self.patch - lowest), lowest)
        return np.clip(centre, lowest, highest)


class OfTwoKinds:
    """``share`` of the places by ``first``, the rest by ``second``; ``indices`` turn theirs into those of all cases."""

    def __init__(self, first: Sampler, second: Sampler, share: float, indices: tuple[Sequence[int], Sequence[int]]):
        self.samplers, self.share, self.indices = (first, second), share, indices

    def draw(self, rng: np.random.Generator, step: int) -> Place:
        """Draw from one of the two."""
        which = 0 if rng.random() < self.share else 1
        place = self.samplers[which].draw(rng, step)
        return Place(self.indices[which][place.case], place.centre)


SAMPLERS = {"hashemi": Hashemi, "uniform_lesion": UniformLesion, "balanced": Balanced, "uniform": Uniform}


def build_sampler(spec: dict, cases: Sequence[Case], patch: Sequence[int]) -> Sampler:
    """Make the sampler of ``spec``: {"name": ..., its arguments, "real_share": share of patches from real cases}.

    ``real_share`` counts only where there are both real and synthetic cases. Raises InputError for an unknown name or
    argument, and when no case has a lesion where the sampler needs one.
    """
    arguments = dict(spec)
    name, share = arguments.pop("name", None), arguments.pop("real_share", None)
    if name not in SAMPLERS:
        raise InputError(f"The sampler '{name}' is unknown; the known ones are {', '.join(sorted(SAMPLERS))}.")
    real = [n for n, case in enumerate(cases) if case.kind == "real"]
    made = [n for n, case in enumerate(cases) if case.kind != "real"]
    try:
        if share is None or not real or not made:
            return SAMPLERS[name](cases, patch, **arguments)
        parts = [SAMPLERS[name]([cases[n] for n in group], patch, **arguments) for group in (real, made)]
    except TypeError as error:
        raise InputError(f"The sampler '{name}' cannot be made from {arguments}: {error}.") from error
    return OfTwoKinds(*parts, share, (real, made))


def tissue_voxel(rng: np.random.Generator, case: Case) -> np.ndarray:
    """A random voxel where the first channel shows tissue; the middle when none was met."""
    shape = np.array(case.lesions.shape)
    for _ in range(TRIES):
        at = (rng.random(3) * shape).astype(int)
        if case.image[(0, *at)] > TISSUE:
            return at
    return shape // 2


def voxel_of_any_lesion(rng: np.random.Generator, case: Case) -> np.ndarray:
    """A random voxel of an evenly drawn lesion."""
    of_one = case.of_lesion(int(rng.integers(len(case.sizes))) + 1)
    return np.asarray(of_one[rng.integers(len(of_one))], int)


def _check_lesions(cases: Sequence[Case], name: str) -> None:
    if not any(len(case.sizes) for case in cases):
        kinds = " or ".join(sorted({case.kind for case in cases}))
        raise InputError(
            f"No training case ({len(cases)}, {kinds}) has a lesion, and the sampler '{name}' looks for them; use "
            "'uniform' or leave real_share out."
        )
