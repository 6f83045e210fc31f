"""Run: one button that starts and cancels, progress, what came of it in a sentence, and the log one click away."""

import slicer
from slicer.i18n import tr as _

from ..scene.worker_run import DONE
from .installation import ensureInstalled, packageProblem
from .panel_text import doneText
from .run_follower import RunFollower
from .section import keepLines


class RunSection:
    """Follows one run of the model.

    ``ui``: the children of RunSection.ui by name, among others; ``logic``: LesionSegmentationLogic; ``start()`` begins
    a SegmentationRun and returns it; ``ended(run)`` is called with each that ended by itself; ``changed()`` when the
    panel's other sections should look at :attr:`running` again. ``requirementsPath``: the packages to offer for
    installation.
    """

    def __init__(self, ui, logic, start, ended, changed, requirementsPath):
        self.ui = ui
        self._logic = logic
        self._start, self._ended, self._changed = start, ended, changed
        self._requirementsPath = requirementsPath
        self._follower = RunFollower(ui.segmentButton, ui.progressBar, self.say, self._begin, self._onEnded, changed)
        self._saidMissing = False
        self._torchBroken = False
        self._packageProblem = packageProblem()
        keepLines(ui.statusLabel, 2)  # the slider below it must not move away under the hand
        ui.installPackagesButton.clicked.connect(self._onInstallClicked)
        ui.logButton.connect("toggled(bool)", self._onLogToggled)

    @property
    def running(self):
        """Whether a run is under way."""
        return self._follower.running

    def say(self, sentence):
        """Show a sentence in the status line."""
        self.ui.statusLabel.text = sentence

    def abandon(self):
        """Stop a run and forget it: the scene it belongs to is going away."""
        self._follower.abandon()
        self._showNotes([])
        self.say("")

    def refresh(self, missing, hasResult):
        """Bring button, progress bar and status line to what can be done now.

        ``missing``: why Segment cannot be pressed, or ""; it is not said over the figures of a result.
        """
        running = self.running
        missing = "" if running else self._packageProblem or missing
        ui = self.ui
        self._follower.refresh(_("Segment"), _("Mark the lesions."), missing)
        ui.installPackagesButton.visible = not running and bool(self._packageProblem)
        ui.installPackagesButton.text = _("Repair PyTorch...") if self._torchBroken else _("Install PyTorch...")
        saying = bool(missing) and not hasResult
        if saying:
            self.say(missing)
        elif self._saidMissing:
            self.say("")
        self._saidMissing = saying

    def _begin(self):
        run = self._start()
        if run is not None:
            self._showNotes([])
        return run

    def _onEnded(self, run):
        self._showLog(run)
        if run.couldNotStart:
            # The worker imports torch before anything else: what keeps it from starting is nearly always torch.
            self._torchBroken = True
            self._packageProblem = run.error
        if run.state == DONE:
            self.say(doneText(run.seconds, run.device))
            self._showNotes(run.log)
        self._changed()
        self._ended(run)

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


def confirmed(sentences):
    """Ask whether to run although ``sentences`` speak against it."""
    return slicer.util.confirmYesNoDisplay(
        _("{warnings}\n\nSegment anyway?").format(warnings="\n".join(sentences)), windowTitle=_("Lesion Segmentation")
    )
