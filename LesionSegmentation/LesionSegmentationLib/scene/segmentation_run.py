"""One run of the model on volumes of the scene, in the worker process."""

import os

from ..engine.worker_client import load_job
from .volumes import writeNode
from .worker_run import CANCELLED, DONE, FAILED, RUNNING, WorkerRun

__all__ = ["CANCELLED", "DONE", "FAILED", "RUNNING", "SegmentationRun"]


class SegmentationRun(WorkerRun):
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
        self.probabilityMap = self.tree = None
        self._nodes = {channel: node for channel, node in nodes.items() if node is not None}
        self._model, self._device = str(model), device
        self.referenceNode = next(iter(self._nodes.values()))
        super().__init__(worker)

    def handOver(self, folder):
        """Write the volumes and send the job; see WorkerRun."""
        inputs = {}
        for channel, node in self._nodes.items():
            inputs[channel] = os.path.join(folder, f"{channel}.nrrd")
            writeNode(node, inputs[channel])
        return self._worker.segment(
            {
                "inputs": inputs,
                "reference": next(iter(self._nodes)),
                "model": self._model,
                "device": self._device,
                "output": os.path.join(folder, "result"),
            }
        )

    def takeResult(self, output):
        """Read what the worker left; see WorkerRun."""
        self.probabilityMap, self.tree = load_job(output)
