"""A job of the worker process, followed from the scene."""

import shutil
import tempfile

from ..engine.errors import InputError

RUNNING, DONE, FAILED, CANCELLED = "running", "done", "failed", "cancelled"


class WorkerRun:
    """One job: files out, progress in, result back. Nothing here blocks for longer than handing over the files.

    ``asked``: lines that say what was asked for, the beginning of :attr:`logText`. :attr:`log`: the worker's sentences;
    :attr:`trace`: of a failure inside the program. The caller polls until :attr:`state` is no longer "running".
    ``handOver(folder)`` of the job writes the files into a temporary folder, sends the job and returns its id;
    ``takeResult(output)`` reads what it left, InputError when that is not whole.
    """

    def __init__(self, worker, asked=()):
        self.state = RUNNING
        self.stage, self.fraction, self.secondsLeft, self.patch = "read", 0.0, None, None
        self.error, self.errorIsInternal, self.log, self.trace = "", False, [], ""
        self.couldNotStart = False  # the worker's Python lacks something, or it is broken
        self.seconds, self.device = None, None
        self._asked = list(asked)
        self._worker = worker
        self._folder = tempfile.mkdtemp(prefix="LesionSegmentation-")
        try:
            self._id = self.handOver(self._folder)
        except BaseException:
            self.release()
            raise

    def handOver(self, folder):
        raise NotImplementedError

    def takeResult(self, output):
        raise NotImplementedError

    @property
    def devices(self):
        """The devices that the worker found, [{"name", "text"}]; empty before it is up."""
        return self._worker.devices or []

    @property
    def logText(self):
        """All that there is to tell about the run, for a person who looks for a fault."""
        ended = [self.state + ("" if self.seconds is None else f" after {self.seconds} s on {self.device}")]
        words = self._worker.words
        parts = [*self._asked, *self.log, *ended, self.error, self.trace, "" if words in self.trace else words]
        return "\n".join(part for part in parts if part)

    def poll(self):
        """Take in what the worker reported since the last call. Every run ends, also when the worker dies."""
        for event in self._worker.poll(self._id):
            if self.state == RUNNING:
                self._handle(event)

    def cancel(self):
        """Ask the worker to stop; the state becomes "cancelled" when it answers (within one patch or step)."""
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

    def raiseFailure(self):
        """Raise what a failed run failed with: InputError for bad input, RuntimeError for the rest."""
        if self.state == FAILED:
            raise RuntimeError(self.error) if self.errorIsInternal else InputError(self.error)

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

    def _take(self, output):
        try:
            self.takeResult(output)
        except InputError as error:  # somebody cleared the temporary files
            self.error, self.errorIsInternal = str(error), True
            self._end(FAILED)
        else:
            self._end(DONE)

    def _end(self, state):
        self.state = state
        self.release()
