"""Six lesions to be read: how the tests get them, and what screen, list and engine say of them."""

import numpy as np

from gui.panel_driving import processEvents, segmentAndWait, shownMask

CUBES = ((20, 24, 26, 2), (34, 30, 24, 3), (28, 20, 34, 1), (36, 20, 14, 2), (16, 32, 18, 1), (26, 36, 30, 2))


def readSix(widget, ui, flairNode, monkeypatch):
    """The Lesions section after a run that found six lesions in the head ``flairNode`` with :data:`CUBES`."""
    import qt

    monkeypatch.setattr(qt.QSettings, "value", lambda self, name, default=None: default)
    monkeypatch.setattr(qt.QSettings, "setValue", lambda self, name, value: None)
    ui.flairSelector.setCurrentNode(flairNode)
    segmentAndWait(ui, widget)
    assert len(widget.panel.lesions.result.lesions.listed) == 6, ui.statusLabel.text
    return widget.panel.lesions


def cells(section):
    """What the table shows, after the hand has rested."""
    processEvents(0.2)
    table = section.ui.lesionTable
    return [[table.item(row, column).text() for column in range(table.columnCount)] for row in range(table.rowCount)]


def assertAgrees(section, ui, flairNode):
    """Screen, list, figures and what would be exported are the same lesions."""
    lesions = section.result.lesions
    assert np.array_equal(shownMask(section.result, flairNode), lesions.mask())
    assert ui.lesionCountLabel.text == str(len(lesions)) == str(len(lesions.rows))
    assert {row[1] for row in cells(section)} == {str(lesion.id) for lesion in lesions.listed}
    assert sum(row[0] != "rejected" for row in cells(section)) == len(lesions)
