"""Pictures of the panel and of a window with views, kept in build/screenshots for a person to look at."""

import numpy as np

from gui.conftest import REPOSITORY
from gui.panel_driving import dragSlider, processEvents, segmentAndWait

SCREENSHOTS = REPOSITORY / "build" / "screenshots"


def save(widget, name):
    """Save a picture of a widget and return it as uint8 (h, w, 4)."""
    import qt

    SCREENSHOTS.mkdir(parents=True, exist_ok=True)
    image = widget.grab().toImage().convertToFormat(qt.QImage.Format_RGBA8888)
    image.save(str(SCREENSHOTS / f"{name}.png"))
    return np.frombuffer(image.constBits(), np.uint8).reshape(image.height(), image.width(), 4).copy()


def testPictures(widget, ui, flairNode):
    import qt
    import slicer

    save(widget.parent, "panel-empty")
    window = qt.QWidget()
    row = qt.QHBoxLayout(window)
    row.addWidget(widget.parent)
    row.addWidget(slicer.app.layoutManager().widget, 1)
    window.resize(1280, 800)
    window.show()
    widget.parent.setFixedWidth(420)
    ui.flairSelector.setCurrentNode(flairNode)
    slicer.util.setSliceViewerLayers(background=flairNode, fit=True)
    segmentAndWait(ui, widget)
    processEvents(0.2)
    before = save(window, "window")
    save(widget.parent, "panel")
    widget.panel.operatingPoint.result.segmentationNode.CreateClosedSurfaceRepresentation()
    slicer.app.layoutManager().resetThreeDViews()
    dragSlider(ui.balanceSlider, 0.9)
    processEvents(0.5)
    after = save(window, "window-fewer-missed")
    views = np.s_[:, 450:]
    assert (before[views] != after[views]).any(axis=-1).sum() > 100, "the views did not follow the slider"
    # The panel goes back to where the fixture finds it.
    slicer.app.layoutManager().widget.setParent(None)
    widget.parent.setParent(None)
