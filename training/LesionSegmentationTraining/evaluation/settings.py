"""True and expected figures at a row of settings of one case."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from LesionSegmentationLib.engine.calibration import calibrated
from LesionSegmentationLib.engine.conditioned_score import ConditionedScore
from LesionSegmentationLib.engine.geometry import Geometry
from LesionSegmentationLib.engine.lesions import find_lesions
from LesionSegmentationLib.engine.operating_curve import OperatingCurve
from LesionSegmentationLib.engine.probability_map import ProbabilityMap

from .figures import figures_of


def figures_at(
    curve: OperatingCurve,
    reference: np.ndarray,
    betas: Sequence[float],
    surfaces: bool = True,
    smallest_mm: float = 0.0,
) -> list[dict]:
    """Return one row for each of ``betas`` (alpha = 1 - beta): beta, threshold (a probability, None where a
    setting cuts another score), the figures of ``figures_of``, and what the posterior itself expects
    (``expected_precision``, ``expected_recall``, ``expected_dice``, ``expected_f2``). Lesions less than ``smallest_mm``
    across are taken out of what is marked, never out of ``reference``. ``surfaces``: with surface distances, which take
    seconds.
    """
    rows = []
    for beta in betas:
        point = curve.at(1 - beta, beta)
        marked = find_lesions(curve, point, minimum_diameter_mm=smallest_mm)
        figures = figures_of(marked.mask(), reference, curve.geometry.spacing, surfaces)
        expected = {f"expected_{name}": getattr(marked.figures, name) for name in ("precision", "recall", "dice", "f2")}
        rows.append({"beta": float(beta), "threshold": point.probability_threshold, **figures, **expected})
    return rows


def curve_of(
    logits: np.ndarray,
    calibration: dict,
    floor: list,
    spacing_mm: Sequence[float],
    score: ConditionedScore | None = None,
) -> OperatingCurve:
    """Return the operating curve of logits (i, j, k), after ``calibration`` (scale, bias) and ``floor``
    ([[rho, level], ...]); ``spacing_mm`` per axis.

    ``score``: what the settings cut, on the same grid, where a conditioned head made it.
    """
    geometry = Geometry(logits.shape, np.diag([*map(float, spacing_mm), 1.0]))
    posterior = calibrated(logits, calibration)
    return OperatingCurve.of(ProbabilityMap(posterior, geometry, calibration, floor, score=score))
