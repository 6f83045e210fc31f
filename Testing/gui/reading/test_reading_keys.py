"""Reading a list of lesions with the keyboard alone."""

from gui.panel_driving import press
from gui.six_lesions import assertAgrees


def testReadingNeedsNoMouse(section, ui, flairNode):
    """After the run the keyboard is in the list, the first lesion chosen: K, R, K, ... and all are decided on."""
    table = section.ui.lesionTable
    assert table.focus and section.table.current == section.table.rows[0]
    first = list(section.table.rows)
    for number, lesion in enumerate(first):
        assert section.table.current == lesion
        press(table, "R" if number in (1, 4) else "K")
    states = section.result.lesions.states
    assert [states[lesion.id] for lesion in first] == ["kept", "rejected", "kept", "kept", "rejected", "kept"]
    assert "4 kept, 2 rejected, 0 undecided." in section.ui.summaryLabel.text
    assert "All lesions" in ui.statusLabel.text
    assertAgrees(section, ui, flairNode)
    assert ui.lesionCountLabel.text == "4"
    press(table, "N")
    assert "All lesions" in ui.statusLabel.text


def testBackspaceTakesTheLastDecisionBackAndGoesThere(section, ui, flairNode):
    table = section.ui.lesionTable
    first = list(section.table.rows)
    press(table, "K")
    press(table, "R")
    press(table, "Up")
    press(table, "K")  # it was rejected
    states = section.result.lesions.states
    assert [states[lesion.id] for lesion in first[:3]] == ["kept", "kept", "undecided"]
    press(table, "Backspace")
    assert section.result.lesions.states[first[1].id] == "rejected"
    assert section.table.current.id == first[1].id and table.focus
    assertAgrees(section, ui, flairNode)
    press(table, "Backspace")
    press(table, "Backspace")
    states = section.result.lesions.states
    assert [states[lesion.id] for lesion in first[:3]] == ["undecided"] * 3
    assert section.table.current.id == first[0].id
    press(table, "Backspace")
    assert "no decision to take back" in ui.statusLabel.text


def testLComesBackToTheListFromTheSlider(section, ui):
    ui.balanceSlider.setFocus()
    assert not section.ui.lesionTable.focus
    press(ui.balanceSlider, "L")
    assert section.ui.lesionTable.focus
    section.ui.noteEdit.setFocus()
    press(section.ui.noteEdit, "L")
    assert section.ui.noteEdit.focus  # a letter there


def testNextAndPreviousGoRoundTheUndecided(section):
    table = section.ui.lesionTable
    first = list(section.table.rows)
    section.ui.advanceCheckBox.checked = False
    press(table, "K")
    assert section.table.current == first[0]
    press(table, "N")
    assert section.table.current == first[1]
    press(table, "P")
    assert section.table.current == first[5]
    press(table, "N")
    assert section.table.current == first[1]
    press(table, "Up")
    assert section.table.current == first[0]
    press(table, "U")
    assert section.result.isUndecided(first[0].id)
