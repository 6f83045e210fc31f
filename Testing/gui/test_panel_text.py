"""Wording and arithmetic of the panel, without widgets."""

import numpy as np
import pytest

from slicer_stand_ins.boot import bootScene

bootScene()  # gives slicer.i18n

from LesionSegmentationLib.engine.geometry import Geometry  # noqa: E402
from LesionSegmentationLib.engine.operating_curve import OperatingCurve  # noqa: E402
from LesionSegmentationLib.gui import panel_text  # noqa: E402
from LesionSegmentationLib.gui.balance import firstBalanceWithLesion, weights  # noqa: E402
from LesionSegmentationLib.gui.channel_guess import guessChannel  # noqa: E402


@pytest.mark.parametrize("balance", [-5.0, -1.3, 0.0, 2.0, 5.0])
def testWeightsAreTheRatioTheSliderStates(balance):
    alpha, beta = weights(balance)
    assert alpha + beta == pytest.approx(1)
    assert np.log2(beta / alpha) == pytest.approx(balance)


def testFirstBalanceIsTheLowestThatShowsALesion():
    score = np.zeros((12, 12, 12), np.float32)
    score[3:6, 3:6, 3:6] = 0.2
    score[8:10, 8:10, 8:10] = 0.45
    curve = OperatingCurve(score, Geometry(score.shape, np.eye(4)))

    def count(balance):
        return curve.at(*weights(balance)).count

    first = firstBalanceWithLesion(curve, 0.0)
    assert count(first) > 0
    assert first == -5.0 or count(first - 0.02) == 0
    larger = firstBalanceWithLesion(curve, 0.02)  # only the cube of 27 voxels is that large
    assert count(larger) == 35 and count(larger - 0.02) < 35
    assert firstBalanceWithLesion(curve, 1.0) is None


def testEmptyTextNamesProbabilityAndSetting():
    assert panel_text.emptyText(0.31, 2.0, 0.0) == (
        "No lesion at this setting; the highest probability is 0.31:"
        " move the slider toward 'fewer missed', the first appears at beta = 0.80."
    )
    assert "of at least 0.010 ml" in panel_text.emptyText(0.31, 2.0, 0.01)
    assert panel_text.emptyText(0.02, None, 0.0).endswith("no position of the slider shows one.")


def testUndefinedFiguresAreDashes():
    assert panel_text.figureText(None) == "\u2013"
    assert panel_text.figureText(0.876) == "0.88"


@pytest.mark.parametrize(
    ("channel", "names", "expected"),
    [
        ("flair", ["T1", "3D_FLAIR"], "3D_FLAIR"),
        ("flair", ["FLAIR", "FLAIR follow-up"], None),
        ("t1", ["sub-01_T1w", "FLAIR"], "sub-01_T1w"),
        ("t1", ["MPRAGE sag"], "MPRAGE sag"),
        ("t2", ["T2_FLAIR", "T2w"], "T2w"),
        ("t2", ["T2_FLAIR"], None),
        ("t1", ["art1ery"], None),
    ],
)
def testChannelsAreGuessedOnlyWhenClear(channel, names, expected):
    assert guessChannel(channel, names) == expected


def testProgressNeverFallsOverARun():
    stages = ("read", "prepare", "predict", "restore", "curve", "write")
    percents = [panel_text.progressPercent(stage, fraction) for stage in stages for fraction in (0.0, 0.5, 1.0)]
    assert percents == sorted(percents)
    assert (percents[0], percents[-1]) == (0, 100)
