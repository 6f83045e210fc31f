"""The Train section: what can be chosen, and cases from the scene, with real clicks."""

import pytest

from gui.panel_driving import click, processEvents
from LesionSegmentationLib.engine.training_settings import presets


@pytest.fixture
def trainUi(widget, ui):
    ui.trainPlace.collapsed = False
    processEvents()
    return ui


def offered(selector):
    return [selector.itemText(index) for index in range(selector.count)]


def testPresetsThatNeedARunOfTheirMakerAreNotOffered(trainUi):
    names = offered(trainUi.presetSelector)
    assert "ms-flair-fit" in presets() and "ms-flair-fit" not in names
    assert {"tutorial-fit", "salehi-2017", "conditioned"} <= set(names)
    assert trainUi.presetSelector.currentText == "tutorial-fit"


def testACaseOfTheSceneIsAdded(trainUi, segmented, tmp_path):
    node = segmented.panel.operatingPoint.result.segmentationNode
    trainUi.casesLineEdit.text = str(tmp_path / "cases.csv")
    click(trainUi.addCaseButton)
    assert trainUi.trainingStatusLabel.text.endswith(".") and not (tmp_path / "cases.csv").exists()
    trainUi.referenceSegmentationSelector.setCurrentNode(node)
    trainUi.patientLineEdit.text = "p7"
    click(trainUi.addCaseButton)
    assert trainUi.trainingStatusLabel.text == "Case p7-1 was added to cases.csv."
    assert sorted(path.name for path in (tmp_path / "p7-1").iterdir()) == ["flair.nii.gz", "mask.nii.gz"]
