"""Segmenting a study, and the results that come of it."""

import logging
import shutil
import sys
import time

import slicer


class Segmenting:
    """Runs models on volumes of the scene and remembers the results. Mixed into LesionSegmentationLogic."""

    _worker = _studyCheck = None
    _results = ()

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

    def startRun(self, nodes, model="", device="auto", reference=""):
        """Begin what :meth:`process` does on ``nodes``, {channel: node or None}; returns the SegmentationRun.

        Warnings (see :meth:`checkStudy`) go to the log. Raises InputError for a study that cannot be segmented.
        """
        from ..gui.model_choice import chosenNodes
        from ..scene.segmentation_run import SegmentationRun

        model, nodes = chosenNodes(model, nodes)
        findings = self.checkStudy(nodes, reference or next(iter(nodes)))
        for warning in findings.warnings:
            logging.warning("Lesion segmentation: %s", warning)
        findings.refuse()
        run = SegmentationRun(self.worker(), nodes, model, device, reference)
        # While the worker is at work: what shows the result takes a moment to load, and nobody waits for it now.
        from ..scene import lesion_result  # noqa: F401

        return run

    def resultOf(self, run):
        """Put the result of a finished run into the scene; returns the LesionResult."""
        from ..scene.lesion_result import LesionResult

        return self._remember(LesionResult(slicer.mrmlScene, run.referenceNode, run.probabilityMap, run.tree))

    def restoreResult(self, segmentationNode):
        """Return the LesionResult of a segmentation node that this module made, in this scene or a reopened one.

        Setting, decisions, notes and hand edits are as they were. Raises InputError, one sentence, when it cannot.
        """
        from ..scene.lesion_result import LesionResult

        return self._remember(LesionResult.stored(segmentationNode))

    def resultBehind(self, segmentationNode):
        """The LesionResult that a segmentation node shows, None where this logic did not make it."""
        return next((one for one in self._results if one.inScene and one.segmentationNode is segmentationNode), None)

    def guessVolumes(self, channels=("flair", "t1", "t2")):
        """Return {channel: volume node} of the channels that one name or series description of the scene tells."""
        from ..gui.channel_guess import guessChannel
        from ..scene.volumes import volumeTexts

        texts = volumeTexts(slicer.mrmlScene)
        found = {channel: guessChannel(channel, texts) for channel in channels}
        return {channel: slicer.mrmlScene.GetNodeByID(node) for channel, node in found.items() if node}

    def chooseStudy(self, volumeNode):
        """Choose a volume, and with it the study around it, in place of what is chosen; returns {channel: node}.

        Its name tells the channel, FLAIR where it tells none; likewise of those beside it in the subject hierarchy.
        """
        from ..gui.study_of_volume import chooseStudyOf

        return chooseStudyOf(volumeNode, self.getParameterNode().parameterNode)

    def checkStudy(self, nodes, reference="flair"):
        """Return the Findings about ``nodes``, {channel: node}: refusal, warnings and notes; see StudyCheck."""
        from ..scene.study_check import StudyCheck

        self._studyCheck = self._studyCheck or StudyCheck()
        return self._studyCheck.of(nodes, reference)

    def worker(self, start=True):
        """The worker process, started when first needed and kept: the network stays loaded between runs.

        Its ``devices`` are known a little later. start=False: the one there is, or None.
        """
        from ..engine.worker_client import WorkerClient

        if not start:
            return self._worker
        if self._worker is None or not self._worker.alive:
            # Slicer's executable is not a Python interpreter; PythonSlicer beside it is.
            self._worker = WorkerClient(shutil.which("PythonSlicer") or sys.executable)
            self._worker.start()
        return self._worker

    def _remember(self, result):
        others = [other for other in self._results if other.inScene]
        self._results = [other for other in others if other.segmentationNode is not result.segmentationNode] + [result]
        return result

    def _waitFor(self, run):
        """Keep the application alive until a run has ended; raises what it failed with."""
        from ..engine.errors import Cancelled

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
