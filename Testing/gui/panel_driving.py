"""A user's hands: clicks, drags and patience, with the event loop alive."""

import time

import numpy as np

PATIENCE_SECONDS = 60
REST = 0.5  # seconds after which the hand has rested


def processEvents(seconds=0.0):
    """Let the event loop live for a while."""
    import slicer

    end = time.monotonic() + seconds
    while True:
        slicer.app.processEvents()
        if time.monotonic() >= end:
            return
        time.sleep(0.005)


def waitUntil(condition, what, seconds=PATIENCE_SECONDS):
    """Let the event loop live until ``condition()``; fails after ``seconds``."""
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, f"waited {seconds} s in vain for {what}"
        processEvents(0.02)


def click(button):
    """A real click with the left mouse button."""
    import qt
    from PySide6.QtTest import QTest

    QTest.mouseClick(button, qt.Qt.LeftButton)
    processEvents()


def press(widget, key):
    """A real key stroke, by its name in Qt ("K", "Down", "Return"), where the keyboard is."""
    import qt
    from PySide6.QtTest import QTest

    assert widget.focus, f"{widget.name} does not have the keyboard"
    QTest.keyClick(widget, getattr(qt.Qt, f"Key_{key}"))
    processEvents()


def dragSlider(slider, fraction):
    """Drag the handle of a ctkSliderWidget to a fraction of its length with the mouse, in several moves."""
    import qt
    from PySide6.QtTest import QTest

    track = slider.findChild(qt.QSlider)
    style = qt.QStyleOptionSlider()
    track.initStyleOption(style)
    handle = track.style().subControlRect(qt.QStyle.CC_Slider, style, qt.QStyle.SC_SliderHandle, track)
    start = handle.center()
    target = round(handle.width() / 2 + fraction * (track.width - handle.width()))
    QTest.mousePress(track, qt.Qt.LeftButton, qt.Qt.NoModifier, start)
    for step in np.linspace(start.x(), target, 8):
        QTest.mouseMove(track, qt.QPoint(int(step), start.y()))
        processEvents()
    QTest.mouseRelease(track, qt.Qt.LeftButton, qt.Qt.NoModifier, qt.QPoint(target, start.y()))
    processEvents()


def segmentAndWait(ui, widget, seconds=PATIENCE_SECONDS):
    """Press Segment and wait until the run has ended."""
    click(ui.segmentButton)
    waitUntil(lambda: not widget.panel.running, "the run to end", seconds)
    processEvents()


def shownMask(result, referenceNode):
    """The segment's voxels as uint8 (i, j, k)."""
    import slicer

    array = slicer.util.arrayFromSegmentBinaryLabelmap(result.segmentationNode, result.segmentId, referenceNode)
    return (array.T > 0).astype(np.uint8)
