"""Missing packages end in an offer or in one sentence, never in a traceback."""

import subprocess
import sys
import types

import pytest

from gui.conftest import MODULE_FILE
from slicer_stand_ins.boot import bootScene

REQUIREMENTS = MODULE_FILE.parent / "Resources" / "requirements.txt"


bootScene()  # gives slicer.i18n

from LesionSegmentationLib.gui import installation  # noqa: E402


@pytest.fixture
def missing(monkeypatch):
    """A set of package names; what is put into it is not there for the code under test."""
    names = set()
    monkeypatch.setattr(installation.importlib.util, "find_spec", lambda name: None if name in names else "found")
    return names


def pyTorchUtils(installed):
    """A PyTorchUtils module whose installation gives ``installed`` (None: declined); remembers how it was asked."""
    module = types.ModuleType("PyTorchUtils")
    module.asked = []

    class PyTorchUtilsLogic:
        def installTorch(self, **options):
            module.asked.append(options)
            return installed

    module.PyTorchUtilsLogic = PyTorchUtilsLogic
    return module


def testNothingMissingAsksNothing(missing):
    assert installation.ensureInstalled(REQUIREMENTS) == ""


def testWithoutThePyTorchExtensionTheUserIsToldToInstallIt(missing):
    missing.add("torch")
    assert "extension PyTorch" in installation.ensureInstalled(REQUIREMENTS)


def testTorchComesThroughTheExtension(missing, monkeypatch):
    missing.add("torch")
    utils = pyTorchUtils(installed=object())
    monkeypatch.setitem(sys.modules, "PyTorchUtils", utils)
    assert installation.ensureInstalled(REQUIREMENTS) == ""
    assert utils.asked == [{"askConfirmation": True, "torchVersionRequirement": ">=2.2"}]


def testDecliningTorchIsOneSentence(missing, monkeypatch):
    missing.add("torch")
    monkeypatch.setitem(sys.modules, "PyTorchUtils", pyTorchUtils(installed=None))
    assert "PyTorch" in installation.ensureInstalled(REQUIREMENTS)


def testDecliningAPackageIsOneSentence(missing, monkeypatch):
    import slicer

    missing.add("safetensors")
    packaging = types.ModuleType("slicer.packaging")
    packaging.load_requirements = lambda path: [line for line in open(path) if not line.startswith("#")]

    def decline(requirements, requester):
        assert requirements == ["safetensors>=0.4\n"]
        raise RuntimeError("declined")

    packaging.pip_ensure = decline
    monkeypatch.setitem(sys.modules, "slicer.packaging", packaging)
    monkeypatch.setattr(slicer, "packaging", packaging, raising=False)
    assert "declined" in installation.ensureInstalled(REQUIREMENTS)


@pytest.mark.parametrize("failure", [subprocess.CalledProcessError(1, "pip"), OSError("no network"), RuntimeError("x")])
def testAFailedInstallationOfTorchIsOneSentence(missing, monkeypatch, failure):
    missing.add("torch")
    utils = pyTorchUtils(installed=None)

    def fail(self, **options):
        raise failure

    utils.PyTorchUtilsLogic.installTorch = fail
    monkeypatch.setitem(sys.modules, "PyTorchUtils", utils)
    assert "could not be installed" in installation.ensureInstalled(REQUIREMENTS)
