"""The Lesions section: list, notes, filter, resets, reopened scenes; with real clicks and keys."""

import csv

import numpy as np
import pytest
import slicer
import slicer.util

from gui.panel_driving import click, dragSlider, press, processEvents, segmentAndWait, shownMask
from gui.six_lesions import CUBES, assertAgrees, cells
from gui.synthetic_head import addHead


def clickRow(section, row):
    import qt
    from PySide6.QtTest import QTest

    table = section.ui.lesionTable
    place = table.visualItemRect(table.item(row, 1)).center()
    QTest.mouseClick(table.viewport(), qt.Qt.LeftButton, qt.Qt.NoModifier, place)
    processEvents()


def slicePlaces():
    """Where the slice views stand, RAS of each along its own direction."""
    nodes = list(slicer.util.getNodesByClass("vtkMRMLSliceNode"))
    return {node.GetName(): node.GetSliceOffset() for node in nodes}


def testTheListSaysWhatTheEngineSays(section, ui, flairNode):
    slicer.app.layoutManager()
    rows = cells(section)
    listed = section.result.lesions.listed
    assert [row[1] for row in rows] == [str(lesion.id) for lesion in listed]
    for row, lesion in zip(rows, listed):
        assert row[0] == "\u2013" and row[8] == ""
        assert float(row[2]) == pytest.approx(lesion.volume_ml, abs=1e-3)
        assert float(row[3]) == pytest.approx(lesion.diameter_mm, abs=0.06)
        assert float(row[5]) == pytest.approx(lesion.highest_probability, abs=0.006)
        assert row[6] in ("left", "right", "middle")
        assert (row[6] == "right") == (section.result.side(lesion) == "right")
    assert "0 kept, 0 rejected, 6 undecided." in section.ui.summaryLabel.text
    assert "Dice" in section.ui.summaryLabel.text
    assertAgrees(section, ui, flairNode)


def testButtonsDoWhatTheKeysDo(section, ui, flairNode):
    first = list(section.table.rows)
    clickRow(section, 2)
    click(section.ui.rejectButton)
    assert section.result.lesions.states[first[2].id] == "rejected"
    assert section.table.current == first[3]
    assert section.ui.lesionTable.focus
    assertAgrees(section, ui, flairNode)
    click(section.ui.previousButton)
    assert section.table.current == first[1]
    click(section.ui.keepButton)
    clickRow(section, 2)
    click(section.ui.undecideButton)
    assert section.result.lesions.states[first[2].id] == "undecided"
    click(section.ui.nextButton)
    assert section.table.current == first[3]


def testAChosenRowMovesAllViewsAndBlinks(section):
    slicer.app.layoutManager()
    section.mark.setVisible(False)
    clickRow(section, 4)
    lesion = section.table.rows[4]
    place = section.result.lesions.middle(lesion)
    for node in slicer.util.getNodesByClass("vtkMRMLSliceNode"):
        normal = [node.GetSliceToRAS().GetElement(row, 2) for row in range(3)]
        assert np.dot(normal, place) == pytest.approx(np.dot(normal, [
            node.GetSliceToRAS().GetElement(row, 3) for row in range(3)
        ]), abs=1e-3)  # fmt: skip
    seen = []
    for _ in range(30):
        seen.append(section.mark.visible)
        processEvents(0.05)
    assert seen[0] and not seen[-1]
    assert sum(one and not other for one, other in zip(seen, seen[1:])) == 3


def testARejectedLesionStaysOutWhileTheSliderMoves(section, ui, flairNode):
    lesion = section.table.current
    place = section.result.lesions.voxels_of(lesion)
    press(section.ui.lesionTable, "R")
    for fraction in (0.3, 0.6, 0.45, 0.5):
        dragSlider(ui.balanceSlider, fraction)
        assert not shownMask(section.result, flairNode).reshape(-1)[place].any()
        assertAgrees(section, ui, flairNode)
    row = next(row for row in cells(section) if row[1] == str(lesion.id))
    assert row[0] == "rejected"


def testTheChosenLesionStaysChosenWhileTheSliderMoves(section, ui):
    clickRow(section, 3)
    peak = section.table.current.peak
    views = slicePlaces()
    for fraction in (0.4, 0.6, 0.5):
        dragSlider(ui.balanceSlider, fraction)
        assert section.table.current.peak == peak
        row = section.ui.lesionTable.currentRow()
        assert section.table.rows[row].peak == peak
    assert slicePlaces() == views  # the slider never moves the views


def testAClickOnATitleSorts(section):
    import qt
    from PySide6.QtTest import QTest

    header = section.ui.lesionTable.horizontalHeader()

    def clickTitle(column):
        place = qt.QPoint(header.sectionViewportPosition(column) + 5, 8)
        QTest.mouseClick(header.viewport(), qt.Qt.LeftButton, qt.Qt.NoModifier, place)
        return [row[column] for row in cells(section)]

    chosen = section.table.current
    numbers = [int(text) for text in clickTitle(1)]
    assert numbers == sorted(numbers)
    numbers = [int(text) for text in clickTitle(1)]
    assert numbers == sorted(numbers, reverse=True)
    highest = [float(text) for text in clickTitle(5)]
    assert highest == sorted(highest, reverse=True)
    assert section.table.current == chosen
    assert section.table.rows[section.ui.lesionTable.currentRow()] == chosen


def testTheSmallestDiameterFiltersAll(section, ui, flairNode):
    assert section.ui.minimumDiameterSpinBox.value == 3.0
    section.ui.minimumDiameterSpinBox.value = 6.5
    processEvents()
    assert 0 < len(section.result.lesions) < 6
    assert all(float(row[3]) >= 6.4 for row in cells(section))
    assertAgrees(section, ui, flairNode)
    section.ui.minimumDiameterSpinBox.value = 50.0
    processEvents()
    assert "No lesion of at least 50.0 mm" in ui.statusLabel.text
    assert section.ui.lesionTable.rowCount == 0
    assert not section.ui.keepButton.enabled


def testANoteIsKeptWithEveryLetterAndKeysAreLettersThere(section, ui):
    table, edit = section.ui.lesionTable, section.ui.noteEdit
    lesion = section.table.current
    press(table, "T")
    assert edit.focus
    for letter in "knurp t":
        press(edit, letter.upper() if letter != " " else "Space")
    assert edit.text.lower() == "knurp t"
    assert section.result.lesions.notes[lesion.id].lower() == "knurp t"
    assert set(section.result.lesions.states.values()) == {"undecided"}
    assert section.table.current == lesion
    press(edit, "Return")
    assert table.focus
    press(table, "T")
    press(edit, "Escape")
    assert table.focus and edit.text.lower() == "knurp t"
    press(table, "N")
    assert edit.text == ""
    press(table, "P")
    assert edit.text.lower() == "knurp t"
    assert any(row[8].lower() == "knurp t" for row in cells(section))


def testResetsAskFirst(section, ui, flairNode, monkeypatch):
    asked, answer = [], [False]
    monkeypatch.setattr(slicer.util, "confirmOkCancelDisplay", lambda text, *_, **__: asked.append(text) or answer[0])
    press(section.ui.lesionTable, "R")
    edited = shownMask(section.result, flairNode)
    edited[2:5, 2:5, 2:5] = 1
    slicer.util.updateSegmentBinaryLabelmapFromArray(
        np.ascontiguousarray(edited.transpose(2, 1, 0)), section.result.segmentationNode, "Lesion", flairNode
    )
    for button in (section.ui.resetDecisionsButton, section.ui.resetEditsButton):
        click(button)
    assert len(asked) == 2 and "1" in asked[0] and "27 voxels" in asked[1]
    assert len(section.result.decisions) == 1 and section.result.editedVoxels == 27
    answer[0] = True
    click(section.ui.resetDecisionsButton)
    assert set(section.result.lesions.states.values()) == {"undecided"}
    assert section.result.editedVoxels == 27 and ui.lesionCountLabel.text == "6"
    click(section.ui.resetEditsButton)
    assert section.result.editedVoxels == 0
    assertAgrees(section, ui, flairNode)
    assert "by hand" not in ui.figuresFromLabel.text


def testToTable(section, ui):
    press(section.ui.lesionTable, "R")
    click(section.ui.tableButton)
    (node,) = slicer.util.getNodesByClass("vtkMRMLTableNode")
    assert node.GetNumberOfRows() == 5
    assert node.GetName() in ui.statusLabel.text


def testAllRejectedIsSaid(section, ui):
    for _ in range(6):
        press(section.ui.lesionTable, "R")
    assert ui.lesionCountLabel.text == "0"
    assert ui.expectedPrecisionLabel.text == "\u2013"
    assert "All 6 lesions at this setting are rejected." in ui.statusLabel.text


def testASavedSceneGoesOnWhereItWasLeft(section, ui, flairNode, widget, tmp_path):
    ui.balanceSlider.value = 0.62
    section.ui.minimumDiameterSpinBox.value = 4.0
    processEvents()
    rejected = section.table.rows[1]
    section.table.choose(rejected)
    press(section.ui.lesionTable, "R")
    section.table.choose(section.table.rows[0])
    section.ui.noteEdit.setFocus()
    press(section.ui.noteEdit, "X")
    before, shown = cells(section), shownMask(section.result, flairNode)
    path = str(tmp_path / "scene.mrb")
    assert slicer.mrmlScene.WriteToMRB(path)
    slicer.mrmlScene.Clear(False)
    processEvents()
    assert not ui.balanceSlider.enabled and section.result is None
    assert section.ui.lesionTable.rowCount == 0
    slicer.mrmlScene.ReadFromMRB(path, False)
    processEvents()
    assert ui.balanceSlider.enabled and ui.balanceSlider.value == 0.62
    assert section.ui.minimumDiameterSpinBox.value == 4.0
    assert cells(section) == before
    reference = slicer.util.getNode("FLAIR")
    assert np.array_equal(shownMask(section.result, reference), shown)
    assert section.result.editedVoxels == 0
    dragSlider(ui.balanceSlider, 0.7)
    assertAgrees(section, ui, reference)
    assert section.result.lesions.states[rejected.id] == "rejected"


def testTwoStudiesKeepTheirsApart(section, ui, widget):
    first = section.result
    press(section.ui.lesionTable, "R")
    ui.balanceSlider.value = 0.5
    section.ui.minimumDiameterSpinBox.value = 5.0
    processEvents()
    firstRows, firstShown = cells(section), first.lesions.mask()
    ui.flairSelector.setCurrentNode(addHead("FLAIR 2", seed=3, lesions=CUBES[:4]))
    segmentAndWait(ui, widget)
    second = section.result
    assert second is not first and not first.segmentationNode.GetDisplayVisibility()
    ui.balanceSlider.value = -0.5
    section.ui.minimumDiameterSpinBox.value = 3.0
    processEvents()
    press(section.ui.lesionTable, "K")
    secondRows = cells(section)
    section.ui.resultSelector.setCurrentNode(first.segmentationNode)
    processEvents()
    assert (ui.balanceSlider.value, section.ui.minimumDiameterSpinBox.value) == (0.5, 5.0)
    assert cells(section) == firstRows
    assert np.array_equal(section.result.lesions.mask(), firstShown)
    assert first.segmentationNode.GetDisplayVisibility()
    assert not second.segmentationNode.GetDisplayVisibility()
    section.ui.resultSelector.setCurrentNode(second.segmentationNode)
    processEvents()
    assert (ui.balanceSlider.value, section.ui.minimumDiameterSpinBox.value) == (-0.5, 3.0)
    assert cells(section) == secondRows


def testAResultWithoutItsProbabilityIsOneSentence(section, ui):
    node = section.result.segmentationNode
    section.ui.resultSelector.setCurrentNode(None)
    processEvents()
    assert section.result is None and not ui.balanceSlider.enabled
    slicer.mrmlScene.RemoveNode(node.GetNodeReference("LesionSegmentation.Probability"))
    section.ui.resultSelector.setCurrentNode(node)
    processEvents()
    assert "not in the scene any more; segment the study again." in ui.statusLabel.text
    assert section.result is None


def testOnlyResultsCanBeChosen(section, scene):
    scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "somebody else's")
    assert section.ui.resultSelector.nodeCount() == 1


class TestScripted:
    """Every click has its twin on the logic."""

    def testTheSameByScript(self, module, flairNode, tmp_path):
        logic = module.module.LesionSegmentationLogic()
        try:
            result = logic.process(flairNode, model="bright", minimumDiameterMm=3.0)
        finally:
            logic.close()
        lesion = result.lesions.listed[0]
        assert len(logic.decideLesion(result, lesion.id, "rejected")) == 5
        logic.noteLesion(result, lesion.id, "vessel")
        assert logic.jumpToLesion(result, lesion.id) == result.lesions.middle(lesion)
        again = logic.restoreResult(result.segmentationNode)
        assert again.lesions.states == result.lesions.states and again.lesions.notes == {lesion.id: "vessel"}
        assert logic.addLesionTable(result).GetNumberOfRows() == 5
        assert len(logic.resetDecisions(result)) == 6
        logic.resetHandEdits(result)
        with pytest.raises(ValueError, match="no lesion 99"):
            logic.decideLesion(result, 99, "kept")
        from LesionSegmentationLib.engine.lesion_csv import write_lesions

        write_lesions(tmp_path / "lesions.csv", again.lesions)
        with (tmp_path / "lesions.csv").open(newline="") as stream:
            assert str(lesion.id) not in [row["lesion"] for row in csv.DictReader(stream)]
