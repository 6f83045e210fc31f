"""One run of the model on volumes of the scene, in the worker process."""

import os
import shutil
import tempfile

from ..engine.errors import InputError
from ..engine.worker_client import load_job
from .volumes import writeNode

RUNNING, DONE, FAILED, CANCELLED = "running", "done", "failed", "cancelled"


class SegmentationRun:
    """Volumes out, progress in, probability map back. Nothing here blocks for longer than writing the volumes.

    ``nodes``: {"flair": node, "t1": node or None, ...}; the first is the reference, whose geometry the result has.
    The caller polls until :attr:`state` is no longer "running". Example::

        run = SegmentationRun(worker, {"flair": flairNode}, model="ms-flair")
        while run.state == "running":
            run.poll()
        curve = OperatingCurve.of(run.probabilityMap)

    Raises InputError, one sentence, when a volume cannot be used.
    """

    def __init__(self, worker, nodes, model, device="auto"):
        self.state = RUNNING
        self.stage, self.fraction, self.secondsLeft = "read", 0.0, None
        self.error, self.errorIsInternal, self.log = "", False, []
        self.probabilityMap = self.tree = None
        self.seconds, self.device = None, None
        self.devices = []  # [{"name", "text"}], known once the worker is up
        self._worker = worker
        nodes = {channel: node for channel, node in nodes.items() if node is not None}
        self.referenceNode = next(iter(nodes.values()))
        self._folder = tempfile.mkdtemp(prefix="LesionSegmentation-")
        try:
            inputs = {}
            for channel, node in nodes.items():
                inputs[channel] = os.path.join(self._folder, f"{channel}.nrrd")
                writeNode(node, inputs[channel])
            self._id = worker.segment(
                {
                    "inputs": inputs,
                    "reference": next(iter(nodes)),
                    "model": str(model),
                    "device": device,
                    "output": os.path.join(self._folder, "result"),
                }
            )
        except BaseException:
            self.release()
            raise

    def poll(self):
        """Take in what the worker reported since the last call. Every run ends, also when the worker dies."""
        for event in self._worker.poll():
            if event["event"] == "ready":
                self.devices = event["devices"]
            elif event.get("id") == self._id and self.state == RUNNING:
                self._handle(event)

    def cancel(self):
        """Ask the worker to stop; the state becomes "cancelled" when it answers (within one patch)."""
        if self.state == RUNNING:
            self._worker.cancel(self._id)

    def abandon(self):
        """Stop and forget at once: for a scene that is being closed."""
        self.cancel()
        if self.state == RUNNING:
            self._end(CANCELLED)

    def release(self):
        """Remove the temporary files."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _handle(self, event):
        kind = event["event"]
        if kind == "progress":
            self.stage, self.fraction = event["stage"], event["fraction"]
            self.secondsLeft = event.get("seconds_left")
        elif kind == "log":
            self.log.append(event["message"])
        elif kind == "done":
            self.seconds, self.device = event.get("seconds"), event.get("device")
            self._take(event["output"])
        elif kind == "cancelled":
            self._end(CANCELLED)
        elif kind == "failed":
            self.error = event["error"]
            self.errorIsInternal = event.get("kind") != "input"
            if event.get("log"):
                self.log.append(event["log"])
            self._end(FAILED)

    def _take(self, folder):
        try:
            self.probabilityMap, self.tree = load_job(folder)
        except InputError as error:  # somebody cleared the temporary files
            self.error, self.errorIsInternal = str(error), True
        self._end(DONE if self.probabilityMap is not None else FAILED)

    def _end(self, state):
        self.state = state
        self.release()

    def raiseFailure(self):
        """Raise what a failed run failed with: InputError for bad input, RuntimeError for the rest."""
        if self.state == FAILED:
            raise RuntimeError(self.error) if self.errorIsInternal else InputError(self.error)
