"""Run: one button that starts and cancels, progress, what came of it in a sentence, and the log one click away."""

import logging

import qt
import slicer
from slicer.i18n import tr as _

from ..engine.errors import InputError
from . import panel_text
from .installation import ensureInstalled, packageProblem

POLL_INTERVAL_MS = 50


class RunSection:
    """Follows one run of the model.

    ``ui``: the children of RunSection.ui by name, among others; ``logic``: LesionSegmentationLogic; ``start()`` begins
    a SegmentationRun and returns it; ``finished(run)`` is called with one that is done; ``changed()`` when the panel's
    other sections should look at :attr:`running` again. ``requirementsPath``: the packages to offer for installation.
    """

    def __init__(self, ui, logic, start, finished, changed, requirementsPath):
        self.ui = ui
        self._logic = logic
        self._start, self._finished, self._changed = start, finished, changed
        self._requirementsPath = requirementsPath
        self._run = None
        self._stopping = False
        self._saidMissing = False
        self._torchBroken = False
        self._packageProblem = packageProblem()
        self._pollTimer = qt.QTimer()
        self._pollTimer.setInterval(POLL_INTERVAL_MS)
        self._pollTimer.timeout.connect(self._onPoll)
        ui.segmentButton.clicked.connect(self._onSegmentClicked)
        ui.installPackagesButton.clicked.connect(self._onInstallClicked)
        ui.logButton.connect("toggled(bool)", self._onLogToggled)

    @property
    def running(self):
        """Whether a run is under way."""
        return self._run is not None

    def say(self, sentence):
        """Show a sentence in the status line."""
        self.ui.statusLabel.text = sentence

    def abandon(self):
        """Stop a run and forget it: the scene it belongs to is going away."""
        self._pollTimer.stop()
        if self._run is not None:
            self._run.abandon()
            self._run = None
        self._showNotes([])
        self.say("")

    def refresh(self, missing, hasResult):
        """Bring button, progress bar and status line to what can be done now.

        ``missing``: why Segment cannot be pressed, or ""; it is not said over the figures of a result.
        """
        running = self.running
        missing = "" if running else self._packageProblem or missing
        ui = self.ui
        ui.segmentButton.text = _("Cancel") if running else _("Segment")
        ui.segmentButton.enabled = not missing and not (running and self._stopping)
        ui.segmentButton.toolTip = missing or (_("Stop the run.") if running else _("Mark the lesions."))
        ui.progressBar.visible = running
        ui.installPackagesButton.visible = not running and bool(self._packageProblem)
        ui.installPackagesButton.text = _("Repair PyTorch...") if self._torchBroken else _("Install PyTorch...")
        saying = bool(missing) and not hasResult
        if saying:
            self.say(missing)
        elif self._saidMissing:
            self.say("")
        self._saidMissing = saying

    def _onSegmentClicked(self):
        if self.running:
            self._stopping = True
            self._run.cancel()
            self.say(_("Stopping ..."))
            self._changed()
            return
        try:
            self._run = self._start()
        except (InputError, OSError) as error:  # unusable input, or no room for the files handed to the worker
            self.say(str(error))
            return
        if self._run is None:
            return
        self._stopping = False
        self._showNotes([])
        self._showProgress()
        self._pollTimer.start()
        self._changed()

    def _onPoll(self):
        run = self._run
        if run is None:
            self._pollTimer.stop()
            return
        run.poll()
        if run.state == "running":
            self._showProgress()
            return
        self._pollTimer.stop()
        self._run = None
        self._showLog(run)
        if run.state == "done":
            self.say(panel_text.doneText(run.seconds, run.device))
            self._showNotes(run.log)
            self._changed()
            self._finished(run)
        elif run.state == "cancelled":
            self._changed()
            self.say(_("Stopped; nothing was changed."))
        else:
            self._lookAtFailure(run)

    def _lookAtFailure(self, run):
        if run.couldNotStart:
            # The worker imports torch before anything else: what keeps it from starting is nearly always torch.
            self._torchBroken = True
            self._packageProblem = run.error
        self._changed()
        self.say(run.error)
        level = logging.ERROR if run.errorIsInternal else logging.INFO
        logging.log(level, "Lesion segmentation: %s", run.logText)

    def _onInstallClicked(self):
        problem = ensureInstalled(self._requirementsPath, repair=self._torchBroken)
        if not problem:
            self._torchBroken = False
            self._logic.close()  # the next worker sees what was installed
        self._packageProblem = problem or packageProblem()
        self._changed()

    def _onLogToggled(self, shown):
        self.ui.logText.visible = shown

    def _showLog(self, run):
        self.ui.logText.plainText = run.logText
        self.ui.logButton.enabled = True

    def _showNotes(self, notes):
        self.ui.runNotesLabel.text = "\n".join(notes)
        self.ui.runNotesLabel.visible = bool(notes)

    def _showProgress(self):
        run = self._run
        self.ui.progressBar.value = panel_text.progressPercent(run.stage, run.fraction)
        if not self._stopping:
            self.say(panel_text.progressText(run.stage, run.secondsLeft, run.patch))


def confirmed(sentences):
    """Ask whether to run although ``sentences`` speak against it."""
    return slicer.util.confirmYesNoDisplay(
        _("{warnings}\n\nSegment anyway?").format(warnings="\n".join(sentences)), windowTitle=_("Lesion Segmentation")
    )
