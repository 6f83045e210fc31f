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

    ``nodes``: {"flair": node, "t1": node or None, ...}; ``reference``: the channel whose geometry the result has, the
    first when left out. The caller polls until :attr:`state` is no longer "running". :attr:`log` are the worker's
    sentences: what was done with the volumes, fallbacks of the device, and the trace of a failure. Example::

        run = SegmentationRun(worker, {"flair": flairNode}, model="ms-flair")
        while run.state == "running":
            run.poll()
        curve = OperatingCurve.of(run.probabilityMap)

    Raises InputError, one sentence, when a volume cannot be used.
    """

    def __init__(self, worker, nodes, model, device="auto", reference=None):
        self.state = RUNNING
        self.stage, self.fraction, self.secondsLeft, self.patch = "read", 0.0, None, None
        self.error, self.errorIsInternal, self.log = "", False, []
        self.probabilityMap = self.tree = None
        self.trace = ""  # of a failure inside the program
        self.couldNotStart = False  # the worker's Python lacks something, or it is broken
        self._asked = [f"model: {model}", f"device: {device}"]
        self.seconds, self.device = None, None
        self._worker = worker
        nodes = {channel: node for channel, node in nodes.items() if node is not None}
        reference = reference or next(iter(nodes), "")
        if reference not in nodes:
            raise InputError(f"No volume was chosen as {reference.upper()}, which the result should lie on; choose it.")
        self.referenceNode = nodes[reference]
        self._asked += [f"{channel}: {node.GetName()}" for channel, node in nodes.items()]
        self._asked += [f"on the grid of: {self.referenceNode.GetName()}"]
        self._folder = tempfile.mkdtemp(prefix="LesionSegmentation-")
        try:
            inputs = {}
            for channel, node in nodes.items():
                inputs[channel] = os.path.join(self._folder, f"{channel}.nrrd")
                writeNode(node, inputs[channel])
            self._id = worker.segment(
                {
                    "inputs": inputs,
                    "names": {channel: node.GetName() for channel, node in nodes.items()},
                    "reference": reference,
                    "model": str(model),
                    "device": device,
                    "output": os.path.join(self._folder, "result"),
                }
            )
        except BaseException:
            self.release()
            raise

    @property
    def logText(self):
        """All that there is to tell about the run, for a person who looks for a fault."""
        ended = [self.state + ("" if self.seconds is None else f" after {self.seconds} s on {self.device}")]
        words = self._worker.words
        parts = [*self._asked, *self.log, *ended, self.error, self.trace, "" if words in self.trace else words]
        return "\n".join(part for part in parts if part)

    @property
    def devices(self):
        """The devices that the worker found, [{"name", "text"}]; empty before it is up."""
        return self._worker.devices or []

    def poll(self):
        """Take in what the worker reported since the last call. Every run ends, also when the worker dies."""
        for event in self._worker.poll(self._id):
            if self.state == RUNNING:
                self._handle(event)

    def cancel(self):
        """Ask the worker to stop; the state becomes "cancelled" when it answers (within one patch)."""
        if self.state == RUNNING:
            self._worker.cancel(self._id)

    def abandon(self):
        """Stop and forget at once: for a scene that is being closed."""
        self._worker.forget(self._id)
        if self.state == RUNNING:
            self._end(CANCELLED)

    def release(self):
        """Remove the temporary files."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _handle(self, event):
        kind = event["event"]
        if kind == "progress":
            self.stage, self.fraction = event["stage"], event["fraction"]
            self.secondsLeft, self.patch = event.get("seconds_left"), event.get("patch")
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
            self.trace = event.get("log") or ""
            self.couldNotStart = self.errorIsInternal and self._worker.devices is None
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
