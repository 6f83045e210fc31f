"""Run: progress by patch, the log one click away, fallbacks that are said, and packages that are missing or broken."""

import sys
import types

import pytest

from bright_model import write_bright_model
from gui.panel_driving import click, processEvents, segmentAndWait, waitUntil
from gui.synthetic_head import addHead


@pytest.fixture
def slow(models):
    """A model of many small patches."""
    import shutil

    write_bright_model(models / "slow", plan={"spacing_mm": [1, 1, 1], "spacing_tolerance": 0.15, "tile": [8, 8, 8]})
    yield "slow"
    shutil.rmtree(models / "slow")


def testProgressTellsPatchAndTime(scene, slow, module, flairNode):
    widget = module.pythonWidget()
    widget.parent.show()
    ui = widget.panel.ui
    ui.modelSelector.currentIndex = ui.modelSelector.findData("slow")
    seen, percents = set(), []
    click(ui.segmentButton)

    def look():
        seen.add(ui.statusLabel.text)
        percents.append(ui.progressBar.value)
        return not widget.panel.running

    waitUntil(look, "the run to end")
    assert any("Running the model, patch " in text and " of " in text for text in seen), seen
    assert any(" s left" in text for text in seen), seen
    assert percents == sorted(percents)


def testTheLogIsOneClickAway(widget, ui, flairNode):
    assert not ui.logButton.enabled and not ui.logText.visible
    ui.flairSelector.setCurrentNode(flairNode)
    segmentAndWait(ui, widget)
    click(ui.logButton)
    assert ui.logText.visible and ui.logText.readOnly
    text = ui.logText.plainText
    for line in ("model: bright", "device: auto", "flair: FLAIR", "on the grid of: FLAIR", "done after"):
        assert line in text
    assert ".nrrd" not in text
    click(ui.logButton)
    assert not ui.logText.visible


def testAFailureIsOneSentenceAndItsTraceInTheLog(widget, ui, flairNode, models):
    description = models / "bright" / "bundle.json"
    whole = description.read_text()
    try:
        description.write_text(whole.replace('"features": [\n      1\n    ]', '"features": [\n      2\n    ]'))
        assert description.read_text() != whole
        ui.flairSelector.setCurrentNode(flairNode)
        segmentAndWait(ui, widget)
    finally:
        description.write_text(whole)
    assert widget.panel.operatingPoint.result is None
    assert ui.statusLabel.text.endswith(".") and "\n" not in ui.statusLabel.text
    assert ui.statusLabel.text in ui.logText.plainText
    assert "failed" in ui.logText.plainText


def testTheDevicesFallbackIsSaid(widget, ui, flairNode, monkeypatch):
    """What the worker says about the GPU's memory stands below the status line, and stays there."""
    ui.flairSelector.setCurrentNode(flairNode)
    click(ui.segmentButton)
    run = widget.panel.run._follower.run
    run._handle({"event": "log", "message": "The GPU has too little memory even for small tiles; the CPU takes over."})
    waitUntil(lambda: not widget.panel.running, "the run to end")
    assert "the CPU takes over" in ui.runNotesLabel.text
    ui.balanceSlider.value = 1.0
    processEvents()
    assert ui.runNotesLabel.visible
    ui.minimumVolumeSpinBox.value = 50.0
    processEvents()
    assert "No lesion" in ui.statusLabel.text and "the CPU takes over" in ui.runNotesLabel.text
    click(ui.segmentButton)
    assert "the CPU takes over" not in ui.runNotesLabel.text  # it was said of the last run
    waitUntil(lambda: not widget.panel.running, "the run to end")


@pytest.fixture
def packages(monkeypatch, module):
    """What is wrong with the packages ([sentence], "" for nothing), and how they were asked to be installed."""
    from LesionSegmentationLib.gui import run_section

    state = types.SimpleNamespace(problem="", after="", asked=[])

    def install(path, repair=False):
        state.asked.append(repair)
        state.problem = state.after
        return state.after

    monkeypatch.setattr(run_section, "packageProblem", lambda: state.problem)
    monkeypatch.setattr(run_section, "ensureInstalled", install)
    return state


def testMissingPackagesAreOneLineAndOneButton(scene, packages, module, flairNode):
    packages.problem = "PyTorch, which runs the models, is not installed."
    widget = module.pythonWidget()
    widget.parent.show()
    ui = widget.panel.ui
    processEvents()
    assert ui.statusLabel.text == packages.problem
    assert not ui.segmentButton.enabled and ui.segmentButton.toolTip == packages.problem
    assert ui.installPackagesButton.visible and ui.installPackagesButton.text == "Install PyTorch..."
    packages.after = "The model needs PyTorch, which is not installed."
    click(ui.installPackagesButton)
    assert ui.statusLabel.text == packages.after and ui.installPackagesButton.visible
    packages.after = ""
    click(ui.installPackagesButton)
    assert ui.segmentButton.enabled and not ui.installPackagesButton.visible
    assert ui.statusLabel.text == ""
    assert packages.asked == [False, False]


def testATorchThatDoesNotLoadCanBeRepaired(packages, widget, ui, flairNode, tmp_path, monkeypatch):
    (tmp_path / "torch.py").write_text("raise ImportError('DLL load failed while importing fbgemm')")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    ui.flairSelector.setCurrentNode(flairNode)
    segmentAndWait(ui, widget)
    assert "DLL load failed while importing fbgemm" in ui.statusLabel.text
    assert ui.statusLabel.text.startswith("The worker process cannot start") and ui.statusLabel.text.endswith(".")
    assert "Traceback" in ui.logText.plainText
    assert ui.installPackagesButton.visible and ui.installPackagesButton.text == "Repair PyTorch..."
    assert not ui.segmentButton.enabled
    monkeypatch.delenv("PYTHONPATH")
    click(ui.installPackagesButton)
    assert packages.asked == [True]
    segmentAndWait(ui, widget)
    assert widget.panel.operatingPoint.result is not None


class TestPackageProblem:
    @pytest.fixture(autouse=True)
    def booted(self, scene):
        pass

    def testNothingIsMissingHere(self):
        from LesionSegmentationLib.gui.installation import packageProblem

        assert packageProblem() == ""

    @pytest.mark.parametrize("name", ["torch", "safetensors"])
    def testMissing(self, monkeypatch, name):
        from LesionSegmentationLib.gui.installation import packageProblem

        monkeypatch.setitem(sys.modules, name, None)
        assert packageProblem().endswith("is not installed.")

    def testHalfAnInstallation(self, monkeypatch):
        """An installation that broke off leaves a folder without files of its own, or without a version."""
        from LesionSegmentationLib.gui import installation

        def noVersion(name):
            raise installation.importlib.metadata.PackageNotFoundError(name)

        monkeypatch.setattr(installation.importlib.metadata, "version", noVersion)
        assert "only in part" in installation.packageProblem()

    def testRepairTakesItAwayFirst(self, monkeypatch):
        from LesionSegmentationLib.gui import installation

        done = []

        class PyTorchUtilsLogic:
            def uninstallTorch(self):
                done.append("uninstall")

            def installTorch(self, **options):
                done.append("install")
                return object()

        utils = types.ModuleType("PyTorchUtils")
        utils.PyTorchUtilsLogic = PyTorchUtilsLogic
        monkeypatch.setitem(sys.modules, "PyTorchUtils", utils)
        assert installation.ensureInstalled("requirements.txt", repair=True) == ""
        assert done == ["uninstall", "install"]


def testTheSecondRunForgetsTheFirstOnesNotes(widget, ui, scene):
    ui.flairSelector.setCurrentNode(addHead("FLAIR"))
    segmentAndWait(ui, widget)
    first = ui.runNotesLabel.text
    assert "FLAIR was resampled from" in first
    ui.flairSelector.setCurrentNode(addHead("other"))
    segmentAndWait(ui, widget)
    assert "other was resampled from" in ui.runNotesLabel.text and "FLAIR" not in ui.runNotesLabel.text
