"""The Slicer module LesionSegmentation: metadata and wiring. What it does lives in LesionSegmentationLib."""

import shutil
import sys
import time
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


@parameterNodeWrapper
class LesionSegmentationParameterNode:
    """The panel's settings, saved with the scene.

    balance: the slider, log2(beta / alpha). minimumVolumeMl, minimumDiameterMm: smallest lesion shown. segmentation:
    the result that is worked on; its setting and the decisions on its lesions are kept with that node.
    """

    flairVolume: vtkMRMLScalarVolumeNode
    t1Volume: vtkMRMLScalarVolumeNode
    t2Volume: vtkMRMLScalarVolumeNode
    segmentation: vtkMRMLSegmentationNode
    model: str = ""
    balance: Annotated[float, WithinRange(-5.0, 5.0)] = 0.0
    minimumVolumeMl: Annotated[float, WithinRange(0.0, 100.0)] = 0.0
    minimumDiameterMm: Annotated[float, WithinRange(0.0, 100.0)] = 3.0


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
        self.panel = Panel(
            slicer.util.childWidgetVariables(uiWidget), self.logic, self.resourcePath("requirements.txt")
        )
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.StartCloseEvent, self.onSceneStartClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndCloseEvent, self.onSceneEndClose)
        self.addObserver(slicer.mrmlScene, slicer.mrmlScene.EndImportEvent, self.onSceneEndImport)
        self.initializeParameterNode()

    def cleanup(self):
        if self.panel is not None:  # None when setup failed
            self.setParameterNode(None)
            self.panel.abandon()
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


class LesionSegmentationLogic(ScriptedLoadableModuleLogic):
    """The same work for the panel and for scripts. Needs no widgets."""

    def __init__(self):
        ScriptedLoadableModuleLogic.__init__(self)
        self._worker = None

    def getParameterNode(self):
        return LesionSegmentationParameterNode(super().getParameterNode())

    def process(
        self,
        flairNode,
        t1Node=None,
        t2Node=None,
        model="",
        device="auto",
        alpha=0.5,
        beta=0.5,
        minimumVolumeMl=0.0,
        waitForCompletion=True,
        minimumDiameterMm=0.0,
    ):
        """Mark the lesions of a study with a model, in the worker process.

        flairNode, t1Node, t2Node: scalar volumes of one examination; the result has the geometry of FLAIR.
        model: name of an installed bundle or its folder, the first installed one when empty.
        device: "auto", "cpu", "cuda" or "cuda:N". alpha, beta: weights of false positives and false negatives.
        minimumVolumeMl, minimumDiameterMm: smallest lesion to show, in millilitres and as longest in-slice diameter.

        Returns a LesionResult, whose ``show(alpha, beta)`` gives any other operating point at once; without
        waitForCompletion the SegmentationRun, to be polled and then given to :meth:`resultOf`. Raises InputError
        (a ValueError), one sentence, for input that cannot be used, Cancelled when the run was stopped, and
        RuntimeError when the model fails. Example::

            result = LesionSegmentation.LesionSegmentationLogic().process(slicer.util.getNode("FLAIR"))
            print(len(result.lesions), result.segmentationNode.GetName())
        """
        from LesionSegmentationLib.engine.errors import Cancelled, InputError
        from LesionSegmentationLib.gui.model_choice import installedModels
        from LesionSegmentationLib.scene.segmentation_run import SegmentationRun

        if flairNode is None:
            raise InputError(_("Choose the FLAIR volume to segment."))
        if not model:
            model = next((choice.name for choice in installedModels()), None)
        if model is None:
            raise InputError(_("No model is installed: install the extension again, it comes with one."))
        nodes = {"flair": flairNode, "t1": t1Node, "t2": t2Node}
        run = SegmentationRun(self.worker(), nodes, model, device)
        if not waitForCompletion:
            return run
        try:
            while run.state == "running":
                run.poll()
                slicer.app.processEvents()
                time.sleep(0.02)
        except BaseException:
            run.abandon()
            raise
        run.raiseFailure()
        if run.state == "cancelled":
            raise Cancelled()
        result = self.resultOf(run)
        result.show(alpha, beta, minimumVolumeMl, minimumDiameterMm)
        return result

    def resultOf(self, run):
        """Put the result of a finished run into the scene; returns the LesionResult."""
        from LesionSegmentationLib.scene.lesion_result import LesionResult

        return LesionResult(slicer.mrmlScene, run.referenceNode, run.probabilityMap, run.tree)

    def restoreResult(self, segmentationNode):
        """Return the LesionResult of a segmentation node that this module made, in this scene or a reopened one.

        Setting, decisions, notes and hand edits are as they were. Raises InputError, one sentence, when it cannot.
        """
        from LesionSegmentationLib.scene.lesion_result import LesionResult

        return LesionResult.stored(segmentationNode)

    def decideLesion(self, result, lesionId, state):
        """Keep, reject or leave open ("kept", "rejected", "undecided") a lesion of ``result.lesions.listed``.

        Returns the Lesions shown then. Example: ``logic.decideLesion(result, result.lesions.listed[0].id, "kept")``.
        """
        return result.decide(lesionId, state)

    def noteLesion(self, result, lesionId, text):
        """Write the note on a lesion; "" removes it."""
        result.setNote(lesionId, text)

    def jumpToLesion(self, result, lesionId):
        """Bring all slice views to a lesion; returns the place, RAS in mm."""
        return result.jumpTo(lesionId)

    def resetDecisions(self, result):
        """Make all lesions undecided again, without asking; notes stay. Returns the Lesions shown then."""
        return result.resetDecisions()

    def resetHandEdits(self, result):
        """Take back all that was painted and erased by hand, without asking."""
        result.resetEdits()

    def addLesionTable(self, result):
        """Write the shown lesions, with decisions and notes, into a new table of the scene; returns the table node."""
        from LesionSegmentationLib.scene.lesion_table import addLesionTable

        return addLesionTable(slicer.mrmlScene, result)

    def worker(self):
        """The worker process, started when first needed and kept: the network stays loaded between runs."""
        from LesionSegmentationLib.engine.worker_client import WorkerClient

        if self._worker is None or not self._worker.alive:
            # Slicer's executable is not a Python interpreter; PythonSlicer beside it is.
            self._worker = WorkerClient(shutil.which("PythonSlicer") or sys.executable)
            self._worker.start()
        return self._worker

    def close(self):
        """End the worker process."""
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
