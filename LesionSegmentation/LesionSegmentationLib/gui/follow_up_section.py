"""The section of the panel that compares two studies of one patient."""

import logging

import qt
import slicer
from slicer.i18n import tr as _

from ..engine.errors import InputError
from ..engine.lesion_changes import ChangeLimit
from ..scene.change_classes import COLOURS
from . import panel_text
from .balance import weights
from .follow_up_text import STAGE_STARTS, changeText, lesionsText, summaryText
from .installation import ensureInstalled
from .section import loadSection

POLL_INTERVAL_MS = 50
REST_MS = 300  # matching the lesions of two heads anew takes some tenths of a second: done when the hand rests


class FollowUpSection:
    """Fills ``place`` (a collapsible button with a layout) and wires it to the logic.

    ``logic``: LesionSegmentationLogic. ``resourcePath(name)``: where a file of Resources lies. The comparison follows
    the slider of the panel and the limits given here; the choice of other studies ends it.
    """

    def __init__(self, place, logic, resourcePath):
        self.ui = ui = slicer.util.childWidgetVariables(loadSection(place, resourcePath("UI/FollowUpSection.ui")))
        self.logic = logic
        self._requirementsPath = resourcePath("requirements.txt")
        self.result = None
        self._parameterNode = None
        self._guiTag = None
        self._run = None
        self._stopping = False
        self._filling = False
        self._compared = None  # the segmentation nodes of the comparison
        self._shown = None  # the setting on the screen
        self._changes = {}  # by number
        self._pollTimer = qt.QTimer()
        self._pollTimer.setInterval(POLL_INTERVAL_MS)
        self._pollTimer.timeout.connect(self._onPoll)
        self._restTimer = qt.QTimer()
        self._restTimer.setSingleShot(True)
        self._restTimer.setInterval(REST_MS)
        self._restTimer.timeout.connect(self._update)
        ui.compareButton.clicked.connect(self._onCompareClicked)
        ui.sideBySideButton.clicked.connect(self._onSideBySideClicked)
        ui.changesTable.itemSelectionChanged.connect(self._onRowChosen)
        ui.changesTable.cellClicked.connect(self._onRowChosen)  # a row that is chosen already
        ui.changesTable.sortByColumn(0, qt.Qt.AscendingOrder)
        ui.changesTable.verticalHeader().setSectionResizeMode(qt.QHeaderView.ResizeToContents)
        ui.changesTable.horizontalHeader().setSectionResizeMode(qt.QHeaderView.ResizeToContents)
        self._refresh()

    @property
    def running(self):
        return self._run is not None

    def setParameterNode(self, parameterNode):
        """Follow a parameter node, or none (None) while the scene is closing or the module is left."""
        if self._parameterNode is not None:
            self._parameterNode.disconnectGui(self._guiTag)
        self._parameterNode = parameterNode
        if parameterNode is not None:
            self._guiTag = parameterNode.connectGui(self.ui)
        self.onParametersChanged()

    def onParametersChanged(self, caller=None, event=None):
        """To be called when the parameter node was modified."""
        if self.result is not None and self._parameterNode is not None:
            if self._chosen() != self._compared:
                self._forget()  # the table would tell of other studies than those chosen above it
                self._say(_("Press Compare to compare these studies."))
            elif self._setting() != self._shown:
                self._restTimer.start()
        self._refresh()

    def abandon(self):
        """Stop a run and forget the result: the scene they belong to is going away."""
        self._pollTimer.stop()
        if self._run is not None:
            self._run.abandon()
            self._run = None
        self._forget()
        self._refresh()

    def _onCompareClicked(self):
        if self.running:
            self._stopping = True
            self._run.cancel()
            self._say(_("Stopping ..."))
        elif self._parameterNode is not None:
            self._start()
        self._refresh()

    def _start(self):
        problem = ensureInstalled(self._requirementsPath)
        if problem:
            self._say(problem)
            return
        self._compared = self._chosen()
        try:
            self._run = self.logic.followUp(*self._compared, waitForCompletion=False)
        except (InputError, OSError) as error:
            self._say(str(error))
            return
        self._stopping = False
        self._forget()
        self._showProgress()
        self._pollTimer.start()

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
        if run.state == "done":
            self._showResult(run)
        elif run.state == "cancelled":
            self._say(_("Stopped; nothing was changed."))
        else:
            self._say(run.error)
            level = logging.ERROR if run.errorIsInternal else logging.INFO
            logging.log(level, "Lesion segmentation: %s", run.logText)
        self._refresh()

    def _showResult(self, run):
        if any(study.referenceNode.GetScene() is None for study in run.studies):
            self._say(_("A volume was removed during the comparison, so there is nothing to show it on."))
            return
        try:
            self.result = self.logic.followUpResultOf(run)
        except InputError as error:
            self._say(str(error))
            return
        self._update()
        self.logic.showSideBySide(self.result)

    def _update(self):
        """Compare at the setting of the panel and show what changed."""
        if self.result is None or self._parameterNode is None:
            return
        if not self.result.inScene:
            self._forget()
            self._say(_("The comparison was removed from the scene. Press Compare to compare the studies again."))
            self._refresh()
            return
        self._shown = balance, minimumVolumeMl, limit = self._setting()
        followUp = self.result.show(*weights(balance), limit, minimumVolumeMl)
        self._changes = {change.number: change for change in followUp.changes}
        self._fillTable(followUp.changes)
        self.ui.followUpWarningLabel.text = followUp.warning
        self.ui.followUpWarningLabel.visible = bool(followUp.warning)
        self._say(" ".join([summaryText(followUp), *followUp.notes]))

    def _chosen(self):
        return self._parameterNode.earlierSegmentation, self._parameterNode.laterSegmentation

    def _setting(self):
        parameters = self._parameterNode
        limit = ChangeLimit(parameters.changeMl, parameters.changePercent / 100, parameters.newMl)
        return parameters.balance, parameters.minimumVolumeMl, limit

    def _fillTable(self, changes):
        table = self.ui.changesTable
        self._filling = True
        table.sortingEnabled = False  # or rows would wander off while they are filled
        table.setRowCount(len(changes))
        for row, change in enumerate(changes):
            percent = change.change_percent
            cells = (
                change.number,
                changeText(change.change),
                round(change.earlier_ml, 3),
                round(change.later_ml, 3),
                round(change.change_ml, 3),
                None if percent is None else round(percent),
                lesionsText(change),
            )
            for column, value in enumerate(cells):
                item = qt.QTableWidgetItem()
                if value is not None:
                    item.setData(qt.Qt.DisplayRole, value)  # a number sorts as a number
                table.setItem(row, column, item)
            colour = qt.QColor(*(round(255 * part) for part in COLOURS[change.change]))
            table.item(row, 1).setData(qt.Qt.DecorationRole, colour)
        table.sortingEnabled = True
        self._filling = False

    def _onRowChosen(self):
        table = self.ui.changesTable
        row = table.currentRow()
        if self._filling or row < 0 or self.result is None or not self.result.inScene:
            return
        number = table.item(row, 0).data(qt.Qt.DisplayRole)
        self.logic.showSideBySide(self.result, self._changes[number].centroid_ras)

    def _onSideBySideClicked(self):
        if self.result is not None and self.result.inScene:
            self.logic.showSideBySide(self.result)

    def _forget(self):
        """Show no comparison any more; the nodes of the last one stay in the scene."""
        self._restTimer.stop()
        self.result = self._shown = None
        self._changes = {}
        self._fillTable([])
        self.ui.followUpWarningLabel.visible = False
        self._say("")

    def _showProgress(self):
        self.ui.followUpProgressBar.value = panel_text.progressPercent(
            self._run.stage, self._run.fraction, STAGE_STARTS
        )
        if not self._stopping:
            self._say(panel_text.progressText(self._run.stage, self._run.secondsLeft))

    def _refresh(self):
        """Bring buttons, progress bar and selectors to what can be done now."""
        running, missing = self.running, "" if self.running else self._missing()
        self.ui.compareButton.text = _("Cancel") if running else _("Compare")
        self.ui.compareButton.enabled = not missing and not (running and self._stopping)
        self.ui.compareButton.toolTip = missing or (_("Stop the run.") if running else _("Compare the two studies."))
        self.ui.followUpProgressBar.visible = running
        self.ui.earlierSelector.enabled = self.ui.laterSelector.enabled = not running
        self.ui.changesTable.visible = self.result is not None
        self.ui.sideBySideButton.visible = self.result is not None

    def _missing(self):
        """Why Compare cannot be pressed, in one sentence, or ""."""
        parameters = self._parameterNode
        if parameters is None or parameters.earlierSegmentation is None or parameters.laterSegmentation is None:
            return _("Choose the segmentation of the earlier and that of the later study.")
        if parameters.earlierSegmentation is parameters.laterSegmentation:
            return _("The earlier and the later segmentation are the same; choose two studies.")
        return ""

    def _say(self, sentence):
        self.ui.followUpStatusLabel.text = sentence
