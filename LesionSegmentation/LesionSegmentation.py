"""The Slicer module LesionSegmentation: metadata and wiring. What it does lives in LesionSegmentationLib."""

import logging
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

    reference: the channel whose grid the result has, the first one chosen when empty. Volumes of channels that only a
    bundle knows are node references called after them ("t1cVolume").
    balance: the slider, log2(beta / alpha). minimumVolumeMl: smallest lesion shown. segmentation: the last result.
    """

    flairVolume: vtkMRMLScalarVolumeNode
    t1Volume: vtkMRMLScalarVolumeNode
    t2Volume: vtkMRMLScalarVolumeNode
    segmentation: vtkMRMLSegmentationNode
    model: str = ""
    reference: str = ""
    balance: Annotated[float, WithinRange(-5.0, 5.0)] = 0.0
    minimumVolumeMl: Annotated[float, WithinRange(0.0, 100.0)] = 0.0


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
        self._studyCheck = None

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
        otherNodes=None,
        reference="",
    ):
        """Mark the lesions of a study with a model, in the worker process.

        flairNode, t1Node, t2Node: scalar volumes of one examination; otherNodes: those of other channels that a model
        asks for, {"t1c": node}. reference: the channel whose grid the result has, the model's first one when empty.
        model: name of an installed bundle or its folder, the first installed one when empty.
        device: "auto", "cpu", "cuda" or "cuda:N". alpha, beta: weights of false positives and false negatives.
        minimumVolumeMl: smallest lesion to show, in millilitres.

        Returns a LesionResult, whose ``show(alpha, beta)`` gives any other operating point at once; without
        waitForCompletion the SegmentationRun, to be polled and then given to :meth:`resultOf`. Raises InputError
        (a ValueError), one sentence, for input that cannot be used, Cancelled when the run was stopped, and
        RuntimeError when the model fails. Example::

            result = LesionSegmentation.LesionSegmentationLogic().process(slicer.util.getNode("FLAIR"))
            print(len(result.lesions), result.segmentationNode.GetName())
        """
        from LesionSegmentationLib.engine.errors import Cancelled

        nodes = {"flair": flairNode, "t1": t1Node, "t2": t2Node, **(otherNodes or {})}
        run = self.startRun(nodes, model, device, reference)
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
        result.show(alpha, beta, minimumVolumeMl)
        return result

    def startRun(self, nodes, model="", device="auto", reference=""):
        """Begin what :meth:`process` does on ``nodes``, {channel: node or None}; returns the SegmentationRun.

        Warnings (see :meth:`checkStudy`) go to the log. Raises InputError for a study that cannot be segmented.
        """
        from LesionSegmentationLib.gui.model_choice import chosenNodes
        from LesionSegmentationLib.scene.segmentation_run import SegmentationRun

        model, nodes = chosenNodes(model, nodes)
        findings = self.checkStudy(nodes, reference or next(iter(nodes)))
        for warning in findings.warnings:
            logging.warning("Lesion segmentation: %s", warning)
        findings.refuse()
        return SegmentationRun(self.worker(), nodes, model, device, reference)

    def guessVolumes(self, channels=("flair", "t1", "t2")):
        """Return {channel: volume node} of the channels that one name or series description of the scene tells."""
        from LesionSegmentationLib.gui.channel_guess import guessChannel
        from LesionSegmentationLib.scene.volumes import volumeTexts

        texts = volumeTexts(slicer.mrmlScene)
        found = {channel: guessChannel(channel, texts) for channel in channels}
        return {channel: slicer.mrmlScene.GetNodeByID(node) for channel, node in found.items() if node}

    def checkStudy(self, nodes, reference="flair"):
        """Return the Findings about ``nodes``, {channel: node}: refusal, warnings and notes; see StudyCheck."""
        from LesionSegmentationLib.scene.study_check import StudyCheck

        self._studyCheck = self._studyCheck or StudyCheck()
        return self._studyCheck.of(nodes, reference)

    def models(self):
        """Return the installed models: ModelChoice objects with name, title, channels, calibration, licence."""
        from LesionSegmentationLib.gui.model_choice import installedModels

        return installedModels()

    def installModel(self, path):
        """Install the bundle in a zip archive or folder for this user; raises InputError, see install_bundle."""
        from LesionSegmentationLib.engine.bundle_installation import install_bundle

        return install_bundle(path)

    def removeModel(self, name):
        """Remove a model that this user installed; raises InputError for any other."""
        from LesionSegmentationLib.engine.bundle_installation import remove_bundle

        remove_bundle(name)

    def verifyModel(self, name):
        """Return a sentence when a model has the checksum it states; raises InputError when it is damaged."""
        from LesionSegmentationLib.gui.model_choice import verifiedModel

        return verifiedModel(name)

    def addTrainingCase(self, table, nodes, segmentationNode, patient, split=""):
        """Write a case of the scene beside a case table and a row to it; returns its id. See addTrainingCase."""
        from LesionSegmentationLib.scene.training_case import addTrainingCase

        return addTrainingCase(table, nodes, segmentationNode, patient, split)

    def train(self, settings, waitForCompletion=True):
        """Prepare cases and fit a network to them, or go on with the run in the folder; returns the TrainingJob.

        ``settings``: TrainingSettings. Poll the job when not waiting for it. Raises InputError for settings that
        cannot be used; a job that fails says why in its ``error``.
        """
        from LesionSegmentationLib.engine.training_job import TrainingJob

        job = TrainingJob(settings, self._environmentOf(settings.python))
        if waitForCompletion:
            job.wait(slicer.app.processEvents)
        return job

    def exportModel(self, run, about, python="", waitForCompletion=True):
        """Make a calibrated bundle of a run and install it; returns the ExportJob. ``about``: {"name": ..., ...}."""
        from LesionSegmentationLib.engine.training_job import ExportJob

        job = ExportJob(run, about, python, environment=self._environmentOf(python))
        if waitForCompletion:
            job.wait(slicer.app.processEvents)
        return job

    @staticmethod
    def _environmentOf(python):
        """Variables for another Python than Slicer's, which Slicer's own would lead astray; None for Slicer's."""
        return slicer.util.startupEnvironment() if python else None

    def resultOf(self, run):
        """Put the result of a finished run into the scene; returns the LesionResult."""
        from LesionSegmentationLib.scene.lesion_result import LesionResult

        return LesionResult(slicer.mrmlScene, run.referenceNode, run.probabilityMap, run.tree)

    def worker(self, start=True):
        """The worker process, started when first needed and kept: the network stays loaded between runs.

        Its ``devices`` are known a little later. start=False: the one there is, or None.
        """
        from LesionSegmentationLib.engine.worker_client import WorkerClient

        if not start:
            return self._worker
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
