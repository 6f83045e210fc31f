"""The section of the panel that compares two studies of one patient."""

import qt
import slicer
from slicer.i18n import tr as _

from ..engine.errors import InputError
from ..engine.lesion_changes import ChangeLimit
from ..scene.change_classes import COLOURS
from ..scene.worker_run import DONE
from .balance import weights
from .follow_up_text import STAGE_STARTS, changeText, lesionsText, summaryText
from .installation import ensureInstalled
from .run_follower import RunFollower
from .section import loadSection

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
        self._filling = False
        self._compared = None  # the segmentation nodes of the comparison
        self._shown = None  # the setting on the screen
        self._changes = {}  # by number
        self._follower = RunFollower(
            ui.compareButton, ui.followUpProgressBar, self._say, self._begin, self._onEnded, self._refresh, STAGE_STARTS
        )
        self._restTimer = qt.QTimer()
        self._restTimer.setSingleShot(True)
        self._restTimer.setInterval(REST_MS)
        self._restTimer.timeout.connect(self._update)
        ui.sideBySideButton.clicked.connect(self._onSideBySideClicked)
        ui.changesTable.itemSelectionChanged.connect(self._onRowChosen)
        ui.changesTable.cellClicked.connect(self._onRowChosen)  # a row that is chosen already
        ui.changesTable.sortByColumn(0, qt.Qt.AscendingOrder)
        ui.changesTable.verticalHeader().setSectionResizeMode(qt.QHeaderView.ResizeToContents)
        ui.changesTable.horizontalHeader().setSectionResizeMode(qt.QHeaderView.ResizeToContents)
        self._refresh()

    @property
    def running(self):
        return self._follower.running

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
        self._follower.abandon()
        self._forget()
        self._refresh()

    def _begin(self):
        problem = ensureInstalled(self._requirementsPath)
        if problem:
            self._say(problem)
            return None
        self._compared = self._chosen()
        run = self.logic.followUp(*self._compared, waitForCompletion=False)
        self._forget()
        return run

    def _onEnded(self, run):
        if run.state == DONE:
            self._showResult(run)
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

    def _refresh(self):
        """Bring buttons, progress bar and selectors to what can be done now."""
        self._follower.refresh(_("Compare"), _("Compare the two studies."), self._missing())
        self.ui.earlierSelector.enabled = self.ui.laterSelector.enabled = not self.running
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
