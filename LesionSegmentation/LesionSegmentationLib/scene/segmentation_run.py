"""One run of the model on volumes of the scene, in the worker process."""

import os

from ..engine.errors import InputError
from ..engine.worker_client import load_job
from .volumes import writeNode
from .worker_run import CANCELLED, DONE, FAILED, RUNNING, WorkerRun

__all__ = ["CANCELLED", "DONE", "FAILED", "RUNNING", "SegmentationRun"]


class SegmentationRun(WorkerRun):
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
        self.probabilityMap = self.tree = None
        self._nodes = {channel: node for channel, node in nodes.items() if node is not None}
        self._model, self._device = str(model), device
        self._reference = reference or next(iter(self._nodes), "")
        if self._reference not in self._nodes:
            raise InputError(
                f"No volume was chosen as {self._reference.upper()}, which the result should lie on; choose it."
            )
        self.referenceNode = self._nodes[self._reference]
        asked = [f"model: {model}", f"device: {device}"]
        asked += [f"{channel}: {node.GetName()}" for channel, node in self._nodes.items()]
        super().__init__(worker, [*asked, f"on the grid of: {self.referenceNode.GetName()}"])

    def handOver(self, folder):
        """Write the volumes and send the job; see WorkerRun."""
        inputs = {}
        for channel, node in self._nodes.items():
            inputs[channel] = os.path.join(folder, f"{channel}.nrrd")
            writeNode(node, inputs[channel])
        return self._worker.segment(
            {
                "inputs": inputs,
                "names": {channel: node.GetName() for channel, node in self._nodes.items()},
                "reference": self._reference,
                "model": self._model,
                "device": self._device,
                "output": os.path.join(folder, "result"),
            }
        )

    def takeResult(self, output):
        """Read what the worker left; see WorkerRun."""
        self.probabilityMap, self.tree = load_job(output)
