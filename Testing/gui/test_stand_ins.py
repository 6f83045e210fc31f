"""The stand-ins are as strict as Slicer: what would fail there must fail here."""

from typing import Annotated

import numpy as np
import pytest

from gui.panel_driving import processEvents
from slicer_stand_ins import qt_signals


@pytest.fixture
def button(scene):
    import qt

    return qt.QPushButton("text")


def testPropertiesAreAttributes(button):
    assert button.text == "text"
    button.text = "other"
    assert button.text == "other"
    assert button.className() == "QPushButton"
    with pytest.raises(TypeError):
        button.text()


def testNewAttributesAndNumpyScalarsAreRefused(button, scene):
    import qt

    with pytest.raises(AttributeError):
        button.anything = 1
    with pytest.raises(TypeError):
        qt.QDoubleSpinBox().value = np.float64(1)


def testSlotsGetWhatTheyName(button):
    got = []

    class Owner:
        def slot(self, checked=None):
            got.append(("bound", checked))

    button.checkable = True
    button.connect("clicked(bool)", lambda: got.append("none"))
    button.clicked.connect(lambda checked: got.append(("one", checked)))
    button.clicked.connect(lambda *arguments: got.append(("all", arguments)))
    button.clicked.connect(Owner().slot)
    button.click()
    assert got == ["none", ("one", True), ("all", (True,)), ("bound", True)]


def testUnknownSignalsAreRefused(button):
    with pytest.raises(AttributeError):
        button.connect("pressedHard()", print)


def testExceptionsInSlotsAreKept(button, slotErrors):
    import qt

    button.clicked.connect(lambda: 1 / 0)
    qt.QTimer.singleShot(0, lambda: [][0])
    button.click()
    processEvents(0.02)
    assert ["ZeroDivisionError" in slotErrors[0], "IndexError" in slotErrors[1]] == [True, True]
    qt_signals.ERRORS.clear()


def testParameterNodesCheckWhatIsWritten(scene):
    import slicer
    from slicer.parameterNodeWrapper import WithinRange, parameterNodeWrapper

    @parameterNodeWrapper
    class Parameters:
        volume: slicer.vtkMRMLScalarVolumeNode
        number: Annotated[float, WithinRange(0, 2)] = 1.0
        text: str = "a"

    node = scene.AddNewNodeByClass("vtkMRMLScriptedModuleNode")
    parameters = Parameters(node)
    assert (parameters.number, parameters.text, parameters.volume) == (1.0, "a", None)
    parameters.number = 1.5
    assert Parameters(node).number == 1.5
    with pytest.raises(ValueError):
        parameters.number = 3.0
    for wrong in (1, "1"):
        with pytest.raises(TypeError):
            parameters.number = wrong
    with pytest.raises(AttributeError):
        parameters.unknown = 1
