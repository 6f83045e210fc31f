"""Figures at a row of settings, of what is marked there."""

import numpy as np
import pytest

from LesionSegmentationLib.engine.geometry import Geometry
from LesionSegmentationLib.engine.operating_curve import OperatingCurve
from LesionSegmentationTraining.evaluation.settings import figures_at


def test_lesions_too_small_to_be_shown_are_taken_out_of_what_is_marked_only():
    probability = np.zeros((20, 20, 20), np.float32)
    probability[2:6, 2:6, 2:6] = 0.9
    probability[12, 12, 12] = 0.8  # a crumb
    reference = probability > 0.85
    reference[16, 16, 16] = True  # a crumb that is true
    curve = OperatingCurve(probability, Geometry(probability.shape, np.eye(4)))
    whole, shown = (figures_at(curve, reference, [0.5], False, smallest)[0] for smallest in (0.0, 3.0))
    assert whole["lesion_fdr"] == 0.5 and shown["lesion_fdr"] == 0
    assert whole["lesion_tpr"] == shown["lesion_tpr"] == 0.5
    assert whole["expected_precision"] == pytest.approx((64 * 0.9 + 0.8) / 65)
    assert shown["expected_precision"] == pytest.approx(0.9) and shown["prediction_ml"] == pytest.approx(0.064)
