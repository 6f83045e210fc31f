"""The posterior of a study on its reference grid, with what made it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from .conditioned_score import ConditionedScore
from .errors import InputError
from .geometry import Geometry
from .measured_figures import MeasuredFigures


@dataclass(frozen=True)
class ProbabilityMap:
    """Per-voxel lesion probability.

    ``array``: float32 (i, j, k), 0 to 1, on ``geometry``. ``calibration``: the bundle's entry (scale, bias, error,
    fitted_on); without ``fitted_on`` nobody calibrated it. ``floor``: [[rho, level], ...], see
    ``levels.PosteriorRule``. ``provenance``: what made it, ready for JSON; its entry ``outside_validated`` says how the
    study lies outside what the model was measured on. ``score``: what decides which voxels a
    setting marks, where the network has a conditioned head, on the same grid; None where the probability itself does.
    """

    array: np.ndarray
    geometry: Geometry
    calibration: dict = field(default_factory=dict)
    floor: list = field(default_factory=list)
    provenance: dict = field(default_factory=dict)
    score: ConditionedScore | None = None

    def __post_init__(self):
        volumes = {"probability": self.array} | ({} if self.score is None else {"score": self.score.array})
        for name, array in volumes.items():
            if array.shape != self.geometry.shape:
                raise InputError(
                    f"A {name} volume of {array.shape} voxels does not fit a grid of {self.geometry.shape}."
                )
        check_probabilities(self.array)

    @property
    def calibrated(self) -> bool:
        """Whether somebody calibrated the probabilities: else nothing can be expected of them."""
        return bool(self.calibration.get("fitted_on"))

    @property
    def measured(self) -> MeasuredFigures | None:
        """What the model reached on scans left out of its training, None where its bundle did not say."""
        return MeasuredFigures.from_dict(self.provenance.get("measured"))

    @property
    def withheld(self) -> list[str]:
        """Why no figures are to be expected of the probabilities, in sentences; empty where they are."""
        if not self.calibrated:
            return ["this model is not calibrated, so it promises nothing."]
        return list(self.provenance.get("outside_validated") or [])

    @property
    def figures_from(self) -> str:
        """Where expected figures come from, or why they are withheld, as a person reads it."""
        if self.withheld:
            return f"withheld: {' '.join(self.withheld)}"
        return f"expected from this image, model calibrated on {self.calibration['fitted_on']}"


def check_probabilities(array: np.ndarray) -> None:
    """Raise InputError unless every value of ``array`` is finite and within 0 to 1."""
    low, high = (float(array.min()), float(array.max())) if array.size else (0.0, 0.0)
    if not (np.isfinite(low) and np.isfinite(high)):
        raise InputError("The probability volume holds values that are not numbers (NaN or infinite).")
    if low < 0 or high > 1:
        raise InputError(
            f"The probability volume holds values from {low:.3g} to {high:.3g}; probabilities lie in 0 to 1."
        )
