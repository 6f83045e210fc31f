"""The module file and its .ui, unmodified, on the stand-ins over a real MRML scene.

Every test fails when a slot, a timer or a VTK observer raised anything: Qt and VTK would only print it.
"""

import pathlib
import sys
import traceback

import pytest

from bright_model import write_bright_model
from gui.panel_driving import REST, processEvents, segmentAndWait
from gui.synthetic_head import addHead
from slicer_stand_ins.application import bootApplication, loadModule
from slicer_stand_ins.boot import bootScene

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
MODULE_FILE = REPOSITORY / "LesionSegmentation" / "LesionSegmentation.py"


@pytest.fixture(scope="session")
def brightModels(tmp_path_factory):
    """A folder with one real, tiny bundle: what is bright is a lesion."""
    folder = tmp_path_factory.mktemp("models")
    write_bright_model(folder / "bright")
    return folder


@pytest.fixture(scope="session")
def models(brightModels):
    """The folder of the models that the module finds; tests may have another."""
    return brightModels


@pytest.fixture(autouse=True)
def slotErrors(monkeypatch):
    """The list of everything raised where Qt or VTK swallow it; must be empty at the end of a test."""
    bootApplication()
    from slicer_stand_ins import qt_signals

    qt_signals.ERRORS.clear()

    def collect(*error):
        qt_signals.ERRORS.append("".join(traceback.format_exception(*error)))

    monkeypatch.setattr(sys, "excepthook", collect)  # VTK observers and Qt events end here
    yield qt_signals.ERRORS
    assert not qt_signals.ERRORS, "\n".join(qt_signals.ERRORS)


@pytest.fixture
def scene(slotErrors):
    return bootScene()


@pytest.fixture
def userModels(tmp_path, monkeypatch):
    """The empty folder that models are installed into."""
    folder = tmp_path / "user-models"
    monkeypatch.setenv("LESION_SEGMENTATION_USER_MODELS", str(folder))
    return folder


@pytest.fixture
def module(scene, models, userModels, monkeypatch):
    """The loaded module; its panel is ``module.pythonWidget()``, closed after the test."""
    import qt

    qt.QSettings().clear()  # the settings of this computer, as on the first day
    monkeypatch.setenv("LESION_SEGMENTATION_MODELS", str(models))
    loaded = loadModule(MODULE_FILE)
    yield loaded
    loaded.closeWidget()
    processEvents()


@pytest.fixture
def widget(module):
    """The module's widget, shown in a panel of the size it has in Slicer."""
    widget = module.pythonWidget()
    widget.parent.resize(420, 760)
    widget.parent.show()
    processEvents()
    return widget


@pytest.fixture
def ui(widget):
    return widget.panel.ui


@pytest.fixture
def flairNode(scene):
    return addHead("FLAIR")


@pytest.fixture(scope="session")
def warmWorker():
    """A worker process that the tests with ``brightModels`` share: to start one takes seconds."""
    from LesionSegmentationLib.engine.worker_client import WorkerClient

    with WorkerClient() as worker:
        yield worker


@pytest.fixture
def warm(widget, models, brightModels, warmWorker, monkeypatch):
    """The panel runs its model in the shared worker, where it has the shared models."""
    if models is brightModels:
        warmWorker.start()  # unless it runs
        monkeypatch.setattr(widget.logic, "worker", lambda start=True: warmWorker)


@pytest.fixture
def segmented(widget, ui, flairNode, warm):
    """The widget with a finished run."""
    ui.flairSelector.setCurrentNode(flairNode)
    segmentAndWait(ui, widget)
    assert widget.panel.operatingPoint.result is not None, ui.statusLabel.text
    processEvents(REST)
    return widget


@pytest.fixture
def result(segmented):
    return segmented.panel.operatingPoint.result
