"""The Slicer module LesionSegmentation: metadata and wiring. What it does lives in LesionSegmentationLib."""

import logging
import os
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
        self._results = []
        self._sideBySide = None
        self._sideBySideMarks = None
        self._readingViews = None
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
        minimumDiameterMm=0.0,
        otherNodes=None,
        reference="",
        minimumVoxels=0,
    ):
        """Mark the lesions of a study with a model, in the worker process.

        flairNode, t1Node, t2Node: scalar volumes of one examination; otherNodes: those of other channels that a model
        asks for, {"t1c": node}. reference: the channel whose grid the result has, the model's first one when empty.
        model: name of an installed bundle or its folder, the first installed one when empty.
        device: "auto", "cpu", "cuda" or "cuda:N". alpha, beta: weights of false positives and false negatives.
        minimumVolumeMl, minimumDiameterMm, minimumVoxels: smallest lesion to show, in millilitres, as longest in-slice
        diameter, and in voxels.

        Returns a LesionResult, whose ``show(alpha, beta)`` gives any other operating point at once; without
        waitForCompletion the SegmentationRun, to be polled and then given to :meth:`resultOf`. Raises InputError
        (a ValueError), one sentence, for input that cannot be used, Cancelled when the run was stopped, and
        RuntimeError when the model fails. Example::

            result = LesionSegmentation.LesionSegmentationLogic().process(slicer.util.getNode("FLAIR"))
            print(len(result.lesions), result.segmentationNode.GetName())
        """

        nodes = {"flair": flairNode, "t1": t1Node, "t2": t2Node, **(otherNodes or {})}
        run = self.startRun(nodes, model, device, reference)
        if not waitForCompletion:
            return run
        self._waitFor(run)
        result = self.resultOf(run)
        result.show(alpha, beta, minimumVolumeMl, minimumDiameterMm, minimumVoxels)
        return result

    def resultOf(self, run):
        """Put the result of a finished run into the scene; returns the LesionResult."""
        from LesionSegmentationLib.scene.lesion_result import LesionResult

        return self._remember(LesionResult(slicer.mrmlScene, run.referenceNode, run.probabilityMap, run.tree))

    def _remember(self, result):
        others = [other for other in self._results if other.inScene]
        self._results = [other for other in others if other.segmentationNode is not result.segmentationNode] + [result]
        return result

    def resultBehind(self, segmentationNode):
        """The LesionResult that a segmentation node shows, None where this logic did not make it."""
        return next((one for one in self._results if one.inScene and one.segmentationNode is segmentationNode), None)

    def followUp(self, earlier, later, alpha=0.5, beta=0.5, limit=None, minimumVolumeMl=0.0, waitForCompletion=True):
        """Compare two studies of one patient: lay the heads on each other and say what became of each lesion.

        earlier, later: segmentation nodes, or LesionResults of :meth:`process`. Where this logic made them their
        probabilities are compared, with hand edits on top, at one common level for alpha and beta; other segmentations
        as they are drawn. limit: an engine.lesion_changes.ChangeLimit, what counts as a change. minimumVolumeMl: what
        is smaller at both times is left out.

        Returns a FollowUpResult, whose ``show(alpha, beta)`` gives any other setting and ``write(folder)`` the files;
        look at ``result.followUp.warning`` before you use it. Without waitForCompletion the FollowUpRun, to be polled
        and then given to :meth:`followUpResultOf`. Raises like :meth:`process`. Example::

            result = logic.followUp(slicer.util.getNode("2024 lesions"), slicer.util.getNode("2025 lesions"))
            print(result.followUp.warning or result.followUp.summary())
            logic.showSideBySide(result)
        """
        from LesionSegmentationLib.engine.errors import InputError
        from LesionSegmentationLib.scene.follow_up_run import FollowUpRun, studyOf

        nodes = [getattr(one, "segmentationNode", one) for one in (earlier, later)]
        if None in nodes:
            raise InputError(_("Choose the segmentation of the earlier and that of the later study."))
        if nodes[0] is nodes[1]:
            raise InputError(_("The earlier and the later segmentation are the same; choose two studies."))
        run = FollowUpRun(self.worker(), *(studyOf(node, self.resultBehind(node)) for node in nodes))
        if not waitForCompletion:
            return run
        self._waitFor(run)
        result = self.followUpResultOf(run)
        result.show(alpha, beta, limit, minimumVolumeMl)
        return result

    def followUpResultOf(self, run):
        """Put the result of a finished FollowUpRun into the scene, to be shown; returns the FollowUpResult."""
        from LesionSegmentationLib.scene.follow_up_result import FollowUpResult

        return FollowUpResult(slicer.mrmlScene, run.pair, *(study.referenceNode for study in run.studies))

    def showSideBySide(self, result, ras=None):
        """Show a FollowUpResult in two linked rows of slice views, at ``ras`` (halfway space, mm) where given.

        Slicer's layout menu brings the other views back.
        """
        from LesionSegmentationLib.gui.main_window_views import sliceRenderer
        from LesionSegmentationLib.scene.side_by_side import SideBySide
        from LesionSegmentationLib.scene.view_marks import ViewMarks

        if self._sideBySide is None or self._sideBySide.result is not result:
            self._leaveSideBySide()
            self._sideBySide = SideBySide(slicer.app.applicationLogic(), result)
            self._sideBySideMarks = ViewMarks(sliceRenderer)
        self._sideBySide.show(ras)
        self._sideBySideMarks.put(self._sideBySide.sliceNodes())

    def _leaveSideBySide(self):
        if self._sideBySide is not None:
            self._sideBySideMarks.remove()
            self._sideBySide.release()
            self._sideBySide = None

    def showReadingLayout(self, result):
        """Show a LesionResult in three planes and in 3D, with rulers and the letters of the sides; returns the views.

        The reference volume lies behind the lesions, the slice views are linked. Raises InputError when something of
        the result was removed from the scene. :meth:`leaveReadingLayout` puts the views back. Example::

            logic.showReadingLayout(result)
            logic.setOverlay(result, opacity=0.7, outline=True)
        """
        from LesionSegmentationLib.gui.main_window_views import lookAtAll

        views = self.readingViews()
        first = not views.isUp
        views.show(result)
        if first:
            lookAtAll()
        return views

    def leaveReadingLayout(self):
        """Put layout, layers, links, rulers and markers back to what they were before the reading layout."""
        self.readingViews().leave()

    def readingViews(self):
        """Return the ReadingViews: whether they are up, what they draw, and their links."""
        from LesionSegmentationLib.gui.main_window_views import sliceRenderer
        from LesionSegmentationLib.scene.reading_views import ReadingViews

        if self._readingViews is None:
            self._readingViews = ReadingViews(slicer.app.applicationLogic(), sliceRenderer)
        return self._readingViews

    def setOverlay(self, result, opacity=None, outline=None, shown=None):
        """Change how the lesions lie over the slices: opacity 0 to 1, outline alone or filled, shown or hidden.

        What is None stays. Returns the OverlayLook. Voxels and exports are not touched.
        """
        from LesionSegmentationLib.scene.overlay_look import setOverlayLook

        return setOverlayLook(result.segmentationNode, opacity, outline, shown)

    def _waitFor(self, run):
        """Keep the application alive until a run has ended; raises what it failed with."""
        from LesionSegmentationLib.engine.errors import Cancelled

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

    def chooseStudy(self, volumeNode):
        """Choose a volume, and with it the study around it, in place of what is chosen; returns {channel: node}.

        Its name tells the channel, FLAIR where it tells none; likewise of those beside it in the subject hierarchy.
        """
        from LesionSegmentationLib.gui.study_of_volume import chooseStudyOf

        return chooseStudyOf(volumeNode, self.getParameterNode().parameterNode)

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

    def restoreResult(self, segmentationNode):
        """Return the LesionResult of a segmentation node that this module made, in this scene or a reopened one.

        Setting, decisions, notes and hand edits are as they were. Raises InputError, one sentence, when it cannot.
        """
        from LesionSegmentationLib.scene.lesion_result import LesionResult

        return self._remember(LesionResult.stored(segmentationNode))

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

    def showOperatingCurve(self, result):
        """Show precision over recall of all settings of a LesionResult in a plot view, with the present one.

        Returns the OperatingCurvePlot, whose ``update()`` follows a later setting. Raises InputError where the model is
        uncalibrated and no reference was chosen.
        """
        from LesionSegmentationLib.scene.operating_curve_plot import OperatingCurvePlot

        plot = OperatingCurvePlot(slicer.mrmlScene)
        plot.setResult(result)
        slicer.modules.plots.logic().ShowChartInLayout(plot.chartNode)
        return plot

    def compareWith(self, result, referenceNode):
        """Compare a LesionResult with a reference segmentation or label map of the same image, None to end it.

        Returns the ReferenceComparison: ``figures`` and ``lesionCounts`` of what is shown, ``note`` on what was done to
        the reference, ``showColours()`` for hits, misses and extra voxels, ``update()`` after a later setting. Raises
        InputError, one sentence, for a reference that cannot be used. Example::

            result.show(0.3, 0.7)
            comparison = logic.compareWith(result, slicer.util.getNode("by hand"))
            print(comparison.figures.dice, comparison.note)
        """
        return result.compareWith(referenceNode)

    def addLesionTable(self, result):
        """Write the shown lesions, with decisions and notes, into a new table of the scene; returns the table node."""
        from LesionSegmentationLib.scene.lesion_table import addLesionTable

        return addLesionTable(slicer.mrmlScene, result)

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
