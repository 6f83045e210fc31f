"""A setting as a person states it: weights, an F_beta score, or a bare threshold."""

from __future__ import annotations

import math
from dataclasses import dataclass

from .errors import InputError
from .levels import fbeta_weights, ratio
from .operating_curve import OperatingCurve, OperatingPoint


@dataclass(frozen=True)
class Setting:
    """One of three: ``alpha`` (weight of false positives) with ``beta`` (of false negatives); ``fbeta``, the B of an
    F_beta score; ``threshold``, a probability in (0, 1].

    Raises InputError when it is none of these, more than one, or a number outside its range.
    """

    alpha: float | None = None
    beta: float | None = None
    fbeta: float | None = None
    threshold: float | None = None

    def __post_init__(self):
        weights = (self.alpha, self.beta)
        kinds = [weights != (None, None), self.fbeta is not None, self.threshold is not None]
        if sum(kinds) != 1:
            raise InputError("A setting is alpha with beta, or fbeta, or a threshold: give exactly one of the three.")
        if kinds[0]:
            if None in weights:
                given, absent = ("alpha", "beta") if self.beta is None else ("beta", "alpha")
                raise InputError(f"{given} was given without {absent}; give both.")
            ratio(*weights)
        elif kinds[1]:
            fbeta_weights(self.fbeta)
        elif not (math.isfinite(self.threshold) and 0 < self.threshold <= 1):
            raise InputError(f"The threshold must be above 0 and at most 1, not {self.threshold:g}.")

    def point(self, curve: OperatingCurve) -> OperatingPoint:
        """Return the operating point of ``curve`` at this setting."""
        if self.threshold is not None:
            return curve.at_threshold(self.threshold)
        if self.fbeta is not None:
            return curve.at_fbeta(self.fbeta)
        return curve.at(self.alpha, self.beta)

    def stated(self) -> dict[str, float]:
        """Return what the person stated, by name, ready for JSON; ``Setting(**stated)`` is this setting again."""
        names = ("alpha", "beta", "fbeta", "threshold")
        return {name: getattr(self, name) for name in names if getattr(self, name) is not None}


BALANCED = Setting(alpha=0.5, beta=0.5)
