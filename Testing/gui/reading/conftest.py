"""Six lesions to be read."""

import pytest

from gui.panel_driving import segmentAndWait
from gui.six_lesions import CUBES
from gui.synthetic_head import addHead


@pytest.fixture
def flairNode(scene):
    return addHead("FLAIR", lesions=CUBES)


@pytest.fixture
def section(widget, ui, flairNode, warm, monkeypatch):
    """The Lesions section after a run that found six lesions."""
    import qt

    monkeypatch.setattr(qt.QSettings, "value", lambda self, name, default=None: default)
    monkeypatch.setattr(qt.QSettings, "setValue", lambda self, name, value: None)
    ui.flairSelector.setCurrentNode(flairNode)
    segmentAndWait(ui, widget)
    assert len(widget.panel.lesions.result.lesions.listed) == 6, ui.statusLabel.text
    return widget.panel.lesions
