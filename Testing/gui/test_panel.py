"""The main job in the panel: choose a volume, press Segment, slide, with real clicks."""

import shutil

import numpy as np
import pytest
import slicer

from gui.panel_driving import click, dragSlider, processEvents, segmentAndWait, shownMask, waitUntil
from gui.synthetic_head import addHead


@pytest.fixture
def segmented(widget, ui, flairNode):
    """The widget with a finished run."""
    ui.flairSelector.setCurrentNode(flairNode)
    segmentAndWait(ui, widget)
    assert widget.panel.operatingPoint.result is not None, ui.statusLabel.text
    return widget


def testSegmentShowsLesionsAndFigures(segmented, ui, flairNode):
    result = segmented.panel.operatingPoint.result
    assert np.array_equal(shownMask(result, flairNode), result.lesions.mask())
    assert result.lesions.mask().sum() > 0
    assert ui.lesionCountLabel.text == str(len(result.lesions)) == "3"
    assert ui.lesionVolumeLabel.text.endswith(" ml")
    assert float(ui.expectedPrecisionLabel.text) > 0.5
    assert ui.segmentButton.text == "Segment"
    assert "Done" in ui.statusLabel.text
    assert not ui.progressBar.visible


def testEventLoopLivesWhileTheModelRuns(widget, ui, flairNode):
    ui.flairSelector.setCurrentNode(flairNode)
    click(ui.segmentButton)
    assert widget.panel.running
    assert ui.segmentButton.text == "Cancel"
    assert ui.progressBar.visible
    assert not ui.flairSelector.enabled
    seen, turns = set(), 0

    def look():
        nonlocal turns
        turns += 1
        seen.add(ui.statusLabel.text)
        return not widget.panel.running

    waitUntil(look, "the run to end")
    assert turns > 5
    assert any("..." in text for text in seen), seen


def testSliderMovesTheOverlay(segmented, ui, flairNode):
    result = segmented.panel.operatingPoint.result
    counts = []
    for fraction in (0.0, 0.25, 0.5, 0.8, 1.0, 0.1):
        dragSlider(ui.balanceSlider, fraction)
        assert ui.balanceSlider.value == pytest.approx(-5 + 10 * fraction, abs=0.15)
        assert np.array_equal(shownMask(result, flairNode), result.lesions.mask())
        assert ui.lesionCountLabel.text == str(len(result.lesions))
        counts.append(int(result.lesions.mask().sum()))
    assert counts[:5] == sorted(counts[:5])
    assert counts[0] < counts[4]
    assert counts[5] < counts[4]


def testWeightsFollowTheSlider(segmented, ui):
    ui.balanceSlider.value = 0.0
    processEvents()
    assert ui.weightsLabel.text == "beta = 0.50, alpha = 0.50 (best Dice expected)"
    ui.balanceSlider.value = 2.0
    processEvents()
    assert ui.weightsLabel.text == "beta = 0.80, alpha = 0.20"
    point = segmented.panel.operatingPoint.result.lesions.point
    assert point.beta == pytest.approx(0.8)


def testManyChangesGiveOneUpdate(segmented, ui, monkeypatch):
    result = segmented.panel.operatingPoint.result
    shown = []
    show = result.show
    monkeypatch.setattr(result, "show", lambda *setting: shown.append(setting) or show(*setting))
    for value in np.linspace(-3, 3, 20):
        ui.balanceSlider.value = float(value)
    processEvents()
    assert len(shown) == 1
    assert shown[0][1] / shown[0][0] == pytest.approx(8.0)


def testSmallestLesionFiltersShownAndCounted(segmented, ui, flairNode):
    result = segmented.panel.operatingPoint.result
    before = len(result.lesions)
    ui.minimumVolumeSpinBox.value = 0.1
    processEvents()
    assert 0 < len(result.lesions) < before
    assert ui.lesionCountLabel.text == str(len(result.lesions))
    assert np.array_equal(shownMask(result, flairNode), result.lesions.mask())


def testNothingShownSaysWhereTheFirstLesionAppears(segmented, ui):
    ui.minimumVolumeSpinBox.value = 50.0
    processEvents()
    assert ui.lesionCountLabel.text == "0"
    assert ui.expectedPrecisionLabel.text == "\u2013"
    assert "highest probability" in ui.statusLabel.text
    assert "no position of the slider" in ui.statusLabel.text
    ui.minimumVolumeSpinBox.value = 0.0
    processEvents()
    assert ui.statusLabel.text == ""


def testFaintLesionNamesItsSetting(widget, ui, scene):
    """Nothing is marked in the middle of the slider, and the sentence tells where the first voxel appears."""
    ui.flairSelector.setCurrentNode(addHead("faint", lesions=[(20, 24, 26, 2)], brightness=130.0))
    segmentAndWait(ui, widget)
    result = widget.panel.operatingPoint.result
    assert len(result.lesions) == 0
    text = ui.statusLabel.text
    assert text.startswith("No lesion of at least 3.0 mm at this setting; the highest probability is 0.")
    beta = float(text.rsplit("= ", 1)[1].rstrip("."))
    ui.balanceSlider.value = float(round(np.log2(beta / (1 - beta)) + 0.1, 2))
    processEvents()
    assert len(result.lesions) > 0


def testSecondRunKeepsTheFirstSegmentation(segmented, ui, scene):
    first = segmented.panel.operatingPoint.result
    before = first.lesions.mask()
    segmentAndWait(ui, segmented)
    second = segmented.panel.operatingPoint.result
    assert second.segmentationNode is not first.segmentationNode
    assert not first.segmentationNode.GetDisplayVisibility()
    assert np.array_equal(
        shownMask(first, first.segmentationNode.GetNodeReference("referenceImageGeometryRef")), before
    )


def testRemovedSegmentationIsSaidAndHarmless(segmented, ui, scene):
    scene.RemoveNode(segmented.panel.operatingPoint.result.segmentationNode)
    ui.balanceSlider.value = 1.0
    processEvents()
    assert "removed" in ui.statusLabel.text
    assert not ui.balanceSlider.enabled


def testT1IsUsedWhenGiven(widget, ui, scene, flairNode):
    ui.flairSelector.setCurrentNode(flairNode)
    ui.t1Selector.setCurrentNode(addHead("T1", seed=8))
    segmentAndWait(ui, widget)
    inputs = widget.panel.operatingPoint.result.probabilityMap.provenance["inputs"]
    assert set(inputs) == {"flair", "t1"}


def testOnlyChannelsOfTheModelCanBeChosen(widget, ui, scene):
    assert ui.t1Selector.enabled
    assert not ui.t2Selector.enabled
    assert not ui.t2Selector.visible


def testVolumesAreTakenByName(scene, module):
    flair, t1 = addHead("sub-01 FLAIR"), addHead("sub-01 T1w", seed=8)
    ui = module.pythonWidget().panel.ui
    assert ui.flairSelector.currentNode() is flair
    assert ui.t1Selector.currentNode() is t1
    assert ui.segmentButton.enabled


def testAClearedVolumeStaysCleared(scene, module):
    addHead("FLAIR")
    addHead("T1w", seed=8)
    widget = module.pythonWidget()
    ui = widget.panel.ui
    ui.t1Selector.setCurrentNode(None)
    widget.exit()
    widget.enter()
    assert ui.t1Selector.currentNode() is None


def testRequiredChannelIsAskedFor(scene, models, module):
    from bright_model import write_bright_model

    channels = [{"name": "flair", "required": True}, {"name": "t1", "required": True}]
    write_bright_model(models / "needs-t1", name="needs-t1", title="Needs T1", channels=channels)
    try:
        addHead("FLAIR")
        ui = module.pythonWidget().panel.ui
        ui.modelSelector.currentIndex = ui.modelSelector.findData("needs-t1")
        processEvents()
        assert not ui.segmentButton.enabled
        assert ui.statusLabel.text == "Choose the T1 volume to segment."
        ui.t1Selector.setCurrentNode(addHead("other", seed=8))
        processEvents()
        assert ui.segmentButton.enabled
        assert ui.statusLabel.text == ""
    finally:
        shutil.rmtree(models / "needs-t1")


def testLeavingAndEnteringTheModuleKeepsTheResult(segmented, ui, flairNode):
    ui.balanceSlider.value = 1.5
    processEvents()
    count = ui.lesionCountLabel.text
    segmented.exit()
    segmented.enter()
    processEvents()
    assert ui.balanceSlider.value == 1.5
    assert ui.flairSelector.currentNode() is flairNode
    assert ui.lesionCountLabel.text == count
    ui.balanceSlider.value = -1.0
    processEvents()
    result = segmented.panel.operatingPoint.result
    assert result.lesions.point.beta == pytest.approx(1 / 3)
    assert np.array_equal(shownMask(result, flairNode), result.lesions.mask())


def testSurfaceFollowsOnceItIsShown(segmented, ui):
    result = segmented.panel.operatingPoint.result
    segmentation = result.segmentationNode.GetSegmentation()
    assert not segmentation.ContainsRepresentation("Closed surface")
    result.segmentationNode.CreateClosedSurfaceRepresentation()
    surface = segmentation.GetSegment(result.segmentId).GetRepresentation("Closed surface")
    before = surface.GetNumberOfPoints()
    ui.minimumVolumeSpinBox.value = 0.1
    processEvents(0.6)
    after = segmentation.GetSegment(result.segmentId).GetRepresentation("Closed surface").GetNumberOfPoints()
    assert 0 < after < before


def testHandEditsAreSaidBesideTheFigures(segmented, ui, flairNode):
    result = segmented.panel.operatingPoint.result
    assert "by hand" not in ui.figuresFromLabel.text
    edited = shownMask(result, flairNode)
    edited[2:5, 2:5, 2:5] = 1
    slicer.util.updateSegmentBinaryLabelmapFromArray(
        np.ascontiguousarray(edited.transpose(2, 1, 0)), result.segmentationNode, result.segmentId, flairNode
    )
    dragSlider(ui.balanceSlider, 0.7)
    assert "27 voxels painted or erased by hand" in ui.figuresFromLabel.text
    assert shownMask(result, flairNode)[2:5, 2:5, 2:5].all()
    assert ui.lesionCountLabel.text == str(len(result.lesions))


def testAVolumeChangedDuringTheRunIsNotDrawnOn(widget, ui, flairNode, scene):
    ui.flairSelector.setCurrentNode(flairNode)
    click(ui.segmentButton)
    flairNode.SetSpacing(2.0, 2.0, 2.0)
    waitUntil(lambda: not widget.panel.running, "the run to end")
    assert "changed while it was segmented" in ui.statusLabel.text
    assert scene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == 0
