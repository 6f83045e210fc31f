"""The Lesions section: the list, decisions by key, notes, the filter and the resets."""

import qt
import slicer
from slicer.i18n import tr as _

from ..engine.errors import InputError
from ..scene.lesion_views import LesionMark
from ..scene.segmentation import ROLE, SEGMENTATION_ROLE
from . import lesion_text
from .lesion_table_view import LesionTableView
from .section import keepLines, loadSection

ADVANCE_SETTING = "LesionSegmentation/AdvanceAfterDecision"  # a habit of the person at this computer
BLINK_MS, BLINKS = 170, 3


class LesionsSection:
    """Fills ``place`` (a collapsible button with a layout) with the list of the lesions of a LesionResult.

    ``logic``: LesionSegmentationLogic, which does what the clicks and keys ask for. ``resourcePath(name)``: where a
    file of Resources lies. ``say`` shows a sentence in the status. ``panel``: the widget of the whole module, from
    anywhere in which the key L comes back to the list. ``changed``, to be set by whoever shows the figures: called when
    a decision changed what is shown.
    """

    def __init__(self, place, logic, resourcePath, say, panel):
        self.logic, self._say = logic, say
        self.changed = lambda: None
        self.result = None
        self._parameterNode = self._guiTag = None
        self._blinksLeft = 0
        self._notePeak = None  # of the lesion whose note is shown
        self._decided = []  # (peak, state before) of the decisions made here, the last one last
        self._possible = None  # what the buttons were last brought to
        widget = loadSection(place, resourcePath("UI/LesionsSection.ui"))
        self.widget, self.ui = widget, slicer.util.childWidgetVariables(widget)
        self.ui.resultSelector.addAttribute("vtkMRMLSegmentationNode", ROLE, SEGMENTATION_ROLE)
        keepLines(self.ui.summaryLabel, 2)  # nor must the list, while the slider moves
        self.mark = LesionMark(slicer.mrmlScene)
        self.table = LesionTableView(self.ui.lesionTable, self._onChosen)
        self._blinkTimer = qt.QTimer()
        self._blinkTimer.setInterval(BLINK_MS)
        self._blinkTimer.timeout.connect(self._onBlink)
        self.ui.advanceCheckBox.checked = str(qt.QSettings().value(ADVANCE_SETTING, True)).lower() != "false"
        self._connect()
        self._addKey("L", self._focusTable, panel)
        self.setResult(None)

    def _connect(self):
        ui = self.ui
        for button, key, slot in (
            (ui.keepButton, "K", self._onKeep),
            (ui.rejectButton, "R", self._onReject),
            (ui.undecideButton, "U", self._onUndecide),
            (ui.nextButton, "N", self._onNext),
            (ui.previousButton, "P", self._onPrevious),
        ):
            button.clicked.connect(slot)
            self._addKey(key, slot)
        self._addKey("T", self._onEditNote)
        self._addKey("Esc", self._focusTable)
        self._addKey("Backspace", self._onTakeBack)
        ui.noteEdit.textEdited.connect(self._onNoteEdited)
        ui.noteEdit.returnPressed.connect(self._focusTable)
        ui.advanceCheckBox.toggled.connect(self._onAdvanceToggled)
        ui.resetDecisionsButton.clicked.connect(self._onResetDecisions)
        ui.resetEditsButton.clicked.connect(self._onResetEdits)
        ui.tableButton.clicked.connect(self._onTable)

    def _addKey(self, key, slot, widget=None):
        # Only while the keyboard is in this section or panel: slice views have single-letter keys of their own.
        shortcut = qt.QShortcut(qt.QKeySequence(key), widget or self.widget)
        shortcut.setContext(qt.Qt.WidgetWithChildrenShortcut)
        shortcut.activated.connect(slot)

    def setParameterNode(self, parameterNode):
        """Follow a parameter node, or none (None)."""
        if self._parameterNode is not None:
            self._parameterNode.disconnectGui(self._guiTag)
        self._parameterNode = parameterNode
        if parameterNode is not None:
            self._guiTag = parameterNode.connectGui(self.ui)

    def setResult(self, result):
        """Show the lesions of a LesionResult, None for none."""
        self._stopBlinking()
        if result is None:
            self.mark.remove()
        self.result = result
        self._decided = []
        self.showLesions(None if result is None else result.lesions)

    def showLesions(self, lesions):
        """Show engine Lesions, those of the result at another setting."""
        self.table.show(lesions, self._side)
        expected = self.result is not None and not self.result.probabilityMap.withheld
        self.ui.summaryLabel.text = "" if lesions is None else lesion_text.summaryText(lesions, expected)
        self._refresh()

    def takeKeyboard(self):
        """Choose the first undecided lesion and give the list the keyboard, so that reading can begin."""
        lesion = self.table.undecided(1)
        if lesion is not None:
            self.table.choose(lesion)
        self._focusTable()

    def _side(self, lesion):
        return None if self.result is None else self.result.side(lesion)

    def _refresh(self):
        """Bring buttons and note to what can be done now."""
        ui, lesion = self.ui, self.table.current
        possible = (lesion is not None, bool(self.table.rows), self.result is not None)
        if possible != self._possible:  # seldom while the slider moves
            self._possible = possible
            for part in (ui.keepButton, ui.rejectButton, ui.undecideButton, ui.noteEdit):
                part.enabled = lesion is not None
            for part in (ui.nextButton, ui.previousButton, ui.tableButton):
                part.enabled = bool(self.table.rows)
            for part in (ui.resetDecisionsButton, ui.resetEditsButton):
                part.enabled = self.result is not None
        peak = None if lesion is None else lesion.peak
        if peak != self._notePeak or not ui.noteEdit.focus:  # never under the hands of somebody who writes
            self._notePeak = peak
            note = "" if lesion is None else self.result.lesions.notes.get(lesion.id, "")
            if ui.noteEdit.text != note:
                ui.noteEdit.text = note

    def _onChosen(self):
        """The user chose a lesion: all views go there, and it blinks."""
        lesion = self.table.current
        if lesion is None or not self.result.inScene:
            return
        self.logic.jumpToLesion(self.result, lesion.id)
        self.mark.place(self.result.lesions, lesion)
        self.mark.setVisible(True)
        self._blinksLeft = 2 * BLINKS - 1
        self._blinkTimer.start()
        self._refresh()

    def _onBlink(self):
        self._blinksLeft -= 1
        self.mark.setVisible(self._blinksLeft % 2 == 1)
        if self._blinksLeft <= 0:
            self._stopBlinking()

    def _stopBlinking(self):
        self._blinkTimer.stop()
        self.mark.setVisible(False)

    def _onKeep(self):
        self._decide("kept")

    def _onReject(self):
        self._decide("rejected")

    def _onUndecide(self):
        self._decide("undecided")

    def _decide(self, state):
        lesion = self.table.current
        if lesion is None or not self.result.inScene:
            return
        following = self.table.undecided(1)
        self._decided.append((lesion.peak, self.result.lesions.states[lesion.id]))
        self.logic.decideLesion(self.result, lesion.id, state)
        self.changed()
        self._focusTable()
        if state == "undecided" or not self.ui.advanceCheckBox.checked:
            return
        if following is not None and following.id != lesion.id:
            self.table.choose(following)
        elif self.table.undecided(1) is None and len(self.result.lesions):
            self._say(_("All lesions at this setting are decided on."))

    def _onTakeBack(self):
        """Take the last decision back and go to its lesion: for the key that was pressed too quickly."""
        while self._decided and self.result.inScene:
            peak, before = self._decided.pop()
            lesion = self.result.lesions.holding(peak)
            if lesion is not None:  # it is listed at this setting
                self.logic.decideLesion(
                    self.result, lesion.id, before if before in ("kept", "rejected") else "undecided"
                )
                self.changed()
                self.table.choose(self.result.lesions.holding(peak))
                self._focusTable()
                return
        self._say(_("There is no decision to take back."))

    def _onNext(self):
        self._step(1)

    def _onPrevious(self):
        self._step(-1)

    def _step(self, step):
        lesion = self.table.undecided(step)
        if lesion is not None:
            self.table.choose(lesion)
        elif self.table.rows:
            self._say(_("All lesions at this setting are decided on."))
        self._focusTable()

    def _onEditNote(self):
        if self.ui.noteEdit.enabled:
            self.ui.noteEdit.setFocus()
            self.ui.noteEdit.selectAll()

    def _onNoteEdited(self):
        # With every letter: so there is never a note that was written and not yet kept.
        lesion = self.table.current
        if lesion is not None and self.result.inScene:
            self.logic.noteLesion(self.result, lesion.id, self.ui.noteEdit.text)
            self.changed()

    def _onAdvanceToggled(self, checked):
        qt.QSettings().setValue(ADVANCE_SETTING, checked)

    def _onResetDecisions(self):
        question = lesion_text.resetDecisionsText(len(self.result.decisions))
        if self.result.inScene and slicer.util.confirmOkCancelDisplay(question, _("Reset decisions")):
            self.logic.resetDecisions(self.result)
            self._decided = []
            self.changed()

    def _onResetEdits(self):
        question = lesion_text.resetEditsText(self.result.editedVoxels) if self.result.inScene else ""
        if question and slicer.util.confirmOkCancelDisplay(question, _("Reset hand edits")):
            self.logic.resetHandEdits(self.result)
            self.changed()

    def _onTable(self):
        try:
            node = self.logic.addLesionTable(self.result)
        except InputError as error:
            self._say(str(error))
            return
        self._say(lesion_text.tableText(node.GetName()))

    def _focusTable(self):
        self.ui.lesionTable.setFocus()
