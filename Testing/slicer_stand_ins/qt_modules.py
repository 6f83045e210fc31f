"""The modules ``qt`` and ``ctk`` as PythonQt lays them out: every Qt class in one flat module."""

import os
import sys
import types

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6 import QtCore, QtGui, QtWidgets

from . import mrml_widgets, qt_properties, qt_signals, ui_loader


def install():
    """Make ``import qt`` and ``import ctk`` work, with one QApplication for the process."""
    if "qt" in sys.modules:
        return
    if QtWidgets.QApplication.instance() is None:
        # Without an owner the application would be collected, and every widget with it.
        install.application = QtWidgets.QApplication(["SlicerStandIn"])
        install.application.setOrganizationName("LesionSegmentation")
        install.application.setApplicationName("StandIn")
    qt_properties.install()
    qt_signals.install()

    qt = types.ModuleType("qt", "PythonQt's flat Qt module, on PySide6.")
    for kit in (QtCore, QtGui, QtWidgets):
        for name in dir(kit):
            if name.startswith(("Q", "Signal", "Slot")):
                setattr(qt, name, getattr(kit, name))
    qt.QUiLoader = ui_loader.UiLoader
    sys.modules["qt"] = qt

    ctk = types.ModuleType("ctk", "The CTK widgets that have a stand-in.")
    for name, cls in mrml_widgets.WIDGETS.items():
        if name.startswith("ctk"):
            setattr(ctk, name, cls)
    sys.modules["ctk"] = ctk
