"""The Slicer module LesionSegmentation: metadata and wiring. What it does lives in LesionSegmentationLib."""

import os
import sys
from typing import Annotated

import slicer
import vtk
from slicer import vtkMRMLScalarVolumeNode, vtkMRMLSegmentationNode
from slicer.i18n import tr as _
from slicer.i18n import translate
from slicer.parameterNodeWrapper import WithinRange, parameterNodeWrapper
from slicer.ScriptedLoadableModule import (
    ScriptedLoadableModule,
    ScriptedLoadableModuleLogic,
    ScriptedLoadableModuleTest,
    ScriptedLoadableModuleWidget,
)
from slicer.util import VTKObservationMixin

# Developer Reload executes this file again and nothing else: forget the package, so that it is read again too.
if hasattr(slicer.modules, "LesionSegmentationWidget"):
    for _name in [name for name in sys.modules if name.partition(".")[0] == "LesionSegmentationLib"]:
        del sys.modules[_name]

from LesionSegmentationLib.logic.following_up import FollowingUp
from LesionSegmentationLib.logic.modelling import Modelling
from LesionSegmentationLib.logic.reading import Reading
from LesionSegmentationLib.logic.segmenting import Segmenting


class LesionSegmentation(ScriptedLoadableModule):
    """What Slicer shows about the module."""

    def __init__(self, parent):
        ScriptedLoadableModule.__init__(self, parent)
        self.parent.title = _("Lesion Segmentation")
        self.parent.categories = [translate("qSlicerAbstractCoreModule", "Segmentation")]
        self.parent.dependencies = ["Segmentations", "Terminologies", "Markups"]
        self.parent.contributors = ["LesionSegmentation contributors"]
        self.parent.helpText = _(
            "Marks lesions in MRI and lets you slide between fewer false and fewer missed ones, with the expected"
            " precision and recall beside the slider. Research use, not a medical device. See the <a href="
            '"https://github.com/REPOSITORY-OWNER/SlicerLesionSegmentation">documentation</a>.'
        )
        self.parent.acknowledgementText = _(
            "Methods of Salehi 2017, Hashemi 2018, Eelbode 2020 and Shirokikh 2020 stand behind this module."
        )
        slicer.app.connect("startupCompleted()", self.onStartupCompleted)

    def onStartupCompleted(self):
        """Add what lives outside the panel: the sample patient, and the right-click entry of volumes."""
        from LesionSegmentationLib.scene.sample_patient import registerSamplePatient

        registerSamplePatient(self.resourcePath("Icons"))
        folder = os.path.dirname(slicer.modules.lesionsegmentation.path)
        plugin = slicer.qSlicerSubjectHierarchyScriptedPlugin(None)
        plugin.setPythonSource(
            os.path.join(folder, "SubjectHierarchyPlugins", "LesionSegmentationSubjectHierarchyPlugin.py")
        )


@parameterNodeWrapper
class LesionSegmentationParameterNode:
    """The panel's settings, saved with the scene.

    reference: the channel whose grid the result has, the first one chosen when empty. Volumes of channels that only a
    bundle knows are node references called after them ("t1cVolume").
    balance: the slider, log2(beta / alpha). minimumVolumeMl, minimumDiameterMm, minimumVoxels: smallest lesion shown.
    segmentation: the result that is worked on; its setting, its reference and the decisions on its lesions are kept
    with that node.
    earlierSegmentation, laterSegmentation: what a follow-up compares; changeMl, changePercent, newMl: what counts there
    as grown or shrunk, and as new or gone (engine.lesion_changes.ChangeLimit).
    """

    flairVolume: vtkMRMLScalarVolumeNode
    t1Volume: vtkMRMLScalarVolumeNode
    t2Volume: vtkMRMLScalarVolumeNode
    segmentation: vtkMRMLSegmentationNode
    earlierSegmentation: vtkMRMLSegmentationNode
    laterSegmentation: vtkMRMLSegmentationNode
    model: str = ""
    reference: str = ""
    balance: Annotated[float, WithinRange(-5.0, 5.0)] = 0.0
    minimumVolumeMl: Annotated[float, WithinRange(0.0, 100.0)] = 0.0
    minimumDiameterMm: Annotated[float, WithinRange(0.0, 100.0)] = 3.0
    minimumVoxels: Annotated[int, WithinRange(0, 100000)] = 0
    changeMl: Annotated[float, WithinRange(0.0, 100.0)] = 0.05
    changePercent: Annotated[float, WithinRange(0.0, 1000.0)] = 25.0
    newMl: Annotated[float, WithinRange(0.0, 100.0)] = 0.014


class LesionSegmentationWidget(ScriptedLoadableModuleWidget, VTKObservationMixin):
    """Life cycle of the panel."""

    def __init__(self, parent=None):
        ScriptedLoadableModuleWidget.__init__(self, parent)
        VTKObservationMixin.__init__(self)
        self.logic = None
        self.panel = None
        self._parameterNode = None

    def setup(self):
        from LesionSegmentationLib.gui.panel import Panel
        from LesionSegmentationLib.scene.terminology import loadTerminology

        ScriptedLoadableModuleWidget.setup(self)
        loadTerminology(slicer.modules.terminologies.logic())
        uiWidget = slicer.util.loadUI(self.resourcePath("UI/LesionSegmentation.ui"))
        self.layout.addWidget(uiWidget)
        uiWidget.setMRMLScene(slicer.mrmlScene)
        self.logic = LesionSegmentationLogic()
        self.panel = Panel(slicer.util.childWidgetVariables(uiWidget), self.logic, self.resourcePath)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndCloseEvent, self.onSceneEndClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndImportEvent, self.onSceneEndImport)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.NodeAddedEvent, self.onNodeAdded)
        self.initializeParameterNode()

    def cleanup(self):
        if self.panel is not None:  # None when setup failed
            self.setParameterNode(None)
            self.panel.close()
            self.logic.close()
        self.removeObservers()

    def enter(self):
        self.initializeParameterNode()

    def exit(self):
        """A run goes on while the user is in another module; the panel keeps following it."""

    def onSceneStartClose(self, caller, event):
        self.setParameterNode(None)
        self.panel.abandon()

    def onSceneEndClose(self, caller, event):
        self.initializeParameterNode()

    def onSceneEndImport(self, caller, event):
        self.initializeParameterNode()

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def onNodeAdded(self, caller, event, node):
        if node.IsA("vtkMRMLScalarVolumeNode"):
            self.panel.inputs.onVolumeAdded()

    def initializeParameterNode(self):
        self.setParameterNode(self.logic.getParameterNode())

    def setParameterNode(self, parameterNode):
        if self._parameterNode is not None:
            self.removeObserver(
                self._parameterNode.parameterNode, vtk.vtkCommand.ModifiedEvent, self.panel.onParametersChanged
            )
        self._parameterNode = parameterNode
        self.panel.setParameterNode(parameterNode)
        if parameterNode is not None:
            self.addObserver(parameterNode.parameterNode, vtk.vtkCommand.ModifiedEvent, self.panel.onParametersChanged)


class LesionSegmentationLogic(ScriptedLoadableModuleLogic, Segmenting, Reading, FollowingUp, Modelling):
    """The same work for the panel and for scripts. Needs no widgets."""

    def getParameterNode(self):
        return LesionSegmentationParameterNode(super().getParameterNode())

    def close(self):
        """End the worker process, and what follows the views."""
        self._leaveSideBySide()
        if self._readingViews is not None:
            self._readingViews.leave()
        if self._worker is not None:
            self._worker.close()
            self._worker = None


class LesionSegmentationTest(ScriptedLoadableModuleTest):
    """Self test: the whole way on a small synthetic head, with an installed model."""

    def setUp(self):
        slicer.mrmlScene.Clear()

    def runTest(self):
        self.setUp()
        self.test_segmentAndSlide()

    def test_segmentAndSlide(self):
        import numpy as np

        rng = np.random.default_rng(0)
        grid = np.stack(np.meshgrid(*[np.linspace(-1, 1, 64)] * 3, indexing="ij"))
        head = (np.sqrt((grid**2).sum(0)) < 0.8) * 100.0 + rng.normal(0, 2, (64, 64, 64))
        head[30:34, 30:34, 40:44] += 120
        flairNode = slicer.util.addVolumeFromArray(head.astype(np.float32), name="FLAIR")
        logic = LesionSegmentationLogic()
        try:
            result = logic.process(flairNode)
            counts = []
            for beta in (0.1, 0.5, 0.9):
                lesions = result.show(1 - beta, beta)
                shown = slicer.util.arrayFromSegmentBinaryLabelmap(result.segmentationNode, result.segmentId, flairNode)
                self.assertTrue(np.array_equal(shown.transpose(2, 1, 0), lesions.mask()))
                counts.append(int(shown.sum()))
            self.assertEqual(counts, sorted(counts))
        finally:
            logic.close()
