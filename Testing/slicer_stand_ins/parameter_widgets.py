"""``connectGui``: parameters and widgets that follow each other, with one connector per widget class."""

import slicer  # noqa: F401 - the application's namespace must exist before its widgets
import vtk

from .parameter_types import Choice, Decimals, SingleStep, WithinRange


class Connector:
    """How one widget class shows a value: the signal that tells of a change, reading and writing."""

    signal = ""

    def __init__(self, widget, member):
        self.widget, self.member = widget, member
        self.prepare()

    def prepare(self):
        """Bring what the annotations say to the widget; they win over the .ui, as in Slicer."""

    def get(self):
        raise NotImplementedError

    def set(self, value):
        raise NotImplementedError


class NumberConnector(Connector):
    signal = "valueChanged"

    def prepare(self):
        limits = self.member.annotation(WithinRange)
        step, decimals = self.member.annotation(SingleStep), self.member.annotation(Decimals)
        if self.widget.className() == "ctkSliderWidget" and limits is None:
            raise ValueError(f"{self.member.name}: a slider needs a range")  # Slicer finds no connector then
        if decimals:
            self.widget.decimals = decimals.value
        if limits:
            self.widget.minimum, self.widget.maximum = limits.minimum, limits.maximum
        if step:
            self.widget.singleStep = step.value

    def get(self):
        return self.member.type(self.widget.value)

    def set(self, value):
        self.widget.value = value


class CheckConnector(Connector):
    signal = "toggled(bool)"

    def get(self):
        return self.widget.checked

    def set(self, value):
        self.widget.checked = value


class TextConnector(Connector):
    signal = "textChanged(QString)"

    def get(self):
        return self.member.type(self.widget.text)

    def set(self, value):
        self.widget.text = str(value)


class LabelConnector(TextConnector):
    signal = ""


class ChoiceConnector(Connector):
    signal = "currentIndexChanged(int)"

    def prepare(self):
        choice = self.member.annotation(Choice)
        self.values = choice.choices if choice else list(self.member.type)
        self.widget.clear()
        for value in self.values:
            self.widget.addItem(value.label() if hasattr(value, "label") else str(getattr(value, "name", value)))

    def get(self):
        return self.values[self.widget.currentIndex]

    def set(self, value):
        self.widget.currentIndex = self.values.index(value)


class NodeConnector(Connector):
    signal = "currentNodeChanged"

    def get(self):
        return self.widget.currentNode()

    def set(self, value):
        self.widget.setCurrentNode(value)


CONNECTORS = {
    "QSlider": NumberConnector,
    "QSpinBox": NumberConnector,
    "QDoubleSpinBox": NumberConnector,
    "ctkSliderWidget": NumberConnector,
    "QCheckBox": CheckConnector,
    "QPushButton": CheckConnector,
    "QLineEdit": TextConnector,
    "QLabel": LabelConnector,
    "QComboBox": ChoiceConnector,
    "qMRMLNodeComboBox": NodeConnector,
}


class Binding:
    """Keeps widgets and a MRML node equal until :meth:`release`."""

    def __init__(self, node, members):
        self.node = node
        self.updating = False
        self.connectors = [CONNECTORS[widget.className()](widget, member) for widget, member in members.items()]
        self.slots = [self._slot(connector) for connector in self.connectors]
        self._updateWidgets()
        for connector, slot in zip(self.connectors, self.slots, strict=True):
            if connector.signal:
                connector.widget.connect(connector.signal, slot)
        self.tag = node.AddObserver(vtk.vtkCommand.ModifiedEvent, self._updateWidgets)

    def _slot(self, connector):
        def onWidgetChanged():
            if not self.updating:
                connector.member.write(self.node, connector.get())

        return onWidgetChanged

    def _updateWidgets(self, *_):
        if self.updating:
            return
        self.updating = True
        try:
            for connector in self.connectors:
                value = connector.member.read(self.node)
                if connector.get() != value:
                    connector.set(value)
        finally:
            self.updating = False

    def release(self):
        self.node.RemoveObserver(self.tag)
        for connector, slot in zip(self.connectors, self.slots, strict=True):
            if connector.signal:
                connector.widget.disconnect(connector.signal, slot)
