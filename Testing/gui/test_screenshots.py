"""Pictures of the panel and of a window with views, kept in build/screenshots for a person to look at."""

import numpy as np

from gui.conftest import REPOSITORY
from gui.panel_driving import dragSlider, processEvents, segmentAndWait
from gui.screenshots import save, showSurface, windowWithViews

SCREENSHOTS = REPOSITORY / "build" / "screenshots"


def testPictures(widget, ui, flairNode):
    import slicer

    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    save(widget.parent, SCREENSHOTS / "panel-empty.png")
    window = windowWithViews(widget)
    ui.flairSelector.setCurrentNode(flairNode)
    segmentAndWait(ui, widget)
    save(widget.parent, SCREENSHOTS / "panel.png")
    save(ui.operatingPointButton, SCREENSHOTS / "tune.png")
    showSurface(widget.panel.operatingPoint.result)
    before = pixels(save(window, SCREENSHOTS / "window.png"))
    dragSlider(ui.balanceSlider, 0.9)
    processEvents(0.5)
    after = pixels(save(window, SCREENSHOTS / "window-fewer-missed.png"))
    views = np.s_[:, 480:]
    assert (before[views] != after[views]).any(axis=-1).sum() > 100, "the views did not follow the slider"
    # Both go back to where the fixture finds them, or they would end with the window.
    slicer.app.layoutManager().widget.setParent(None)
    widget.parent.setParent(None)


def pixels(image):
    """A QImage as uint8 (height, width, 4)."""
    import qt

    image = image.convertToFormat(qt.QImage.Format_RGBA8888)
    return np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.width(), 4).copy()
