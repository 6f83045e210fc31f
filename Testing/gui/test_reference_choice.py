"""The reference of the Tune section, its colours, and the plot of the operating curve; with real clicks."""

import numpy as np
import pytest
import slicer
import slicer.util

from gui.panel_driving import REST, click, dragSlider, processEvents, segmentAndWait, shownMask
from gui.synthetic_head import addHead
from LesionSegmentationLib.engine.agreement import overlap_figures
from LesionSegmentationLib.scene.disagreement import ATTRIBUTE, HIT
from LesionSegmentationLib.scene.operating_curve_plot import ATTRIBUTE as PLOT


def addTruth(result, flairNode, shift=1, name="by hand"):
    """A label map of what is shown, moved by a voxel; returns node and mask."""
    truth = np.roll(result.lesions.mask(), shift, axis=0)
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", name)
    node.CopyOrientation(flairNode)
    slicer.util.updateVolumeFromArray(node, np.ascontiguousarray(truth.transpose(2, 1, 0)))
    processEvents()
    return node, truth > 0


def colouredNodes():
    return [node for node in slicer.util.getNodesByClass("vtkMRMLSegmentationNode") if node.GetAttribute(ATTRIBUTE)]


def testAReferenceShowsWhatIsTrue(ui, result, flairNode):
    node, truth = addTruth(result, flairNode)
    ui.comparedSelector.setCurrentNode(node)
    processEvents()
    for fraction in (0.5, 0.9, 0.1):
        dragSlider(ui.balanceSlider, fraction)
        expected = overlap_figures(shownMask(result, flairNode) > 0, truth, result.curve.geometry.voxel_ml)
        for name in ("Precision", "Recall", "Dice", "F2"):
            assert getattr(ui, f"true{name}Label").visible
            assert getattr(ui, f"true{name}Label").text == f"{expected[name.lower()]:.2f}"
        processEvents(REST)
        lesions, found = expected["lesions_reference"], round(expected["lesion_tpr"] * expected["lesions_reference"])
        assert f"Reference: {lesions} lesions" in ui.comparedNoteLabel.text
        assert f"; {found} of them are marked" in ui.comparedNoteLabel.text
        coloured = slicer.util.arrayFromSegmentBinaryLabelmap(colouredNodes()[0], HIT, flairNode)
        assert np.array_equal(coloured.T > 0, (shownMask(result, flairNode) > 0) & truth)
    assert "True: against by hand, hand edits counted." in ui.figuresFromLabel.text
    click(ui.disagreementCheckBox)
    assert colouredNodes() == []
    click(ui.disagreementCheckBox)
    assert len(colouredNodes()) == 1
    ui.comparedSelector.setCurrentNode(None)
    processEvents()
    assert colouredNodes() == []
    assert not ui.trueTitle.visible and not ui.comparedNoteLabel.visible


def testHandEditsCountInWhatIsTrue(ui, result, flairNode):
    node, truth = addTruth(result, flairNode)
    ui.comparedSelector.setCurrentNode(node)
    processEvents()
    before = ui.trueRecallLabel.text
    edited = shownMask(result, flairNode) | truth
    slicer.util.updateSegmentBinaryLabelmapFromArray(
        np.ascontiguousarray(edited.T.astype(np.uint8)), result.segmentationNode, result.segmentId, flairNode
    )
    processEvents(REST)  # nobody touched the slider
    assert ui.trueRecallLabel.text == "1.00" != before
    assert "painted or erased by hand" in ui.figuresFromLabel.text


def testAReferenceThatCannotBeUsedIsRefused(ui, result, flairNode):
    node, _ = addTruth(result, flairNode, name="elsewhere")
    node.SetOrigin(900, 900, 900)
    ui.comparedSelector.setCurrentNode(node)
    processEvents()
    assert "elsewhere lies beside the image" in ui.comparedNoteLabel.text and ui.comparedNoteLabel.visible
    assert ui.comparedSelector.currentNode() is None
    assert not ui.trueTitle.visible and colouredNodes() == []
    ui.comparedSelector.setCurrentNode(result.segmentationNode)
    processEvents()
    assert "comes from the result itself" in ui.comparedNoteLabel.text


def testARemovedReferenceAndARemovedResultLeaveNothingBehind(ui, result, flairNode, scene, segmented):
    node, _ = addTruth(result, flairNode)
    ui.comparedSelector.setCurrentNode(node)
    processEvents()
    scene.RemoveNode(node)
    processEvents(REST)
    assert colouredNodes() == [] and not ui.trueTitle.visible
    node, _ = addTruth(result, flairNode)
    ui.comparedSelector.setCurrentNode(node)
    processEvents()
    scene.RemoveNode(result.segmentationNode)
    processEvents(REST)
    assert colouredNodes() == [] and not ui.trueTitle.visible
    assert "removed" in ui.statusLabel.text


def testEachResultKeepsItsReference(ui, result, flairNode, segmented):
    node, _ = addTruth(result, flairNode)
    ui.comparedSelector.setCurrentNode(node)
    processEvents()
    ui.flairSelector.setCurrentNode(addHead("FLAIR 2", seed=9))
    segmentAndWait(ui, segmented)
    assert ui.comparedSelector.currentNode() is None
    assert colouredNodes() == [] and not ui.trueTitle.visible
    segmented.panel._parameterNode.segmentation = result.segmentationNode
    processEvents(REST)
    assert ui.comparedSelector.currentNode() is node
    assert ui.trueTitle.visible and len(colouredNodes()) == 1


def testTheCurveIsShownAndItsPointFollows(ui, result, flairNode, scene, segmented):
    scene.AddNewNodeByClass("vtkMRMLLayoutNode")
    click(ui.operatingCurveButton)
    charts = [node for node in slicer.util.getNodesByClass("vtkMRMLPlotChartNode") if node.GetAttribute(PLOT)]
    selection = slicer.modules.applicationLogic.GetSelectionNode()
    assert [chart.GetID() for chart in charts] == [selection.GetActivePlotChartID()]
    plot = segmented.panel.operatingPoint._plot
    dragSlider(ui.balanceSlider, 0.8)
    processEvents(REST)
    table = plot.pointTable.GetTable()
    figures = result.lesions.figures
    assert table.GetValueByName(0, "recall").ToDouble() == pytest.approx(figures.recall)
    node, _ = addTruth(result, flairNode)
    ui.comparedSelector.setCurrentNode(node)
    processEvents()
    assert plot.chartNode.GetNumberOfPlotSeriesNodes() == 3
    assert table.GetNumberOfRows() == 2
    click(ui.operatingCurveButton)
    assert scene.GetNumberOfNodesByClass("vtkMRMLPlotChartNode") == 1
    scene.Clear(0)
    processEvents(REST)
    assert not ui.operatingCurveButton.enabled


def testTheScriptedTwins(scene, module, flairNode):
    from LesionSegmentation import LesionSegmentationLogic

    logic = LesionSegmentationLogic()
    try:
        result = logic.process(flairNode, model="bright", minimumVoxels=40)
        assert result.setting[4] == 40
        node, truth = addTruth(result, flairNode)
        comparison = logic.compareWith(result, node)
        expected = overlap_figures(result.lesions.mask() > 0, truth, result.curve.geometry.voxel_ml)
        assert comparison.figures.dice == expected["dice"]
        scene.AddNewNodeByClass("vtkMRMLLayoutNode")
        assert logic.showOperatingCurve(result).chartNode.GetNumberOfPlotSeriesNodes() == 3
        assert logic.compareWith(result, None) is None
    finally:
        logic.close()
