"""The modules ``qt`` and ``ctk`` as PythonQt lays them out: every Qt class in one flat module."""

import ctypes
import os
import sys
import types

os.environ.setdefault("QT_QPA_PLATFORM", "offscreen")

from PySide6 import QtCore, QtGui, QtWidgets

from . import mrml_widgets, qt_properties, qt_signals, ui_loader


def _makeSingletonsImmortal():
    """Keep None, True and False alive under Python 3.11, as 3.12 and later do by themselves.

    PySide6 6.12 returns these three without taking a reference, as is right from Python 3.12 on. Under 3.11 each
    method that returns nothing takes one away, and after some thousand calls the process aborts ("deallocating None").
    """
    if sys.version_info < (3, 12):
        for singleton in (None, True, False):
            ctypes.c_ssize_t.from_address(id(singleton)).value += 1 << 40  # ob_refcnt is the first field


def install():
    """Make ``import qt`` and ``import ctk`` work, with one QApplication for the process."""
    if "qt" in sys.modules:
        return
    _makeSingletonsImmortal()
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
