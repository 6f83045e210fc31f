"""``slicer.app`` and the loading of a module file, for tests of panels.

:func:`bootApplication` gives everything ``boot.bootScene`` gives and Qt on top; :func:`loadModule` does with a module
file what the module factory does: run it, make the module object and, when asked, its widget.
"""

import importlib.util
import os
import pathlib
import sys
import tempfile

import slicer

from . import boot, parameter_node, qt_modules, scripted_module
from .modules import Module


def bootApplication():
    """Return ``slicer.app`` with an empty scene (a new one on the first call, a closed one later)."""
    scene = boot.bootScene()
    if getattr(slicer, "app", None) is None:
        qt_modules.install()
        scripted_module.install()
        parameter_node.install()
        from .mrml_widgets import WIDGETS

        for name, cls in WIDGETS.items():
            if name.startswith("q"):
                setattr(slicer, name, cls)
        slicer.app = Application(scene)
    return slicer.app


class Application:
    """What module code and ``slicer.util`` ask of ``qSlicerApplication``."""

    applicationName = "Slicer"
    temporaryPath = tempfile.gettempdir()
    slicerHome = tempfile.gettempdir()
    majorVersion, minorVersion = 5, 12

    def __init__(self, scene):
        import qt

        self._qt = qt.QApplication.instance()
        self._scene = scene
        self._layoutManager = None
        self._pauses = 0

    def mrmlScene(self):
        return self._scene

    def applicationLogic(self):
        return slicer.modules.applicationLogic

    def processEvents(self):
        self._qt.processEvents()

    def topLevelWidgets(self):
        return self._qt.topLevelWidgets()

    def testingEnabled(self):
        return True

    def setOverrideCursor(self, cursor):
        self._qt.setOverrideCursor(cursor)

    def restoreOverrideCursor(self):
        self._qt.restoreOverrideCursor()

    def startupEnvironment(self):
        return dict(os.environ)

    def settings(self):
        import qt

        return qt.QSettings()

    userSettings = settings

    def connect(self, signature, slot):
        """``startupCompleted()`` never comes in tests; what a module does then is called by them."""

    def layoutManager(self):
        """The four-up layout, made when first asked for; slices follow the scene only from then on."""
        if self._layoutManager is None:
            from .layout import LayoutManager

            self._layoutManager = LayoutManager()
        return self._layoutManager

    def pauseRender(self):
        self._pauses += 1

    def resumeRender(self):
        self._pauses -= 1


class _ModuleParent:
    """The ``qSlicerScriptedLoadableModule`` on which a module class writes its metadata."""

    def __init__(self, path):
        self.path = path


class _LoadedModule(Module):
    """``slicer.modules.<name>``: metadata and a panel."""

    def __init__(self, name, path, module, metadata):
        super().__init__(name, path=str(path))
        self.module = module
        self.metadata = metadata
        self._widget = None

    def logic(self):
        """None, as for scripted modules in Slicer: their Python logic is made by whoever needs it."""
        return None

    def widgetRepresentation(self):
        """The panel as a top-level widget; ``.self()`` in Slicer is :meth:`pythonWidget` here."""
        return self.pythonWidget().parent

    def pythonWidget(self):
        """The module's Widget object, set up and entered."""
        if self._widget is None:
            self._widget = getattr(self.module, f"{self.name}Widget")(None)
            self._widget.setup()
            if hasattr(self._widget, "enter"):
                self._widget.enter()
        return self._widget

    def closeWidget(self):
        """Leave, clean up and forget, as the application does when it ends."""
        if self._widget is not None:
            widget, self._widget = self._widget, None
            if hasattr(widget, "exit"):
                widget.exit()
            widget.cleanup()
            widget.parent.deleteLater()
            self._deleteNow()
            delattr(slicer.modules, f"{self.name}Widget")

    @staticmethod
    def _deleteNow():
        """Outside an event loop that runs, deleteLater waits for this."""
        import qt

        qt.QCoreApplication.sendPostedEvents(None, qt.QEvent.DeferredDelete)


def loadModule(path):
    """Run the module file ``path`` afresh and publish it as ``slicer.modules.<name in lower case>``; return that."""
    path = pathlib.Path(path)
    name = path.stem
    folder = str(path.parent)
    if folder not in sys.path:
        sys.path.insert(0, folder)  # Slicer puts the folder of a scripted module on the path
    specification = importlib.util.spec_from_file_location(name, path)
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module
    specification.loader.exec_module(module)
    metadata = getattr(module, name)(_ModuleParent(str(path)))
    loaded = _LoadedModule(name, path, module, metadata)
    setattr(slicer.modules, name.lower(), loaded)
    return loaded
