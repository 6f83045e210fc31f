"""All operating points of one score volume: the heart of the engine."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .component_tree import ComponentTree
from .errors import InputError
from .geometry import Geometry
from .lesion_measures import LesionMeasures
from .levels import ConditionedRule, LevelRule, PosteriorRule, fbeta_weights, ratio
from .probability_map import ProbabilityMap, check_probabilities

NO_THRESHOLD = "This model's score is not a probability; choose alpha and beta instead of a threshold."


@dataclass(frozen=True)
class Figures:
    """Expected counts of a marked set, in voxels, and what follows from them; None where a figure is not defined.

    ``dice`` is 2TP/(2TP+FP+FN), ``f2`` is 5TP/(5TP+FP+4FN).
    """

    tp: float
    fp: float
    fn: float
    volume_ml: float

    @property
    def precision(self) -> float | None:
        return _share(self.tp, self.tp + self.fp)

    @property
    def recall(self) -> float | None:
        return _share(self.tp, self.tp + self.fn)

    @property
    def dice(self) -> float | None:
        return _share(2 * self.tp, 2 * self.tp + self.fp + self.fn)

    @property
    def f2(self) -> float | None:
        return _share(5 * self.tp, 5 * self.tp + self.fp + 4 * self.fn)

    def tversky(self, alpha: float, beta: float) -> float | None:
        """Return TP / (TP + alpha FP + beta FN)."""
        return _share(self.tp, self.tp + alpha * self.fp + beta * self.fn)


@dataclass(frozen=True)
class OperatingPoint:
    """One setting with its level, its rank and its expected figures.

    ``alpha``, ``beta``: None when a threshold was asked for. ``threshold``: the level of the score at which the set is
    cut (None when the volume holds no lesion probability at all). ``count``: the set is ``curve.order[:count]``.
    ``of_probability``: whether that score, and so the level, is a probability.
    """

    alpha: float | None
    beta: float | None
    threshold: float | None
    count: int
    figures: Figures
    of_probability: bool = True

    @property
    def probability_threshold(self) -> float | None:
        """The level where it is a probability, else None: what may be shown to a person as a threshold."""
        return self.threshold if self.of_probability else None

    @property
    def rho(self) -> float | None:
        return None if self.alpha is None else self.beta / self.alpha


class OperatingCurve:
    """The nested segmentations of a score volume over rho = beta/alpha, each a prefix of one ranking of its voxels.

    ``score``: float32 (i, j, k) on ``geometry``. ``rule``: what turns a setting into a level, see ``levels``.
    ``probability``: lesion probabilities of the same shape from which figures are expected; the score itself when it is
    left out. Only voxels above a first cut are sorted; a setting that needs lower ones adds them (``generation`` then
    rises by one and ``order`` grows at its end). Raises InputError for values that are not probabilities.
    """

    def __init__(
        self,
        score: np.ndarray,
        geometry: Geometry,
        rule: LevelRule | None = None,
        probability: np.ndarray | None = None,
    ):
        if not np.isfinite(score).all():
            raise InputError("The score volume holds values that are not numbers (NaN or infinite).")
        check_probabilities(score if probability is None else probability)
        self.geometry = geometry
        self.rule = rule or PosteriorRule()
        self.generation = 0
        self._score = np.ascontiguousarray(score).reshape(-1)
        self._probability = self._score if probability is None else np.ascontiguousarray(probability).reshape(-1)
        self.expected_total = float(self._probability.sum(dtype=np.float64))
        self.order = np.zeros(0, np.int64)
        self._tree: ComponentTree | None = None
        self._measures: LesionMeasures | None = None
        self._cut = np.inf
        self._extend(self._next_cut())

    @classmethod
    def of(cls, probability_map: ProbabilityMap, tree: ComponentTree | None = None) -> OperatingCurve:
        """Return the curve of either kind of score: the posterior with its bundle's floor, or a conditioned head's.

        ``tree``: its component tree, if it is made.
        """
        posterior, geometry, score = probability_map.array, probability_map.geometry, probability_map.score
        if score is None:
            curve = cls(posterior, geometry, PosteriorRule(probability_map.floor))
        else:
            curve = cls(score.array, geometry, ConditionedRule(score.lowest, score.highest), posterior)
        if tree is not None and tree.ranks == curve.order.size:
            curve._tree = tree
        return curve

    def at(self, alpha: float, beta: float) -> OperatingPoint:
        """Return the operating point of alpha (weight of false positives, > 0) and beta (of false negatives, >= 0)."""
        rho = ratio(alpha, beta)
        while self._cut > -np.inf and self._reach() <= rho:
            self._extend(self._next_cut())
        best = int(np.searchsorted(self._unfloored, rho, side="right"))
        level = self.rule.level(rho, best, self._sums[best], self.expected_total)
        count = int(np.searchsorted(self.entries, rho, side="right"))
        level = None if level is None else float(level)
        return OperatingPoint(float(alpha), float(beta), level, count, self._prefix(count), self.rule.takes_thresholds)

    def at_fbeta(self, fbeta: float) -> OperatingPoint:
        """Return the operating point of the F_beta score with B = ``fbeta`` > 0."""
        return self.at(*fbeta_weights(fbeta))

    def at_threshold(self, threshold: float) -> OperatingPoint:
        """Return the point whose set is {score >= ``threshold``}; for probabilities in (0, 1]."""
        if not self.rule.takes_thresholds:
            raise InputError(NO_THRESHOLD)
        if not 0 < threshold <= 1:
            raise InputError(f"A probability threshold lies above 0 and up to 1; {threshold:g} does not.")
        if threshold < self._cut:
            self._extend(threshold)
        count = int(np.searchsorted(-self.scores.astype(np.float64), -threshold, side="right"))
        return OperatingPoint(None, None, float(threshold), count, self._prefix(count))

    def mask(self, point: OperatingPoint) -> np.ndarray:
        """Return the set of ``point`` as uint8 (i, j, k), before any minimum volume or decision."""
        mask = np.zeros(self._score.size, np.uint8)
        mask[self.order[: point.count]] = 1
        return mask.reshape(self.geometry.shape)

    def changed(self, old_count: int, new_count: int) -> np.ndarray:
        """Return the flat C-order indices of the voxels in one of the two prefixes only."""
        return self.order[min(old_count, new_count) : max(old_count, new_count)]

    def figures(self, ranks: np.ndarray) -> Figures:
        """Return the expected figures of the voxels with these ranks (0 is the highest score)."""
        return self._figures(float(self.expected[ranks].sum(dtype=np.float64)), len(ranks))

    def figures_without(self, count: int, hidden: np.ndarray) -> Figures:
        """Return the expected figures of the first ``count`` voxels but those with the ranks ``hidden``."""
        tp = float(self._sums[count]) - float(self.expected[hidden].sum(dtype=np.float64))
        return self._figures(max(0.0, tp) if count > len(hidden) else 0.0, count - len(hidden))

    @property
    def tree(self) -> ComponentTree:
        """The component tree of the candidates, built when first asked for and again when candidates were added."""
        if self._tree is None:
            self._tree = ComponentTree(self.order, self.geometry.shape)
        return self._tree

    @property
    def measures(self) -> LesionMeasures:
        """What measures the components of the tree, made when first asked for and again when candidates were added."""
        if self._measures is None:
            self._measures = LesionMeasures(self)
        return self._measures

    @property
    def highest(self) -> float:
        """The highest lesion probability of the volume."""
        return float(self._probability.max())

    def _figures(self, tp: float, count: int) -> Figures:
        return Figures(tp, max(0.0, count - tp), max(0.0, self.expected_total - tp), count * self.geometry.voxel_ml)

    def _prefix(self, count: int) -> Figures:
        return self._figures(float(self._sums[count]), count)

    def _reach(self) -> float:
        """The rho up to which no voxel below the present cut is needed."""
        return self.rule.reach(self._cut, self.order.size, self._sums[-1], self.expected_total)

    def _next_cut(self) -> float:
        return next((cut for cut in self.rule.cuts if cut < self._cut), -np.inf)

    def _extend(self, cut: float) -> None:
        """Sort the voxels between ``cut`` and the present cut in behind the others."""
        flat = np.flatnonzero((self._score >= np.float64(cut)) & (self._score < np.float64(self._cut)))
        flat = flat[np.argsort(-self._score[flat], kind="stable")]
        self.order = np.concatenate([self.order, flat])
        self._cut = cut
        self.scores = self._score[self.order]
        self.expected = self._probability[self.order]
        self._sums = np.concatenate([[0.0], np.cumsum(self.expected, dtype=np.float64)])
        self._unfloored = _together(self.rule.entries(self.scores, self.expected, self.expected_total), self.scores)
        self.entries = np.maximum(self._unfloored, self.rule.floor_entries(self.scores))
        self.generation += 1
        self._tree = self._measures = None


def _together(entries: np.ndarray, scores: np.ndarray) -> np.ndarray:
    """Let voxels of equal score enter together, whatever rounding says."""
    if not scores.size:
        return entries
    starts = np.flatnonzero(np.concatenate([[True], scores[1:] != scores[:-1]]))
    return np.repeat(entries[starts], np.diff(np.append(starts, scores.size)))


def _share(part: float, whole: float) -> float | None:
    return part / whole if whole > 0 else None
