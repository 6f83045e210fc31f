"""From logits to probabilities."""

import numpy as np
import pytest
from scipy.special import expit

from LesionSegmentationLib.engine.calibration import calibrated


def test_it_is_the_sigmoid_of_a_line():
    logits = np.linspace(-300, 300, 601).reshape(1, 1, -1)
    probability = calibrated(logits, {"scale": 0.5, "bias": 1.0})
    assert probability.dtype == np.float32 and probability.shape == logits.shape
    assert probability == pytest.approx(expit(np.clip(0.5 * logits + 1, -80, 80)), abs=1e-6)
    assert (np.diff(probability.ravel()) >= 0).all()
