"""Rules that turn a setting into a level of a score volume.

A rule answers one question: from which rho = beta/alpha on does each voxel, highest score first, belong to the
segmentation? Because the answers never fall along the ranks, every later setting is a binary search in them, and
segmentations over rho are nested by construction.
"""

from __future__ import annotations

import math
from typing import Protocol

import numpy as np

from .bundle import check_floor
from .conditioned_score import check_rho_range
from .errors import InputError


class LevelRule(Protocol):
    """What an operating curve asks of a kind of score volume.

    ``cuts``: falling score levels; voxels are sorted down to the first, and to the next when a setting needs them.
    ``takes_thresholds``: whether a bare threshold on the score means anything to a person.
    """

    cuts: tuple[float, ...]
    takes_thresholds: bool

    def entries(self, score: np.ndarray, expected: np.ndarray, total: float) -> np.ndarray:
        """Return the rho at which each voxel enters, float64 (n,), never falling, inf for never.

        ``score``: the n highest scores, falling. ``expected``: their lesion probabilities. ``total``: the sum of the
        probabilities over the whole volume, all other voxels included.
        """

    def reach(self, score: float, count: int, expected_sum: float, total: float) -> float:
        """Return the rho at which a further voxel of that ``score`` would enter after ``count`` voxels."""

    def level(self, rho: float, count: int, expected_sum: float, total: float) -> float | None:
        """Return the score at which the set at ``rho`` is cut, None where no level means anything.

        ``count``: voxels that enter up to ``rho`` when no floor acts. ``expected_sum``: the sum of their probabilities.
        """

    def floor_entries(self, score: np.ndarray) -> np.ndarray:
        """Return the smallest rho whose floor lets each ``score`` pass: 0 where every floor does, inf where none."""


class PosteriorRule:
    """The score is a calibrated probability p; the set is the one that is best for the expected Tversky index.

    TP / (TP + alpha FP + beta FN) of the expected counts is largest for {p >= tau}, tau = 1 / (1 + r + rho), where r is
    the minimum of (FP + rho FN) / TP. The voxel of rank k (TP_k: the sum of the k probabilities before it, P: of all)
    belongs to that set exactly when rho >= (TP_k / p_k - k) / P.

    ``floor``: [[rho, level], ...], rho rising, level strictly falling; linear in log rho between, constant outside. No
    voxel below the floor is ever marked, so that "nothing" is a possible answer. The level used is max(tau, floor).
    """

    takes_thresholds = True

    def __init__(self, floor: list | tuple = ()):
        check_floor(list(floor), "the rule")
        self._log_rho = np.log([float(r) for r, _ in floor])
        self._floor = np.array([float(v) for _, v in floor])
        # No setting marks anything below the lowest floor; only a bare threshold asks for such voxels.
        first = max(1e-3, float(self._floor[-1])) if self._floor.size else 1e-3
        self.cuts = (first, *(cut for cut in (1e-3, 1e-4, 1e-6, 1e-9, 1e-45) if cut < first))

    def entries(self, score, expected, total):
        """See LevelRule."""
        p = score.astype(np.float64)
        before = np.cumsum(p) - p
        with np.errstate(divide="ignore", invalid="ignore"):
            rho = np.where(p > 0, (before / p - np.arange(p.size)) / total, np.inf)
        return np.maximum.accumulate(np.maximum(rho, 0))

    def reach(self, score, count, expected_sum, total):
        """See LevelRule."""
        if total <= 0 or (self._floor.size and score <= self._floor[-1]):
            return np.inf
        return (expected_sum / score - count) / total

    def level(self, rho, count, expected_sum, total):
        """Return max(tau, floor), tau = 1 / (1 + r + rho); None for a volume without any lesion probability."""
        if total <= 0:
            return None
        if expected_sum <= 0:
            return self.floor(rho)
        r = (count - expected_sum + rho * (total - expected_sum)) / expected_sum
        return max(1 / (1 + r + rho), self.floor(rho))

    def floor(self, rho: float) -> float:
        """Return the probability below which nothing is marked at ``rho``."""
        if not self._floor.size:
            return 0.0
        return float(np.interp(np.log(rho) if rho > 0 else -np.inf, self._log_rho, self._floor))

    def floor_entries(self, score):
        """See LevelRule."""
        if not self._floor.size:
            return np.zeros(score.shape)
        p = score.astype(np.float64)
        rho = np.exp(np.interp(p, self._floor[::-1], self._log_rho[::-1]))
        return np.where(p >= self._floor[0], 0.0, np.where(p < self._floor[-1], np.inf, rho))


class ConditionedRule:
    """The score is a / s of a conditioned head (see ``conditioned_score``); the set at rho is {score >= -log(rho)}.

    It depends on the voxel alone: neither on the total of the image nor on a floor. ``lowest``, ``highest``: the range
    of rho that the network was trained on. What it would answer outside of it nobody taught it, so every setting below
    ``lowest`` has the level of ``lowest``, and every one above ``highest`` that of ``highest``. Raises InputError for
    numbers that are no range.
    """

    takes_thresholds = False

    def __init__(self, lowest: float, highest: float):
        check_rho_range([lowest, highest], "the rule")
        self._lowest, self._highest = lowest, highest
        # No setting marks anything below the last level. One float32 step lower, so that no voxel on it is lost where
        # the level is rounded to the type of the score; ``entries`` tells exactly.
        last = np.float32(self.level(highest))
        self.cuts = (float(np.nextafter(last, np.float32(-np.inf))),)

    def entries(self, score, expected, total):
        """See LevelRule: 0 for what is marked at every setting."""
        level = score.astype(np.float64)
        with np.errstate(over="ignore"):
            rho = np.minimum(np.exp(-level), self._highest)
        rho[level >= self.level(self._lowest)] = 0
        rho[level < self.level(self._highest)] = np.inf
        return rho

    def reach(self, score, count, expected_sum, total):
        """See LevelRule: no setting needs a voxel below the one cut."""
        return np.inf

    def level(self, rho, count=0, expected_sum=0.0, total=0.0):
        """Return -log(rho), with rho brought into the trained range."""
        return -math.log(min(max(rho, self._lowest), self._highest))

    def floor_entries(self, score):
        """See LevelRule: there is none."""
        return np.zeros(score.shape)


def ratio(alpha: float, beta: float) -> float:
    """Return rho = beta / alpha; alpha weighs false positives, beta false negatives (Salehi et al. 2017, eq. 3).

    Raises InputError unless alpha > 0 and beta >= 0, both finite.
    """
    if not (np.isfinite(alpha) and alpha > 0):
        raise InputError(f"alpha, the weight of false positives, must be a positive number, not {alpha:g}.")
    if not (np.isfinite(beta) and beta >= 0):
        raise InputError(f"beta, the weight of false negatives, must be zero or a positive number, not {beta:g}.")
    rho = float(beta) / float(alpha)
    if not np.isfinite(rho):
        raise InputError(
            f"beta / alpha is too large a number ({beta:g} / {alpha:g}); choose weights nearer to each other."
        )
    return rho


def fbeta_weights(fbeta: float) -> tuple[float, float]:
    """Return (alpha, beta) of the F_beta score: alpha = 1/(1+B^2), beta = B^2/(1+B^2) (Hashemi et al. 2019)."""
    if not (np.isfinite(fbeta) and fbeta > 0):
        raise InputError(f"The B of an F_beta score must be a positive number, not {fbeta:g}.")
    return 1 / (1 + fbeta**2), fbeta**2 / (1 + fbeta**2)
