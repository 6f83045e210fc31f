"""Two time points at one common level: what is marked in each, and what changed."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from functools import cached_property

import numpy as np

from .errors import InputError
from .follow_up_alignment import AlignedPair
from .geometry import Geometry
from .lesion_changes import CLASSES, Change, ChangeLimit, class_labels, find_changes
from .levels import ConditionedRule, PosteriorRule
from .operating_curve import OperatingCurve, OperatingPoint
from .setting import Setting


@dataclass(frozen=True, eq=False)
class FollowUp:
    """What changed between two studies at one setting.

    ``masks``: (earlier, later) bool (i, j, k) on the halfway grid, what is marked at the common level where both
    studies looked. ``changes``: by class, then largest first; ``numbers``: int32 (i, j, k), the number of the change at
    every marked voxel of either. ``point``: the common level. ``unseen_ml``: marked at each time where the other study
    did not look; it is in no change.
    """

    pair: AlignedPair
    setting: Setting
    point: OperatingPoint
    limit: ChangeLimit
    minimum_volume_ml: float
    masks: tuple[np.ndarray, np.ndarray]
    changes: list[Change]
    numbers: np.ndarray
    unseen_ml: tuple[float, float]

    @property
    def geometry(self) -> Geometry:
        return self.pair.geometry

    @cached_property
    def labels(self) -> np.ndarray:
        """uint8 (i, j, k): 1 to 5 in the order of ``CLASSES``, 0 where nothing is listed."""
        return class_labels(self.changes, self.numbers)

    @property
    def warning(self) -> str:
        """Why the comparison may be worthless, one sentence, or empty."""
        return self.pair.registration.warning

    @property
    def notes(self) -> list[str]:
        """What else a person should know, in sentences."""
        unseen = [
            f"At the {word} time {volume:.2f} ml are marked where the other study did not look; they are not compared."
            for word, volume in zip(("earlier", "later"), self.unseen_ml)
            if volume > 0
        ]
        return [*self.pair.notes, *unseen]

    def summary(self) -> dict:
        """Return the numbers a person asks for, ready for JSON: changes of each class, volumes at both times in ml."""
        return {
            "alpha": self.point.alpha,
            "beta": self.point.beta,
            "threshold": self.point.probability_threshold,
            **{name: sum(change.change == name for change in self.changes) for name in CLASSES},
            "earlier_ml": sum(change.earlier_ml for change in self.changes),
            "later_ml": sum(change.later_ml for change in self.changes),
            "registration_warning": self.warning,
        }


@dataclass(eq=False)
class Comparison:
    """An aligned pair with the operating curve of both time points together; compares them at any setting.

        comparison = Comparison(align(earlier, later))
        for change in comparison.at(Setting(alpha=0.5, beta=0.5)).changes:
            print(change.change, change.earlier_ml, change.later_ml)

    tau depends on all of an image: cut each at its own level and a lesion that did not change changes its size when
    load appears elsewhere. Both are therefore cut at one level, that of the two as if they were one image, nowhere
    below the floor of either. A conditioned head's level is the same for all images anyway. Raises InputError for
    conditioned heads without a common range of settings.
    """

    pair: AlignedPair
    curve: OperatingCurve = field(init=False)

    def __post_init__(self):
        maps, seen = self.pair.maps, self.pair.seen
        probability = np.stack([np.where(seen, found.array, np.float32(0)) for found in maps])
        shape = (2 * self.pair.geometry.shape[0], *self.pair.geometry.shape[1:])
        both = Geometry(shape, self.pair.geometry.affine)
        scores = [found.score for found in maps]
        if None in scores:
            score, rule = probability, PosteriorRule(maps[0].floor)
        else:
            lowest, highest = max(score.lowest for score in scores), min(score.highest for score in scores)
            if not lowest < highest:
                raise InputError("The two models were trained for settings that have nothing in common.")
            rule = ConditionedRule(lowest, highest)
            nothing = np.float32(np.nextafter(np.float32(rule.cuts[-1]), np.float32(-np.inf)))
            score = np.stack([np.where(seen, found.array, nothing) for found in scores])
        self.curve = OperatingCurve(score.reshape(shape), both, rule, probability.reshape(shape))
        self._floors = [PosteriorRule(found.floor) for found in maps]

    def at(self, setting: Setting, limit: ChangeLimit | None = None, minimum_volume_ml: float = 0.0) -> FollowUp:
        """Compare at ``setting``; lesions below ``minimum_volume_ml`` at both times are left out.

        Raises InputError for a threshold where a conditioned head made the maps.
        """
        limit = limit or ChangeLimit()
        point = self._point(setting)
        masks = self._cut(point)
        changes, numbers = find_changes(*masks, self.pair.geometry, limit, minimum_volume_ml)
        unseen = self._unseen(point)
        return FollowUp(self.pair, setting, point, limit, minimum_volume_ml, masks, changes, numbers, unseen)

    def _point(self, setting: Setting) -> OperatingPoint:
        """The common operating point, at the stricter floor of both; a bare threshold has no floor."""
        point = setting.point(self.curve)
        if point.threshold is None or point.rho is None or not point.of_probability:
            return point
        return replace(point, threshold=max(point.threshold, *(rule.floor(point.rho) for rule in self._floors)))

    def _cut(self, point: OperatingPoint) -> tuple[np.ndarray, np.ndarray]:
        earlier, later = self.curve.mask(point).astype(bool).reshape(2, *self.pair.geometry.shape)
        if len(set(map(str, (found.floor for found in self.pair.maps)))) > 1 and point.of_probability:
            level = point.threshold or 0.0
            earlier, later = (mask & (found.array >= level) for mask, found in zip((earlier, later), self.pair.maps))
        return earlier, later

    def _unseen(self, point: OperatingPoint) -> tuple[float, float]:
        """What the common level marks outside the common field of view, ml at each time."""
        if point.threshold is None or self.pair.seen.all():
            return 0.0, 0.0
        unseen = ~self.pair.seen
        values = [(found.array if found.score is None else found.score.array)[unseen] for found in self.pair.maps]
        # Where nothing is probable the level is 0 and everything would reach it.
        level = max(point.threshold, 1e-9) if point.of_probability else point.threshold
        return tuple(int((value >= level).sum()) * self.pair.geometry.voxel_ml for value in values)
