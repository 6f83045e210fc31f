"""The Views section: reading layout, look of the overlay and the key F, with real clicks and keys."""

import numpy as np
import pytest
import slicer
import slicer.util

from gui.panel_driving import click, press, processEvents, segmentAndWait
from gui.screenshots import save, windowWithViews
from gui.synthetic_head import addHead
from gui.test_screenshots import SCREENSHOTS, pixels
from LesionSegmentationLib.scene.overlay_look import overlayLook


@pytest.fixture
def section(widget, ui, flairNode, warm):
    """The Views section after a run."""
    slicer.app.layoutManager()
    ui.flairSelector.setCurrentNode(flairNode)
    segmentAndWait(ui, widget)
    assert widget.panel.views.result is not None, ui.statusLabel.text
    return widget.panel.views


def look(section):
    return overlayLook(section.result.segmentationNode)


def redNodes():
    logic = slicer.app.applicationLogic().GetSliceLogicByLayoutName("Red")
    return logic.GetSliceNode(), logic.GetSliceCompositeNode()


def testWithoutAResultNothingCanBePressed(widget, ui):
    section = widget.panel.views
    for part in (section.ui.readingButton, section.ui.leaveReadingButton, section.ui.opacitySlider):
        assert not part.enabled
    section._onFadeKey()
    assert not widget.logic.readingViews().isUp


def testReadingLayoutAndBack(section, flairNode):
    sliceNode, composite = redNodes()
    composite.SetLinkedControl(False)
    assert not sliceNode.GetRulerType()
    click(section.ui.readingButton)
    assert composite.GetBackgroundVolumeID() == flairNode.GetID()
    assert composite.GetLinkedControl() and section.ui.linkCheckBox.checked
    assert sliceNode.GetRulerType() and sliceNode.GetOrientationMarkerType()
    assert section.logic.readingViews().letters()["Red"]["left"] == "R"
    click(section.ui.linkCheckBox)
    assert not composite.GetLinkedControl()
    click(section.ui.leaveReadingButton)
    assert not sliceNode.GetRulerType() and not composite.GetLinkedControl()
    assert not section.ui.leaveReadingButton.enabled


def testOverlayFollowsTheSection(section):
    import qt

    click(section.ui.outlineButton)
    assert look(section) == (1.0, True, True)
    section.ui.opacitySlider.value = 40.0
    assert look(section).opacity == pytest.approx(0.4)
    click(section.ui.filledButton)
    assert not look(section).outline
    assert section.ui.opacitySlider.findChild(qt.QSlider) is not None


def testSectionFollowsTheScene(section):
    """As when the Segmentations module or Slicer's key G in a slice view changes it."""
    display = section.result.segmentationNode.GetDisplayNode()
    display.SetVisibility2DFill(False)
    display.SetVisibility2D(False)
    assert section.ui.outlineButton.checked and not section.ui.showOverlayCheckBox.checked


def testFadeKey(section, widget, ui):
    """F hides, F again shows; holding it is one stroke."""
    import qt

    mask = slicer.util.arrayFromSegmentBinaryLabelmap(section.result.segmentationNode, "Lesion").copy()
    table = widget.panel.lesions.ui.lesionTable
    table.setFocus()
    press(table, "F")
    assert not look(section).shown and not section.ui.showOverlayCheckBox.checked
    assert "F" in ui.statusLabel.text
    press(table, "F")
    assert look(section).shown and ui.statusLabel.text == ""
    shortcuts = ui.viewsButton.parentWidget().findChildren(qt.QShortcut)
    fade = [one for one in shortcuts if one.key.toString() == "F"]
    assert len(fade) == 1 and not fade[0].autoRepeat
    after = slicer.util.arrayFromSegmentBinaryLabelmap(section.result.segmentationNode, "Lesion")
    assert np.array_equal(mask, after)


def testFIsALetterInANote(section, widget):
    import qt
    from PySide6.QtTest import QTest

    lesions = widget.panel.lesions
    lesions.takeKeyboard()
    press(lesions.ui.lesionTable, "T")
    QTest.keyClick(lesions.ui.noteEdit, qt.Qt.Key_F)
    processEvents()
    assert lesions.ui.noteEdit.text == "f" and look(section).shown


def testSceneCloseLeavesTheReadingLayout(section, widget):
    click(section.ui.readingButton)
    slicer.mrmlScene.Clear(False)
    processEvents()
    assert section.result is None and not section.logic.readingViews().isUp
    assert not redNodes()[0].GetRulerType()


def testTheNextStudyIsReadInTheReadingLayoutToo(section, widget, ui):
    click(section.ui.readingButton)
    slicer.mrmlScene.Clear(False)
    processEvents()
    following = addHead("FLAIR of the next patient", seed=9)
    ui.flairSelector.setCurrentNode(following)
    segmentAndWait(ui, widget)
    assert section.logic.readingViews().isUp and redNodes()[1].GetBackgroundVolumeID() == following.GetID()
    click(section.ui.leaveReadingButton)
    segmentAndWait(ui, widget)
    assert section.result is not None and not section.logic.readingViews().isUp


def testRemovedResultIsSaid(section, ui):
    slicer.mrmlScene.RemoveNode(section.result.referenceNode)
    click(section.ui.readingButton)
    assert "segment the study again" in ui.statusLabel.text


def testPictures(section, widget):
    """The picture is for a person to look at; F has to be seen in it."""
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    window = windowWithViews(widget)
    click(section.ui.readingButton)
    section.logic.jumpToLesion(section.result, section.result.lesions.rows[0].id)
    processEvents(0.5)
    shown = pixels(save(window, SCREENSHOTS / "reading-layout.png"))
    section.logic.setOverlay(section.result, shown=False)
    processEvents(0.5)
    hidden = pixels(save(window, SCREENSHOTS / "reading-layout-faded.png"))
    views = np.s_[:, 480:]
    assert (shown[views] != hidden[views]).any(axis=-1).sum() > 100
    slicer.app.layoutManager().widget.setParent(None)
    widget.parent.setParent(None)
