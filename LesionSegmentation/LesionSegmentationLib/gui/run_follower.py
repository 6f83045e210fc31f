"""A run of the worker on the panel: one button that starts and cancels it, a progress bar, and a sentence."""

import logging

import qt
from slicer.i18n import tr as _

from ..engine.errors import InputError
from ..scene.worker_run import CANCELLED, FAILED, RUNNING
from .panel_text import STAGE_STARTS, progressPercent, progressText

POLL_INTERVAL_MS = 50


class RunFollower:
    """Follows one WorkerRun at a time, until it ends.

    ``button``: starts a run, and cancels it while it is under way. ``say``: shows a sentence. ``begin()``: returns a
    new run, or None where there is none to begin; its InputError (input of no use) and OSError (no room for the files
    handed to the worker) are said. ``ended(run)`` is called with every run that ended by itself; what stopped or failed
    is said after it. ``changed()``: whether something runs has changed by a click. ``stageStarts``: where the stages
    begin on the bar, in percent.
    """

    def __init__(self, button, progressBar, say, begin, ended, changed, stageStarts=STAGE_STARTS):
        self.run = None  # under way
        self._button, self._bar, self._say = button, progressBar, say
        self._begin, self._ended, self._changed = begin, ended, changed
        self._stageStarts = stageStarts
        self._stopping = False
        self._pollTimer = qt.QTimer()
        self._pollTimer.setInterval(POLL_INTERVAL_MS)
        self._pollTimer.timeout.connect(self._onPoll)
        button.clicked.connect(self._onClicked)

    @property
    def running(self):
        """Whether a run is under way."""
        return self.run is not None

    def abandon(self):
        """Stop a run and forget it: the scene it belongs to is going away."""
        if self.run is not None:
            self.run.abandon()
        self._forget()

    def refresh(self, text, tip, missing):
        """Bring button and bar to what can be done now.

        ``text``, ``tip``: of the button while nothing runs; ``missing``: why it cannot be pressed then, or "".
        """
        running, missing = self.running, "" if self.running else missing
        self._button.text = _("Cancel") if running else text
        self._button.enabled = not missing and not (running and self._stopping)
        self._button.toolTip = missing or (_("Stop the run.") if running else tip)
        self._bar.visible = running

    def _onClicked(self):
        if self.running:
            self._stopping = True
            self.run.cancel()
            self._say(_("Stopping ..."))
            self._changed()
            return
        try:
            self.run = self._begin()
        except (InputError, OSError) as error:
            self._say(str(error))
            return
        if self.run is not None:
            self._showProgress()
            self._pollTimer.start()
            self._changed()

    def _onPoll(self):
        run = self.run
        run.poll()
        if run.state == RUNNING:
            self._showProgress()
            return
        self._forget()
        self._ended(run)
        if run.state == CANCELLED:
            self._say(_("Stopped; nothing was changed."))
        elif run.state == FAILED:
            self._say(run.error)
            level = logging.ERROR if run.errorIsInternal else logging.INFO
            logging.log(level, "Lesion segmentation: %s", run.logText)

    def _forget(self):
        self._pollTimer.stop()
        self.run = None
        self._stopping = False

    def _showProgress(self):
        run = self.run
        self._bar.value = progressPercent(run.stage, run.fraction, self._stageStarts)
        if not self._stopping:
            self._say(progressText(run.stage, run.secondsLeft, run.patch))
