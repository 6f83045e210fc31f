"""What the module adds at start-up: the right-click entry of volumes and the sample patient."""

import hashlib
import sys
import types

import pytest
import slicer
import slicer.util

from gui.conftest import MODULE_FILE, REPOSITORY
from gui.panel_driving import processEvents
from gui.synthetic_head import addHead

PLUGIN = "LesionSegmentationSubjectHierarchyPlugin"
SAMPLE = REPOSITORY / "Resources" / "SamplePatient"


class _ScriptedPlugin:
    """The C++ end of a scripted plugin: reads the file at a path and makes the class that is named after it."""

    made = None

    def __init__(self, parent):
        import qt

        self.name = ""
        self.qt = qt.QObject()

    def setPythonSource(self, path):
        import importlib.util

        specification = importlib.util.spec_from_file_location(PLUGIN, path)
        module = importlib.util.module_from_spec(specification)
        specification.loader.exec_module(module)
        type(self).made = getattr(module, PLUGIN)(self.qt)


class _Base:
    """What Slicer's base class does for a plugin, less the registration."""

    def __init__(self, scriptedPlugin):
        self.scriptedPlugin = scriptedPlugin


class _Handler:
    """Slicer's plugin handler: knows the item that was clicked on."""

    current = 0

    @classmethod
    def instance(cls):
        return cls

    @classmethod
    def currentItem(cls):
        return cls.current


class _Samples(list):
    def registerCustomSampleDataSource(self, **sample):
        self.append(sample)


@pytest.fixture
def samples(module, monkeypatch):
    """What the module registers with Sample Data at start-up."""
    package = types.ModuleType("SubjectHierarchyPlugins")
    package.AbstractScriptedSubjectHierarchyPlugin = _Base
    data = types.ModuleType("SampleData")
    data.SampleDataLogic = _Samples()
    monkeypatch.setitem(sys.modules, "SubjectHierarchyPlugins", package)
    monkeypatch.setitem(sys.modules, "SampleData", data)
    monkeypatch.setattr(slicer, "qSlicerSubjectHierarchyScriptedPlugin", _ScriptedPlugin, raising=False)
    monkeypatch.setattr(slicer, "qSlicerSubjectHierarchyPluginHandler", _Handler, raising=False)
    monkeypatch.setattr(slicer.util, "selectModule", lambda name: processEvents())
    monkeypatch.setattr(slicer.util, "getModuleWidget", lambda name: module.pythonWidget())
    module.metadata.onStartupCompleted()
    return data.SampleDataLogic


@pytest.fixture
def plugin(samples):
    return _ScriptedPlugin.made


def itemOf(node):
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    return hierarchy.GetItemByDataNode(node)


def addStudy(*names):
    """Volumes under a study item of their own."""
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    study = hierarchy.CreateStudyItem(hierarchy.GetSceneItemID(), "study")
    nodes = [addHead(name) for name in names]
    for node in nodes:
        hierarchy.SetItemParent(itemOf(node), study)
    return nodes


def rightClick(plugin, node):
    """Choose the entry in the menu of a node's item; fails where the entry is hidden."""
    _Handler.current = itemOf(node)
    for action in plugin.itemContextMenuActions():
        action.visible = False
    plugin.showContextMenuActionsForItem(_Handler.current)
    shown = [action for action in plugin.itemContextMenuActions() if action.visible]
    assert [action.text for action in shown] == ["Segment lesions"]
    shown[0].trigger()
    processEvents()


def testTheMenuChoosesTheVolume(plugin, widget, ui):
    node = addHead("unnamed scan")
    rightClick(plugin, node)
    assert ui.flairSelector.currentNode() is node
    assert ui.segmentButton.enabled, ui.statusLabel.text


def testTheNameTellsTheChannelAndTheStudyTheOthers(plugin, widget, ui):
    first = addStudy("a FLAIR", "a T1")
    second = addStudy("b FLAIR", "b T1")
    rightClick(plugin, second[1])
    assert ui.t1Selector.currentNode() is second[1] and ui.flairSelector.currentNode() is second[0]
    rightClick(plugin, first[0])
    assert ui.flairSelector.currentNode() is first[0] and ui.t1Selector.currentNode() is first[1]


def testNothingOfAnotherStudyStaysChosen(plugin, widget, ui):
    both, alone = addStudy("a FLAIR", "a T1"), addStudy("b FLAIR")
    rightClick(plugin, both[0])
    assert ui.t1Selector.currentNode() is both[1]
    rightClick(plugin, alone[0])
    assert ui.t1Selector.currentNode() is None


def testOnlyImagesHaveTheEntry(plugin, scene):
    from LesionSegmentationLib.scene.segmentation import ROLE

    labels = scene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "labels")
    table = scene.AddNewNodeByClass("vtkMRMLTableNode", "table")
    probability = addHead("probability")
    probability.SetAttribute(ROLE, "probability")
    for item in (0, itemOf(labels), itemOf(table), itemOf(probability)):
        plugin.showContextMenuActionsForItem(item)
        assert not plugin.segmentAction.visible


def testTheScriptedTwin(module, scene):
    nodes = addStudy("FLAIR", "T1 post contrast", "localizer")
    logic = module.module.LesionSegmentationLogic()
    assert logic.chooseStudy(nodes[0]) == {"flair": nodes[0]}
    assert logic.chooseStudy(nodes[1]) == {"t1c": nodes[1], "flair": nodes[0]}


def testThePluginWorksWithEitherPlaceOfItsBase(samples, monkeypatch):
    """Slicer has kept the base class in the package, and in a file of that name in the package."""
    file = types.ModuleType("SubjectHierarchyPlugins.AbstractScriptedSubjectHierarchyPlugin")
    file.AbstractScriptedSubjectHierarchyPlugin = _Base
    monkeypatch.setattr(sys.modules["SubjectHierarchyPlugins"], "AbstractScriptedSubjectHierarchyPlugin", file)
    _ScriptedPlugin(None).setPythonSource(str(MODULE_FILE.parent / "SubjectHierarchyPlugins" / f"{PLUGIN}.py"))
    assert isinstance(_ScriptedPlugin.made, _Base)


def testSamplesAreTheFilesOfTheRepository(samples):
    from LesionSegmentationLib.scene.sample_patient import SOURCE

    assert len(samples) == 2
    for sample in samples:
        lists = ("uris", "fileNames", "nodeNames", "checksums", "loadFileTypes")
        assert len({len(sample[name]) for name in lists}) == 1
        for uri, checksum in zip(sample["uris"], sample["checksums"]):
            assert uri.startswith(SOURCE) and SOURCE.endswith("/main/Resources/SamplePatient/")
            content = (SAMPLE / uri.removeprefix(SOURCE)).read_bytes()
            assert checksum == f"SHA256:{hashlib.sha256(content).hexdigest()}"


def testSamplesHaveThumbnails(samples):
    import qt

    for sample in samples:
        image = qt.QImage(sample["thumbnailFileName"])
        assert (image.width(), image.height()) == (260, 280), sample["thumbnailFileName"]


def testTheNamesOfTheSampleTellTheChannels(samples):
    from LesionSegmentationLib.gui.channel_guess import channelOf

    names = samples[1]["nodeNames"]
    assert [channelOf([name], default=None) for name in names] == ["flair", "t1", None]


def testWithoutSampleDataTheModuleStarts(samples, monkeypatch):
    from LesionSegmentationLib.scene.sample_patient import registerSamplePatient

    monkeypatch.setitem(sys.modules, "SampleData", None)
    registerSamplePatient("")
    assert len(samples) == 2
