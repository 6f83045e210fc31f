"""The follow-up section: choose two studies, press Compare, sort, click a row, slide, with real clicks."""

import numpy as np
import pytest
import slicer

from gui.conftest import REPOSITORY
from gui.guide_pictures import followUpPictures
from gui.panel_driving import click, processEvents, segmentAndWait, waitUntil
from gui.synthetic_head import addHead

SCREENSHOTS = REPOSITORY / "build" / "screenshots"
KEPT, LOST, CAME = (20, 24, 26, 2), (34, 30, 24, 3), (28, 20, 34, 2)


@pytest.fixture
def section(widget):
    return widget.panel.followUp


@pytest.fixture
def sectionUi(section):
    return section.ui


@pytest.fixture
def twoStudies(widget, ui, scene, warm):
    """The segmentation nodes of two segmented visits, made by clicks."""
    made = []
    for name, lesions, seed in (("first visit", (KEPT, LOST), 7), ("second visit", (KEPT, CAME), 8)):
        ui.flairSelector.setCurrentNode(addHead(name, lesions, seed=seed))
        segmentAndWait(ui, widget)
        made.append(widget.panel.operatingPoint.result.segmentationNode)
    click(ui.followUpButton)  # opens the section
    return made


def compareAndWait(section):
    click(section.ui.compareButton)
    waitUntil(lambda: not section.running, "the comparison to end")
    processEvents()


@pytest.fixture
def compared(section, sectionUi, twoStudies):
    sectionUi.earlierSelector.setCurrentNode(twoStudies[0])
    sectionUi.laterSelector.setCurrentNode(twoStudies[1])
    compareAndWait(section)
    assert section.result is not None, sectionUi.followUpStatusLabel.text
    return section


def column(table, number):
    import qt

    return [table.item(row, number).data(qt.Qt.DisplayRole) for row in range(table.rowCount)]


def clickRow(table, row):
    import qt
    from PySide6.QtTest import QTest

    place = table.visualItemRect(table.item(row, 1)).center()
    QTest.mouseClick(table.viewport(), qt.Qt.LeftButton, qt.Qt.NoModifier, place)
    processEvents()


def testSaysWhatIsMissing(widget, ui, section, sectionUi):
    click(ui.followUpButton)
    assert not sectionUi.compareButton.enabled
    assert "Choose the segmentation" in sectionUi.compareButton.toolTip
    assert not sectionUi.changesTable.visible and not sectionUi.followUpProgressBar.visible


def testCompareListsTheChanges(compared, sectionUi, twoStudies):
    assert sectionUi.changesTable.visible
    assert column(sectionUi.changesTable, 1) == ["new", "gone", "unchanged"]
    assert column(sectionUi.changesTable, 0) == [1, 2, 3]
    text = sectionUi.followUpStatusLabel.text
    assert text.startswith("1 new, 1 gone, 1 unchanged.") and "common threshold" in text
    assert sectionUi.followUpWarningLabel.visible == bool(compared.result.followUp.warning)
    # Both have their probabilities: nothing is compared as drawn.
    assert compared.result.comparison.pair.drawn == (False, False)
    assert sectionUi.compareButton.text == "Compare" and sectionUi.compareButton.enabled


def testTheWindowLivesWhileTheHeadsAreRegistered(section, sectionUi, twoStudies):
    sectionUi.earlierSelector.setCurrentNode(twoStudies[0])
    sectionUi.laterSelector.setCurrentNode(twoStudies[1])
    click(sectionUi.compareButton)
    assert section.running and sectionUi.compareButton.text == "Cancel"
    assert sectionUi.followUpProgressBar.visible and not sectionUi.earlierSelector.enabled
    seen = set()
    waitUntil(lambda: seen.add(sectionUi.followUpStatusLabel.text) or not section.running, "the comparison to end")
    assert any("Laying the two heads" in text for text in seen), seen


def testCancelLeavesNothing(section, sectionUi, twoStudies, scene):
    sectionUi.earlierSelector.setCurrentNode(twoStudies[0])
    sectionUi.laterSelector.setCurrentNode(twoStudies[1])
    before = scene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode")
    click(sectionUi.compareButton)
    click(sectionUi.compareButton)
    waitUntil(lambda: not section.running, "the comparison to stop")
    assert section.result is None and "Stopped" in sectionUi.followUpStatusLabel.text
    assert scene.GetNumberOfNodesByClass("vtkMRMLSegmentationNode") == before


def testRowsSortAsNumbersAndJump(compared, sectionUi, monkeypatch):
    table = sectionUi.changesTable
    table.sortItems(3)  # volumes after
    volumes = column(table, 3)
    assert volumes == sorted(volumes) and len(set(volumes)) == 3
    places = []
    show = compared.logic.showSideBySide
    monkeypatch.setattr(
        compared.logic, "showSideBySide", lambda result, ras=None: places.append(ras) or show(result, ras)
    )
    for row in (2, 0, 0):
        clickRow(table, row)
        number = table.item(row, 0).data(0)
        change = next(change for change in compared.result.followUp.changes if change.number == number)
        assert places[-1] == change.centroid_ras


def testTheKeyboardChoosesRows(compared, sectionUi, monkeypatch):
    import qt
    from PySide6.QtTest import QTest

    places = []
    monkeypatch.setattr(compared.logic, "showSideBySide", lambda result, ras=None: places.append(ras))
    clickRow(sectionUi.changesTable, 0)
    QTest.keyClick(sectionUi.changesTable, qt.Qt.Key_Down)
    processEvents()
    assert places[-1] == compared.result.followUp.changes[1].centroid_ras


def testFollowsTheSliderAndTheLimits(compared, ui, sectionUi):
    before = compared.result.followUp
    ui.balanceSlider.value = 3.0
    waitUntil(lambda: compared.result.followUp is not before, "the comparison to follow the slider")
    assert compared.result.followUp.point.beta / compared.result.followUp.point.alpha == pytest.approx(8.0)
    sectionUi.newMlSpinBox.value = 50.0
    waitUntil(lambda: set(column(sectionUi.changesTable, 1)) == {"unchanged"}, "the limit to act")
    assert compared.result.followUp.limit.single_ml == 50.0


def testSegmentationsThatAreDrawnAreComparedAsTheyAre(widget, section, sectionUi, twoStudies):
    widget.logic._results.clear()  # as after the scene was saved and loaded
    sectionUi.earlierSelector.setCurrentNode(twoStudies[0])
    sectionUi.laterSelector.setCurrentNode(twoStudies[1])
    compareAndWait(section)
    assert column(sectionUi.changesTable, 1) == ["new", "gone", "unchanged"]
    assert "as it was drawn" in sectionUi.followUpStatusLabel.text


def testTheSameStudyTwiceIsRefused(section, sectionUi, twoStudies):
    sectionUi.earlierSelector.setCurrentNode(twoStudies[0])
    sectionUi.laterSelector.setCurrentNode(twoStudies[0])
    assert not sectionUi.compareButton.enabled and "the same" in sectionUi.compareButton.toolTip


def testAComparisonIsNoStudy(compared, sectionUi):
    sectionUi.laterSelector.setCurrentNode(compared.result.segmentationNode)
    click(sectionUi.compareButton)
    assert not compared.running and "itself a comparison" in sectionUi.followUpStatusLabel.text


def testOtherStudiesEndTheComparison(compared, sectionUi, twoStudies):
    sectionUi.earlierSelector.setCurrentNode(twoStudies[1])
    sectionUi.laterSelector.setCurrentNode(twoStudies[0])
    processEvents()
    assert compared.result is None and not sectionUi.changesTable.visible
    assert "Press Compare" in sectionUi.followUpStatusLabel.text
    compareAndWait(compared)
    assert column(sectionUi.changesTable, 1) == ["new", "gone", "unchanged"]
    assert column(sectionUi.changesTable, 3)[0] > 0.5  # the large one, which came the other way round


def testClosingTheSceneAfterTheComparison(compared, sectionUi, scene):
    scene.Clear(False)
    processEvents(0.5)
    assert compared.result is None and not sectionUi.changesTable.visible and sectionUi.followUpStatusLabel.text == ""


def testARemovedComparisonIsSaid(compared, ui, sectionUi, scene):
    scene.RemoveNode(compared.result.segmentationNode)
    clickRow(sectionUi.changesTable, 0)
    ui.balanceSlider.value = 1.0
    waitUntil(lambda: compared.result is None, "the section to notice")
    assert "was removed" in sectionUi.followUpStatusLabel.text and not sectionUi.changesTable.visible


def testClosingTheSceneDuringTheComparison(section, sectionUi, twoStudies, scene):
    sectionUi.earlierSelector.setCurrentNode(twoStudies[0])
    sectionUi.laterSelector.setCurrentNode(twoStudies[1])
    click(sectionUi.compareButton)
    scene.Clear(False)
    processEvents(0.2)
    assert not section.running and section.result is None
    assert sectionUi.followUpStatusLabel.text == ""


def testAFailedRegistrationStandsOut(section, sectionUi, twoStudies, scene):
    rng = np.random.default_rng(0)
    node = slicer.util.getNode("second visit")
    array = slicer.util.arrayFromVolume(node)
    array[:] = rng.normal(0, 1, array.shape)
    array[:, :9, :] += 500  # a slab instead of a head
    slicer.util.arrayFromVolumeModified(node)
    sectionUi.earlierSelector.setCurrentNode(twoStudies[0])
    sectionUi.laterSelector.setCurrentNode(twoStudies[1])
    compareAndWait(section)
    assert sectionUi.followUpWarningLabel.visible
    assert "seems to have failed" in sectionUi.followUpWarningLabel.text


def testAVolumeThatMovedSinceIsSaid(section, sectionUi, twoStudies, scene):
    transform = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
    matrix = transform.GetMatrixTransformToParent()
    matrix.SetElement(0, 3, 15)
    transform.SetMatrixTransformToParent(matrix)
    slicer.util.getNode("second visit").SetAndObserveTransformNodeID(transform.GetID())
    sectionUi.earlierSelector.setCurrentNode(twoStudies[0])
    sectionUi.laterSelector.setCurrentNode(twoStudies[1])
    compareAndWait(section)
    assert section.result is None and "does not lie where" in sectionUi.followUpStatusLabel.text


def testPictures(widget, ui, twoStudies):
    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    click(ui.followUpButton)  # closed: the picture needs it open
    followUpPictures(widget, twoStudies, SCREENSHOTS)
    import qt

    picture = qt.QImage(str(SCREENSHOTS / "follow-up-views.jpg"))
    assert (picture.width(), picture.height()) == (1088, 724)
    red = [picture.pixelColor(180, row).red() - picture.pixelColor(180, row).blue() for row in range(170, 190)]
    assert max(red) > 30, "the first row does not show the change that was jumped to"
    assert (SCREENSHOTS / "follow-up.jpg").is_file()


def testTheScriptedTwin(module, compared, sectionUi, twoStudies, tmp_path):
    logic = compared.logic
    result = logic.followUp(*twoStudies, alpha=0.5, beta=0.5)
    assert [change.change for change in result.followUp.changes] == ["new", "gone", "unchanged"]
    logic.showSideBySide(result, result.followUp.changes[0].centroid_ras)
    assert not compared.result.segmentationNode.GetDisplayVisibility()  # of the comparison before
    result.write(tmp_path / "out")
    assert (tmp_path / "out" / "changes.csv").is_file()
    with pytest.raises(ValueError, match="the same"):
        logic.followUp(twoStudies[0], twoStudies[0])
    with pytest.raises(ValueError, match="Choose"):
        logic.followUp(twoStudies[0], None)
