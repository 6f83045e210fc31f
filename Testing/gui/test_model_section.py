"""Model: the list with what it says, installation from a file, check, removal; devices and the choice that is kept."""

import json
import zipfile

import pytest
import slicer

from bright_model import bright_description, write_bright_model
from gui.panel_driving import click, processEvents, segmentAndWait, waitUntil

CPU = {"name": "cpu", "text": "CPU, 2 threads"}


@pytest.fixture
def chosenFile(monkeypatch):
    """Answers the file dialog; [path] to choose it."""
    import qt

    chosen = [""]
    monkeypatch.setattr(qt.QFileDialog, "getOpenFileName", lambda *arguments: chosen[0])
    return chosen


@pytest.fixture
def answer(monkeypatch):
    """Answers confirmations; [True] for yes."""
    said = [False]
    monkeypatch.setattr(slicer.util, "confirmYesNoDisplay", lambda text, **options: said[0], raising=False)
    return said


def archiveOf(folder, path):
    with zipfile.ZipFile(path, "w") as archive:
        for file in folder.iterdir():
            archive.write(file, f"{folder.name}/{file.name}")
    return str(path)


@pytest.fixture
def archive(tmp_path):
    """A zip archive of a bundle called "mine"."""
    return archiveOf(write_bright_model(tmp_path / "mine", title="Mine").folder, tmp_path / "mine.zip")


def names(ui):
    return [ui.modelSelector.itemData(index) for index in range(ui.modelSelector.count)]


def testTheDetailTellsTaskChannelsCalibrationAndLicence(ui):
    import qt

    assert ui.modelSelector.currentData == "bright"
    assert ui.modelDetailLabel.text.splitlines() == [
        "Bright spots in any image (version 1.0.0)",
        "Channels: FLAIR, T1 (optional)",
        "Calibrated on nothing: written down for tests",
        "Licence: Apache-2.0",
    ]
    assert ui.modelSelector.itemData(0, qt.Qt.ToolTipRole) == ui.modelDetailLabel.text


def testAnUncalibratedModelIsCalledSo(module, models):
    import shutil

    calibration = {**bright_description()["calibration"], "fitted_on": None}
    write_bright_model(models / "raw", calibration=calibration)
    try:
        ui = module.pythonWidget().panel.ui
        ui.modelSelector.currentIndex = ui.modelSelector.findData("raw")
        processEvents()
        assert "Uncalibrated: its expected figures are no promise" in ui.modelDetailLabel.text
    finally:
        shutil.rmtree(models / "raw")


def testInstallUseVerifyRemove(widget, ui, flairNode, userModels, archive, chosenFile, answer):
    chosenFile[0] = archive
    click(ui.installModelButton)
    assert ui.modelMessageLabel.visible and ui.modelMessageLabel.text == "mine 1.0.0 is installed."
    assert ui.modelSelector.currentData == "mine"
    assert widget._parameterNode.model == "mine"
    assert (userModels / "mine" / "bundle.json").is_file()

    click(ui.verifyModelButton)
    assert "mine 1.0.0 is whole" in ui.modelMessageLabel.text
    ui.flairSelector.setCurrentNode(flairNode)
    segmentAndWait(ui, widget)
    assert widget.panel.operatingPoint.result.probabilityMap.provenance["model"]["name"] == "mine"

    assert ui.removeModelButton.enabled
    click(ui.removeModelButton)
    assert "mine" in names(ui)  # declined
    answer[0] = True
    click(ui.removeModelButton)
    assert "mine" not in names(ui) and not (userModels / "mine").exists()
    assert ui.modelMessageLabel.text == "mine was removed."
    assert ui.modelSelector.currentData == "bright" == widget._parameterNode.model


def testOnlyTheUsersOwnCanBeRemoved(ui):
    for name in ("bright", "ms-flair"):
        ui.modelSelector.currentIndex = ui.modelSelector.findData(name)
        processEvents()
        assert not ui.removeModelButton.enabled


def testARefusedFileIsOneSentence(ui, userModels, tmp_path, archive, chosenFile):
    before = names(ui)
    click(ui.installModelButton)  # the dialog was closed
    assert not ui.modelMessageLabel.visible
    text = tmp_path / "text.zip"
    text.write_text("no archive")
    chosenFile[0] = str(text)
    click(ui.installModelButton)
    assert "text.zip is no readable zip archive" in ui.modelMessageLabel.text
    assert names(ui) == before
    chosenFile[0] = archive
    click(ui.installModelButton)
    click(ui.installModelButton)
    assert "'mine' is installed already" in ui.modelMessageLabel.text


def testADamagedModelIsFound(ui, userModels, archive, chosenFile):
    chosenFile[0] = archive
    click(ui.installModelButton)
    weights = userModels / "mine" / "weights.safetensors"
    weights.write_bytes(weights.read_bytes()[:-1] + b"!")
    click(ui.verifyModelButton)
    assert "do not have the checksum" in ui.modelMessageLabel.text


def testDevicesAreFoundAndRemembered(widget, ui):
    import qt

    assert [ui.deviceSelector.itemData(n) for n in range(ui.deviceSelector.count)] == ["auto", "cpu"]
    click(ui.findDevicesButton)
    assert not ui.findDevicesButton.enabled
    waitUntil(lambda: ui.findDevicesButton.enabled, "the devices")
    texts = [ui.deviceSelector.itemText(n) for n in range(ui.deviceSelector.count)]
    assert texts[-1].startswith("CPU, ") and "thread" in texts[-1]
    assert json.loads(qt.QSettings().value("LesionSegmentation/DevicesFound"))[-1]["text"] == texts[-1]


def testAWorkerThatDoesNotStartIsSaid(widget, ui, monkeypatch):
    monkeypatch.setattr("shutil.which", lambda name: "/bin/false")
    click(ui.findDevicesButton)
    waitUntil(lambda: ui.findDevicesButton.enabled, "the attempt")
    assert ui.modelMessageLabel.text == "The devices could not be found out: the worker process did not start."


def testAStoredDeviceIsUsedAtTheFirstRun(scene, module, flairNode, monkeypatch):
    """Before any worker has told which devices there are."""
    import qt

    qt.QSettings().setValue("LesionSegmentation/Device", "cuda:7")
    widget = module.pythonWidget()
    ui = widget.panel.ui
    assert ui.deviceSelector.currentData == "cuda:7"
    assert ui.deviceSelector.currentText == "CUDA:7 (chosen earlier)"
    segmentAndWait(ui, widget)
    assert ui.statusLabel.text.startswith("The device 'cuda:7' is not there")  # so it was asked for
    ui.deviceSelector.currentIndex = ui.deviceSelector.findData("cpu")
    ui.deviceSelector.activated.emit(ui.deviceSelector.currentIndex)
    segmentAndWait(ui, widget)
    assert widget.panel.operatingPoint.result is not None
    assert qt.QSettings().value("LesionSegmentation/Device") == "cpu"


def testFreeMemoryIsNotRemembered(widget, ui):
    import qt

    found = [{"name": "cuda:0", "text": "CUDA, NVIDIA One, 20 GB free"}, CPU]
    widget.panel.models.keepDevices(found)
    assert ui.deviceSelector.itemText(1) == "CUDA, NVIDIA One, 20 GB free"
    kept = json.loads(qt.QSettings().value("LesionSegmentation/DevicesFound"))
    assert kept == [{"name": "cuda:0", "text": "CUDA, NVIDIA One"}, CPU]


@pytest.mark.parametrize("stored", ["", "no json", "7", '[{"name": 1}]'])
def testDamagedSettingsAreForgotten(scene, module, stored):
    import qt

    qt.QSettings().setValue("LesionSegmentation/DevicesFound", stored)
    ui = module.pythonWidget().panel.ui
    assert [ui.deviceSelector.itemData(n) for n in range(ui.deviceSelector.count)] == ["auto", "cpu"]


def testScripted(module, userModels, archive, tmp_path):
    logic = module.module.LesionSegmentationLogic()
    assert {"bright", "ms-flair"} <= {model.name for model in logic.models()}
    assert logic.installModel(archive).name == "mine"
    assert "mine 1.0.0 is whole" in logic.verifyModel("mine")
    with pytest.raises(ValueError, match="installed already"):
        logic.installModel(archive)
    logic.removeModel("mine")
    with pytest.raises(ValueError, match="not installed by this user"):
        logic.removeModel("bright")
    with pytest.raises(ValueError, match="no model called 'mine'"):
        logic.verifyModel("mine")
