"""Cancel, bad input, and scenes that close at the wrong moment: one sentence, no traceback, no popup."""

import shutil

import numpy as np
import pytest

from bright_model import write_bright_model
from gui.panel_driving import REST, click, processEvents, segmentAndWait, shownMask, waitUntil
from gui.synthetic_head import addHead


@pytest.fixture
def noPopups(monkeypatch):
    """No message box may open."""
    import qt

    def refuse(*arguments, **_):
        raise AssertionError(f"a popup was opened: {arguments}")

    monkeypatch.setattr(qt.QMessageBox, "exec", refuse, raising=False)
    monkeypatch.setattr(qt.QMessageBox, "show", refuse, raising=False)


@pytest.fixture
def slowModel(models):
    """A model of many small patches: there is time to cancel it."""
    write_bright_model(models / "slow", plan={"spacing_mm": [1, 1, 1], "spacing_tolerance": 0.15, "tile": [8, 8, 8]})
    yield "slow"
    shutil.rmtree(models / "slow")


def isOneSentence(text):
    return text.endswith(".") and "Traceback" not in text and "\n" not in text and len(text) < 250


def testWithoutFlairThePanelSaysWhatIsMissing(widget, ui, noPopups):
    assert not ui.segmentButton.enabled
    assert ui.statusLabel.text == "Choose the FLAIR volume to segment."
    assert ui.segmentButton.toolTip == ui.statusLabel.text
    click(ui.segmentButton)
    assert not widget.panel.running


def testConstantVolumeIsOneSentence(widget, ui, scene, noPopups):
    ui.flairSelector.setCurrentNode(addHead("constant", constant=True))
    processEvents()
    assert isOneSentence(ui.statusLabel.text), ui.statusLabel.text
    assert "constant" in ui.statusLabel.text
    assert not ui.segmentButton.enabled
    ui.flairSelector.setCurrentNode(addHead("better"))
    processEvents()
    assert ui.segmentButton.enabled
    assert ui.statusLabel.text == ""


def testVolumeWithoutVoxelsIsOneSentence(widget, ui, scene, noPopups):
    ui.flairSelector.setCurrentNode(scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "empty"))
    segmentAndWait(ui, widget)
    assert isOneSentence(ui.statusLabel.text), ui.statusLabel.text


def testDamagedModelIsOneSentence(widget, ui, flairNode, models, noPopups):
    weights = models / "bright" / "weights.safetensors"
    whole = weights.read_bytes()
    try:
        weights.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
        ui.flairSelector.setCurrentNode(flairNode)
        segmentAndWait(ui, widget)
        assert isOneSentence(ui.statusLabel.text), ui.statusLabel.text
        assert "bright" in ui.statusLabel.text
    finally:
        weights.write_bytes(whole)


def testCancelStopsAndLeavesNothing(widget, ui, scene, flairNode, noPopups):
    ui.flairSelector.setCurrentNode(flairNode)
    click(ui.segmentButton)
    assert ui.segmentButton.text == "Cancel"
    click(ui.segmentButton)
    waitUntil(lambda: not widget.panel.running, "the run to stop")
    assert ui.statusLabel.text == "Stopped; nothing was changed."
    assert scene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == 0
    assert ui.segmentButton.text == "Segment"
    assert ui.segmentButton.enabled
    segmentAndWait(ui, widget)  # and it can be pressed again
    assert widget.panel.operatingPoint.result is not None


def testACancelledRunLeavesTheResultAsItWas(segmented, ui, result, flairNode, slowModel, noPopups):
    click(ui.sensitiveButton)
    processEvents(REST)
    before = shownMask(result, flairNode)
    segmented.panel.models.fillModels()
    ui.modelSelector.currentIndex = ui.modelSelector.findData(slowModel)
    ui.flairSelector.setCurrentNode(addHead("another", seed=9))
    processEvents()
    click(ui.segmentButton)
    assert not result.segmentationNode.GetDisplayVisibility()  # it would lie over the image of another patient
    assert not ui.balanceSlider.enabled
    click(ui.segmentButton)
    waitUntil(lambda: not segmented.panel.running, "the run to stop")
    assert ui.statusLabel.text == "Stopped; nothing was changed."
    assert segmented.panel.operatingPoint.result is segmented.panel.lesions.result is result
    assert result.segmentationNode.GetDisplayVisibility() and ui.balanceSlider.enabled
    assert ui.lesionCountLabel.text == str(len(result.lesions))
    assert np.array_equal(shownMask(result, flairNode), before)


def testClosingTheSceneDuringARun(widget, ui, scene, flairNode, noPopups):
    ui.flairSelector.setCurrentNode(flairNode)
    click(ui.segmentButton)
    processEvents(0.3)
    scene.Clear(False)
    processEvents(0.3)
    assert not widget.panel.running
    assert ui.statusLabel.text == "Choose the FLAIR volume to segment."
    ui.flairSelector.setCurrentNode(addHead("next"))
    segmentAndWait(ui, widget)
    assert widget.panel.operatingPoint.result is not None


def testClosingTheSceneWithAResult(widget, ui, scene, flairNode, noPopups):
    ui.flairSelector.setCurrentNode(flairNode)
    segmentAndWait(ui, widget)
    ui.balanceSlider.value = 1.0
    scene.Clear(False)  # the update asked for by the slider is still waiting
    processEvents(0.4)
    assert widget.panel.operatingPoint.result is None
    assert ui.lesionCountLabel.text == "\u2013"
    assert not ui.balanceSlider.enabled
    assert ui.balanceSlider.value == 0.0


def testRemovingTheVolumeDuringARun(widget, ui, scene, flairNode, noPopups):
    ui.flairSelector.setCurrentNode(flairNode)
    click(ui.segmentButton)
    scene.RemoveNode(flairNode)
    waitUntil(lambda: not widget.panel.running, "the run to end")
    processEvents()
    assert widget.panel.operatingPoint.result is None
    assert isOneSentence(ui.statusLabel.text), ui.statusLabel.text


def testWorkerThatDiesIsOneSentence(widget, ui, flairNode, noPopups):
    ui.flairSelector.setCurrentNode(flairNode)
    click(ui.segmentButton)
    widget.logic.worker().close(0.0)
    waitUntil(lambda: not widget.panel.running, "the run to end")
    assert isOneSentence(ui.statusLabel.text), ui.statusLabel.text
    segmentAndWait(ui, widget)  # a new worker is started
    assert widget.panel.operatingPoint.result is not None
