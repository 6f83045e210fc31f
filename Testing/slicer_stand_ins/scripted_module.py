"""``slicer.ScriptedLoadableModule``: the four base classes of a scripted module.

Emulated: the widget's own parent and layout when none is given, ``resourcePath``, the logic's singleton parameter node,
and the self test's ``runTest``. Developer mode is off; there is no reload section.
"""

import os
import sys
import types
import unittest

import slicer


class ScriptedLoadableModule:
    """Metadata of a module; ``parent`` is the application's module object, on which they are written."""

    def __init__(self, parent):
        self.parent = parent
        self.moduleName = self.__class__.__name__
        parent.title = ""
        parent.categories = []
        parent.dependencies = []
        parent.contributors = []
        parent.helpText = ""
        parent.acknowledgementText = ""

    def resourcePath(self, filename):
        return _resourcePath(self.moduleName, filename)

    def getDefaultModuleDocumentationLink(self):
        return ""


class ScriptedLoadableModuleWidget:
    """The module's panel: subclasses fill ``self.layout`` in ``setup``."""

    def __init__(self, parent=None):
        import qt

        from .mrml_widgets import qMRMLWidget

        self.moduleName = self.__class__.__name__.removesuffix("Widget")
        self.developerMode = False
        self.parent = parent
        if parent is None:
            self.parent = qMRMLWidget()
            self.parent.setLayout(qt.QVBoxLayout())
            self.parent.setMRMLScene(slicer.mrmlScene)
        self.layout = self.parent.layout()
        setattr(slicer.modules, f"{self.moduleName}Widget", self)

    def resourcePath(self, filename):
        return _resourcePath(self.moduleName, filename)

    def setup(self):
        """The application adds the reload section here in developer mode."""

    def cleanup(self):
        """Called when the application closes or the module is reloaded."""


class ScriptedLoadableModuleLogic:
    """Owner of the module's parameter node."""

    def __init__(self, parent=None):
        self.moduleName = self.__class__.__name__.removesuffix("Logic")
        self.isSingletonParameterNode = True

    def getParameterNode(self):
        """The scene's vtkMRMLScriptedModuleNode of this module, made when missing."""
        for node in slicer.util.getNodesByClass("vtkMRMLScriptedModuleNode"):
            if node.GetAttribute("ModuleName") == self.moduleName:
                return node
        return self.createParameterNode()

    def createParameterNode(self):
        node = slicer.mrmlScene.CreateNodeByClass("vtkMRMLScriptedModuleNode")
        node.UnRegister(None)  # CreateNodeByClass hands over one reference too many in Python
        if self.isSingletonParameterNode:
            node.SetSingletonTag(self.moduleName)
        node.SetModuleName(self.moduleName)
        node.SetAttribute("ModuleName", self.moduleName)
        node.SetName(slicer.mrmlScene.GenerateUniqueName(self.moduleName))
        return slicer.mrmlScene.AddNode(node)


class ScriptedLoadableModuleTest(unittest.TestCase):
    """The module's self test: ``runTest`` runs every method whose name contains "test", each after ``setUp``."""

    def __init__(self, *arguments):
        super().__init__(*(arguments or ("runTest",)))

    def delayDisplay(self, message, *_, **__):
        pass

    def runTest(self):
        for name in dir(self):
            if "test" in name.lower() and name != "runTest" and name in type(self).__dict__:
                self.setUp()
                getattr(self, name)()


def _resourcePath(moduleName, filename):
    path = getattr(slicer.modules, moduleName.lower()).path
    return os.path.join(os.path.dirname(path), "Resources", filename)


def install():
    """Publish the module as ``slicer.ScriptedLoadableModule``."""
    name = "slicer.ScriptedLoadableModule"
    if name in sys.modules:
        return
    module = types.ModuleType(name, __doc__)
    for cls in (
        ScriptedLoadableModule,
        ScriptedLoadableModuleWidget,
        ScriptedLoadableModuleLogic,
        ScriptedLoadableModuleTest,
    ):
        setattr(module, cls.__name__, cls)
    # The name in the package is the module, and ``from slicer.ScriptedLoadableModule import *`` gives the classes.
    module.__all__ = [name for name in vars(module) if name.startswith("Scripted")]
    sys.modules[name] = module
