"""``qt.QUiLoader`` that knows Slicer's widgets.

Qt's loader asks :meth:`UiLoader.createWidget` for each class name, where the stand-ins are handed out. Signals such as
``mrmlSceneChanged(vtkMRMLScene*)`` have another C++ signature on a stand-in, so the .ui's ``<connection>`` elements are
taken out before Qt sees them and made here by name.
"""

import xml.etree.ElementTree as ElementTree

from PySide6 import QtCore, QtUiTools, QtWidgets

from . import qt_signals
from .mrml_widgets import WIDGETS


class UiLoader(QtUiTools.QUiLoader):
    """Drop-in for ``qt.QUiLoader``; a widget class that neither Qt nor the stand-ins know is an error."""

    def load(self, file, parent=None):
        root = ElementTree.fromstring(bytes(file.readAll()))
        connections = root.find("connections")
        pairs = []
        if connections is not None:
            for connection in connections:
                pairs.append([connection.findtext(tag) for tag in ("sender", "signal", "receiver", "slot")])
            root.remove(connections)
        enums = _takeEnums(root)
        buffer = QtCore.QBuffer()
        buffer.setData(ElementTree.tostring(root))
        buffer.open(QtCore.QIODevice.OpenModeFlag.ReadOnly)
        widget = super().load(buffer, parent)
        for name, setter, value in enums:
            getattr(_find(widget, name), setter)(value)
        for sender, signal, receiver, slot in pairs:
            qt_signals.connect(_find(widget, sender), signal, getattr(_find(widget, receiver), slot.split("(")[0]))
        return widget

    def createWidget(self, className, parent=None, name=""):
        if className in WIDGETS:
            widget = WIDGETS[className](parent)
            widget.setObjectName(name)
            return widget
        if not className.startswith("Q"):
            raise NotImplementedError(f"no stand-in for the widget class {className} ({name})")
        return super().createWidget(className, parent, name)


def _takeEnums(root):
    """Remove the enum properties of stand-ins, which Qt cannot read there: [(widget, setter, value)]."""
    taken = []
    for element in root.iter("widget"):
        for item in element.findall("property") if element.get("class") in WIDGETS else []:
            text = item.findtext("enum")
            if text:
                cls, value = text.split("::")
                setter = "set" + item.get("name")[0].upper() + item.get("name")[1:]
                taken.append((element.get("name"), setter, getattr(getattr(QtWidgets, cls), value)))
                element.remove(item)
    return taken


def _find(widget, name):
    if widget.objectName == name:
        return widget
    found = widget.findChild(QtCore.QObject, name)
    if found is None:
        raise RuntimeError(f"the .ui connects an object {name} that it does not have")
    return found
