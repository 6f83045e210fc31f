"""The panel with a model whose settings cut a score that is no probability."""

import numpy as np
import pytest

from bright_model import write_conditioned_model
from gui.panel_driving import processEvents, segmentAndWait, shownMask


@pytest.fixture
def models(tmp_path):
    """A folder with a conditioned model alone; takes the place of the folder of the other tests."""
    write_conditioned_model(tmp_path / "conditioned")
    return tmp_path


def testTheSliderMovesTheSetOfTheNetwork(widget, ui, flairNode):
    ui.flairSelector.setCurrentNode(flairNode)
    ui.modelSelector.currentIndex = ui.modelSelector.findData("conditioned")
    segmentAndWait(ui, widget)
    result = widget.panel.operatingPoint.result
    assert result is not None, ui.statusLabel.text
    score = result.probabilityMap.score.array.astype(np.float64)
    counts = []
    for balance in (-5.0, -2.0, 0.0, 2.0, 5.0):
        ui.balanceSlider.value = balance
        widget.panel.lesions.ui.minimumDiameterSpinBox.value = 0.0
        processEvents()
        expected = score >= -np.log(np.clip(2.0**balance, 0.1, 10.0))
        shown = shownMask(result, flairNode)
        assert np.array_equal(shown, expected)
        assert ui.lesionCountLabel.text == str(len(result.lesions))
        counts.append(int(shown.sum()))
    assert counts == sorted(counts) and counts[0] < counts[-1]
    assert 0 < float(ui.expectedPrecisionLabel.text) <= 1
    ui.balanceSlider.value = -5.0
    ui.minimumVolumeSpinBox.value = 50.0
    processEvents()
    assert len(result.lesions) == 0
    highest = result.probabilityMap.array.max()
    assert f"the highest probability is {highest:.2f}" in ui.statusLabel.text
