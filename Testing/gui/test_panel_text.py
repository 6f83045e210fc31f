"""Wording and arithmetic of the panel, without widgets."""

from dataclasses import replace

import numpy as np
import pytest

from slicer_stand_ins.boot import bootScene

bootScene()  # gives slicer.i18n

from LesionSegmentationLib.engine.conditioned_score import ConditionedScore  # noqa: E402
from LesionSegmentationLib.engine.geometry import Geometry  # noqa: E402
from LesionSegmentationLib.engine.operating_curve import OperatingCurve  # noqa: E402
from LesionSegmentationLib.engine.probability_map import ProbabilityMap  # noqa: E402
from LesionSegmentationLib.gui import panel_text, tune_text  # noqa: E402
from LesionSegmentationLib.gui.balance import (  # noqa: E402
    balanceOf,
    balanceOfFbeta,
    fbetaOf,
    firstBalanceWithLesion,
    weights,
)
from LesionSegmentationLib.gui.channel_guess import guessChannel  # noqa: E402
from LesionSegmentationLib.gui.setting_history import SettingHistory  # noqa: E402


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
    assert "of at least 0.010 ml and 2.0 mm and 5 voxels at" in panel_text.emptyText(0.31, 2.0, 0.01, 2.0, 5)
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


def testSourcesSayWhatTheFiguresRestOn():
    made = ProbabilityMap(np.zeros((1, 1, 1), np.float32), Geometry((1, 1, 1), np.eye(4)), {"fitted_on": "12 heads"})
    assert tune_text.sourcesText(made) == "Expected: from this image, by a model calibrated on 12 heads."
    assert tune_text.sourcesText(made, "X", 3).endswith(
        "True: against X, hand edits counted. "
        "3 voxels painted or erased by hand are kept; list and expected figures do not count them."
    )
    assert tune_text.sourcesText(replace(made, calibration={})) == (
        "Expected figures are withheld: this model is not calibrated, so it promises nothing."
    )
    thick = replace(made, provenance={"outside_validated": ["Too thick.", "Too small."]})
    assert tune_text.sourcesText(thick) == "Expected figures are withheld: Too thick. Too small."
    assert tune_text.measuredTitle(1) == "Measured, 1 scan"


def testTheMiddlePromisesDiceOnlyWhereItIsExpected():
    assert tune_text.weightsText(0.0) == "beta = 0.50, alpha = 0.50 (best Dice expected)"
    assert tune_text.weightsText(0.0, bestDice=False) == tune_text.weightsText(1e-5) == "beta = 0.50, alpha = 0.50"


def testSettingsBeyondTheTrainedRangeAreSaid():
    score = ConditionedScore(np.zeros((1, 1, 1), np.float32), 0.25, 4.0)
    assert tune_text.trainedRangeText(0.0, None) == tune_text.trainedRangeText(2.0, score) == ""
    for balance in (-2.1, 2.1):
        assert "from beta = 0.20 to 0.80" in tune_text.trainedRangeText(balance, score)


@pytest.mark.parametrize("balance", [-5.0, -2.0, 0.0, 1.222392, 5.0])
def testWeightsAndFbetaAreTheSamePosition(balance):
    assert balanceOf(*weights(balance)) == pytest.approx(balance)
    assert balanceOfFbeta(fbetaOf(balance)) == pytest.approx(balance)
    assert (balanceOf(0, 1), balanceOf(1, 0), balanceOfFbeta(0), balanceOfFbeta(100)) == (5.0, -5.0, -5.0, 5.0)


def testHistoryForgetsWhatWasUndoneBeforeAnotherChange():
    history = SettingHistory()
    history.begin("a")
    for setting in ("b", "b", "c"):
        history.record(setting)
    assert [history.undo(), history.undo(), history.undo()] == ["b", "a", "a"]
    assert [history.redo(), history.undo()] == ["b", "a"]
    history.record("d")
    assert not history.canRedo
    assert [history.undo(), history.redo()] == ["a", "d"]
