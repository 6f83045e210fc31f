"""Six lesions to be read: where they are, and what screen, list and engine say of them."""

import numpy as np

from gui.panel_driving import processEvents, shownMask

CUBES = ((20, 24, 26, 2), (34, 30, 24, 3), (28, 20, 34, 1), (36, 20, 14, 2), (16, 32, 18, 1), (26, 36, 30, 2))


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
