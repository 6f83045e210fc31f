"""The Tune section: slider, weights, presets, sizes, undo and figures; with real clicks and keys."""

import numpy as np
import pytest

from bright_model import write_bright_model, write_conditioned_model
from gui.panel_driving import REST, click, dragSlider, processEvents, segmentAndWait, shownMask
from gui.synthetic_head import addHead


def typeInto(box, text):
    """Type a number over what a spin box holds, and take it with Enter."""
    import qt
    from PySide6.QtTest import QTest

    box.setFocus()
    box.selectAll()
    QTest.keyClicks(box, text)
    QTest.keyClick(box, qt.Qt.Key_Return)
    processEvents()


def pressKeys(widget, key, ctrl=False):
    import qt
    from PySide6.QtTest import QTest

    QTest.keyClick(widget, getattr(qt.Qt, f"Key_{key}"), qt.Qt.ControlModifier if ctrl else qt.Qt.NoModifier)
    processEvents()


def assertInStep(ui, result, beta):
    assert ui.settingBetaSpinBox.value == pytest.approx(beta, abs=6e-4)
    assert ui.settingAlphaSpinBox.value == pytest.approx(1 - beta, abs=6e-4)
    assert ui.settingFbetaSpinBox.value == pytest.approx((beta / (1 - beta)) ** 0.5, abs=6e-4)
    assert ui.balanceSlider.value == pytest.approx(np.log2(beta / (1 - beta)), abs=1e-5)
    assert result.lesions.point.beta == pytest.approx(beta, abs=1e-6)
    assert f"beta = {beta:.2f}" in ui.weightsLabel.text


def testWhatIsTypedMovesTheSlider(ui, result, flairNode):
    typeInto(ui.settingBetaSpinBox, "0.7")
    assertInStep(ui, result, 0.7)
    typeInto(ui.settingAlphaSpinBox, "0.4")
    assertInStep(ui, result, 0.6)
    typeInto(ui.settingFbetaSpinBox, "2")
    assertInStep(ui, result, 0.8)
    assert np.array_equal(shownMask(result, flairNode), result.lesions.mask())
    dragSlider(ui.balanceSlider, 0.3)
    assertInStep(ui, result, 1 / (1 + 2.0**-ui.balanceSlider.value))


def testWhatLiesBeyondTheSliderBecomesItsEnd(ui, result):
    typeInto(ui.settingBetaSpinBox, "1")
    assertInStep(ui, result, 32 / 33)
    typeInto(ui.settingAlphaSpinBox, "0")
    assertInStep(ui, result, 32 / 33)
    typeInto(ui.settingFbetaSpinBox, "0")
    assertInStep(ui, result, 1 / 33)
    typeInto(ui.settingFbetaSpinBox, "99")
    assertInStep(ui, result, 32 / 33)


def testPresets(ui, result):
    for name, beta in (("strict", 0.2), ("salehi", 0.7), ("sensitive", 0.8), ("balanced", 0.5)):
        click(getattr(ui, f"{name}Button"))
        assertInStep(ui, result, beta)
    assert ui.weightsLabel.text == "beta = 0.50, alpha = 0.50 (best Dice expected)"


def testKeysMoveTheSlider(ui, result):
    import qt

    track = ui.balanceSlider.findChild(qt.QSlider)
    track.setFocus()
    processEvents()
    for key, ctrl, balance in (
        ("Right", False, 0.1), ("Up", False, 0.2), ("PageUp", False, 0.7), ("Left", True, 0.68), ("Left", False, 0.58),
        ("PageDown", False, 0.08), ("Down", True, 0.06), ("Down", False, -0.04), ("Home", False, -5.0),
        ("Left", False, -5.0), ("End", False, 5.0), ("Right", False, 5.0),
    ):  # fmt: skip
        pressKeys(track, key, ctrl)
        assert ui.balanceSlider.value == pytest.approx(balance, abs=1e-9), key
        assert np.log2(result.lesions.point.rho) == pytest.approx(balance, abs=1e-6)


def testSmallestNumberOfVoxels(ui, result, flairNode, segmented):
    before = len(result.lesions)
    sizes = sorted(lesion.voxels for lesion in result.lesions.rows)
    typeInto(ui.minimumVoxelsSpinBox, str(sizes[0] + 1))
    assert len(result.lesions) == before - 1
    assert np.array_equal(shownMask(result, flairNode), result.lesions.mask())
    typeInto(ui.minimumVoxelsSpinBox, str(sizes[-1] + 1))
    assert ui.lesionCountLabel.text == "0"
    assert f"3.0 mm and {sizes[-1] + 1} voxels at this setting" in ui.statusLabel.text
    assert segmented.panel._parameterNode.minimumVoxels == sizes[-1] + 1


def testUndoAndRedoOfWhatRested(ui, result, segmented):
    assert not ui.undoButton.enabled and not ui.redoButton.enabled
    dragSlider(ui.balanceSlider, 0.7)  # many ticks, one rest
    processEvents(REST)
    first = ui.balanceSlider.value
    typeInto(ui.minimumVoxelsSpinBox, "20")
    typeInto(ui.minimumVolumeSpinBox, "0.05")
    processEvents(REST)
    segmented.panel.lesions.ui.minimumDiameterSpinBox.value = 4.0
    processEvents(REST)

    def setting():
        diameter = segmented.panel.lesions.ui.minimumDiameterSpinBox.value
        return ui.balanceSlider.value, ui.minimumVolumeSpinBox.value, diameter, ui.minimumVoxelsSpinBox.value

    entries = [(0.0, 0.0, 3.0, 0), (first, 0.0, 3.0, 0), (first, 0.05, 3.0, 20), (first, 0.05, 4.0, 20)]
    assert setting() == entries[3]
    for entry in reversed(entries[:3]):
        click(ui.undoButton)
        processEvents(REST)
        assert setting() == entry
    assert not ui.undoButton.enabled
    assert result.setting[2:] == (0.0, 3.0, 0)
    click(ui.redoButton)
    assert setting() == entries[1]
    ui.balanceSlider.value = -1.0  # not rested yet: it is what the next undo takes back
    click(ui.undoButton)
    assert setting() == entries[1]
    assert result.lesions.point.rho == pytest.approx(2**first)


def testUndoByKeys(ui, result):
    import qt

    track = ui.balanceSlider.findChild(qt.QSlider)
    track.setFocus()
    click(ui.sensitiveButton)
    track.setFocus()
    pressKeys(track, "Z", ctrl=True)
    assertInStep(ui, result, 0.5)
    pressKeys(track, "Y", ctrl=True)
    assertInStep(ui, result, 0.8)
    pressKeys(track, "Z", ctrl=True)
    pressKeys(track, "Z", ctrl=True)
    assertInStep(ui, result, 0.5)


def testAnotherResultHasItsOwnSettingsAndNothingToUndo(ui, result, segmented):
    typeInto(ui.minimumVoxelsSpinBox, "30")
    click(ui.salehiButton)
    processEvents(REST)
    assert ui.undoButton.enabled
    ui.flairSelector.setCurrentNode(addHead("FLAIR 2", seed=9))
    segmentAndWait(ui, segmented)
    assert not ui.undoButton.enabled
    click(ui.balancedButton)
    typeInto(ui.minimumVoxelsSpinBox, "0")
    processEvents(REST)
    segmented.panel._parameterNode.segmentation = result.segmentationNode
    processEvents(REST)
    assert ui.minimumVoxelsSpinBox.value == 30
    assert ui.balanceSlider.value == pytest.approx(np.log2(0.7 / 0.3), abs=1e-5)
    assert not ui.undoButton.enabled


def testTheFiguresAreThoseOfTheEngine(ui, result):
    for fraction in (0.2, 0.8):
        dragSlider(ui.balanceSlider, fraction)
        figures = result.lesions.figures
        for name in ("Precision", "Recall", "Dice", "F2"):
            assert getattr(ui, f"expected{name}Label").text == f"{getattr(figures, name.lower()):.2f}"
    assert "calibrated on nothing: written down for tests" in ui.figuresFromLabel.text
    assert not ui.measuredTitle.visible and not ui.trueTitle.visible


def testWhatWasMeasuredIsShownWhereItWas(widget, ui, flairNode, models):
    import shutil

    rows = [
        {"patient": case, "role": "left out", "channels": "flair", "beta": beta, "precision": p, "recall": r}
        for case, beta, p, r in (("a", 0.5, 0.8, 0.6), ("b", 0.5, 0.6, 0.4), ("a", 0.8, 0.5, 0.9), ("b", 0.8, 0.5, 0.7))
    ]  # fmt: skip
    write_bright_model(models / "measured", figures=rows)
    try:
        ui.flairSelector.setCurrentNode(flairNode)
        widget.panel.models.fillModels()
        ui.modelSelector.currentIndex = ui.modelSelector.findData("measured")
        segmentAndWait(ui, widget)
    finally:
        shutil.rmtree(models / "measured")
    assert ui.measuredTitle.text == "Measured, 2 scans" and ui.measuredTitle.visible
    assert (ui.measuredPrecisionLabel.text, ui.measuredRecallLabel.text) == ("0.70", "0.50")
    click(ui.sensitiveButton)
    assert (ui.measuredPrecisionLabel.text, ui.measuredRecallLabel.text) == ("0.50", "0.80")
    click(ui.strictButton)
    assert ui.measuredPrecisionLabel.text == "\u2013"
    assert "left out of the training" in ui.figuresFromLabel.text


def testAnUncalibratedModelPromisesNothing(widget, ui, flairNode, models):
    import shutil

    write_bright_model(models / "raw", calibration={"scale": 1.0, "bias": 0.0})
    try:
        ui.flairSelector.setCurrentNode(flairNode)
        widget.panel.models.fillModels()
        ui.modelSelector.currentIndex = ui.modelSelector.findData("raw")
        segmentAndWait(ui, widget)
    finally:
        shutil.rmtree(models / "raw")
    assert ui.lesionCountLabel.text == "3"
    for name in ("Precision", "Recall", "Dice", "F2"):
        assert getattr(ui, f"expected{name}Label").text == "\u2013"
    assert "withheld: this model is not calibrated" in ui.figuresFromLabel.text
    assert "best Dice" not in ui.weightsLabel.text
    assert "Dice" not in widget.panel.lesions.ui.summaryLabel.text
    click(ui.operatingCurveButton)
    assert "not calibrated" in ui.statusLabel.text


def testAStudyOutsideTheRangeOfItsModelHasNoExpectedFigures(widget, ui, flairNode, models):
    import shutil

    row = {"patient": "a", "role": "left out", "channels": "flair", "beta": 0.5, "precision": 0.8, "recall": 0.6}
    write_bright_model(models / "ranged", figures=[row], validated={"coarsest_spacing_mm": [1.2, 1.2, 5]})
    try:
        ui.flairSelector.setCurrentNode(flairNode)
        widget.panel.models.fillModels()
        ui.modelSelector.currentIndex = ui.modelSelector.findData("ranged")
        segmentAndWait(ui, widget)
        expected = [getattr(ui, f"expected{name}Label").text for name in ("Precision", "Recall", "Dice", "F2")]
        assert "\u2013" not in expected and "withheld" not in ui.figuresFromLabel.text
        thickNode = addHead("Thick")
        thickNode.SetSpacing(1.0, 1.1, 8.0)
        ui.flairSelector.setCurrentNode(thickNode)
        segmentAndWait(ui, widget)
    finally:
        shutil.rmtree(models / "ranged")
    for name in ("Precision", "Recall", "Dice", "F2"):
        assert getattr(ui, f"expected{name}Label").text == "\u2013"
    assert (
        "Expected figures are withheld: Thick has voxels of 1 x 1.1 x 8 mm; this model was measured on voxels of up to "
        "1.2 x 1.2 x 5 mm."
    ) in ui.figuresFromLabel.text
    assert ui.measuredTitle.visible and ui.measuredPrecisionLabel.text == "0.80"
    assert "best Dice" not in ui.weightsLabel.text
    assert "Dice" not in widget.panel.lesions.ui.summaryLabel.text
    click(ui.operatingCurveButton)
    assert "1 x 1.1 x 8 mm" in ui.statusLabel.text
    result = widget.panel.operatingPoint.result  # the rest is as always
    dragSlider(ui.balanceSlider, 0.7)
    assert ui.lesionCountLabel.text == str(len(result.lesions)) == "3"
    assert np.array_equal(shownMask(result, thickNode), result.lesions.mask())


class TestConditionedModel:
    @pytest.fixture
    def models(self, tmp_path):
        write_conditioned_model(tmp_path / "conditioned")
        return tmp_path

    def testItsMiddlePromisesNoDiceAndItsRangeIsSaid(self, ui, result):
        click(ui.balancedButton)
        assert ui.weightsLabel.text == "beta = 0.50, alpha = 0.50"
        assert ui.diceLabel.text == "alpha = beta"
        assert not ui.trainedRangeLabel.visible
        for fraction in (0.0, 1.0):
            dragSlider(ui.balanceSlider, fraction)
            assert ui.trainedRangeLabel.visible
            assert "from beta = 0.09 to 0.91" in ui.trainedRangeLabel.text
            assert "nearest trained one" in ui.trainedRangeLabel.text
        dragSlider(ui.balanceSlider, 0.5)
        assert not ui.trainedRangeLabel.visible
