"""The Tune section: the balance of errors and the smallest sizes, and what follows them at once."""

import qt
import slicer
from slicer.i18n import tr as _

from ..engine.errors import InputError
from . import lesion_text, panel_text, tune_text
from .balance import firstBalanceWithLesion, weights
from .reference_choice import ReferenceChoice
from .section import loadSection
from .setting_history import SettingHistory
from .tune_figures import TuneFigures
from .weight_boxes import WeightBoxes

REST_MS = 300  # a closed surface and colours cost tens of milliseconds: drawn when the hand rests
SETTING = ("balance", "minimumVolumeMl", "minimumDiameterMm", "minimumVoxels")  # parameters that make a setting


class TuneSection:
    """Shows one setting of a LesionResult, and another one whenever the parameters change.

    Fills ``ui.operatingPointButton``; its widgets join ``ui``. Any number of changes within one turn of the event loop
    give one update. ``logic``: LesionSegmentationLogic. ``say`` shows a sentence in the status. ``lesions``: the
    LesionsSection, which shows the same one by one.
    """

    def __init__(self, ui, logic, resourcePath, say, lesions):
        widget = loadSection(ui.operatingPointButton, resourcePath("UI/TuneSection.ui"), ui)
        self.ui, self.result = ui, None
        self._logic, self._say, self._lesions = logic, say, lesions
        lesions.changed = self._showAgain
        self._parameterNode = None
        self._setting = None  # wanted, as in SETTING
        self._shown = None  # the one on the screen
        self._saidEmpty = self._resting = self._surfaceIsOld = False
        self._plot = None  # OperatingCurvePlot, once it was asked for
        self._observed = None  # (vtkSegmentation, tags), to see hand edits
        self._history = SettingHistory()
        self._weights = WeightBoxes(ui, self._chooseBalance)
        self._figures = TuneFigures(ui)
        self._reference = ReferenceChoice(ui, logic, self._onReferenceChanged)
        self._updateTimer = _singleShotTimer(0, self._update)
        self._restTimer = _singleShotTimer(REST_MS, self._onRest)
        ui.operatingCurveButton.clicked.connect(self._onShowCurve)
        for button, keys, slot in (
            (ui.undoButton, ("Ctrl+Z",), self._onUndo),
            (ui.redoButton, ("Ctrl+Y", "Ctrl+Shift+Z"), self._onRedo),
        ):
            button.clicked.connect(slot)
            for key in keys:
                shortcut = qt.QShortcut(qt.QKeySequence(key), widget)
                shortcut.setContext(qt.Qt.WidgetWithChildrenShortcut)
                shortcut.activated.connect(slot)
                shortcut.activatedAmbiguously.connect(slot)  # the application may have an undo of its own
        self.setResult(None)

    def setParameterNode(self, parameterNode):
        """Take settings from a parameter node and write them there; None while there is none."""
        self._parameterNode = parameterNode

    def onParametersChanged(self):
        """Show the setting of the parameter node, in the next turn of the event loop."""
        self._setting = tuple(getattr(self._parameterNode, name) for name in SETTING)
        balance, result = self._setting[0], self.result
        self._weights.show(balance)
        score = None if result is None else result.probabilityMap.score
        self.ui.weightsLabel.text = tune_text.weightsText(balance, self._expectsDice())
        self._showText(self.ui.trainedRangeLabel, tune_text.trainedRangeText(balance, score))
        if result is not None and (self._setting != self._shown or not result.inScene):
            self._updateTimer.start()

    def choose(self, setting):
        """Write a setting, as in SETTING, to the parameter node."""
        parameters = self._parameterNode
        wasModifying = parameters.StartModify()
        for name, value in zip(SETTING, setting):
            setattr(parameters, name, int(value) if name == "minimumVoxels" else float(value))
        parameters.EndModify(wasModifying)
        self.onParametersChanged()

    def setResult(self, result):
        """Show another LesionResult, or None for an empty section."""
        self._observe(None)
        self.result = result
        self._shown = None
        self._firstBalances = {}
        self._lesions.setResult(result)
        self._figures.setResult(result)
        self._setEnabled(result is not None)
        self.ui.diceLabel.text = _("Dice") if self._expectsDice() else _("alpha = beta")
        if result is None:
            self._updateTimer.stop()
            self._restTimer.stop()
        elif self._parameterNode is not None:
            self.onParametersChanged()
            self._update()
        self._reference.setResult(result)
        self._history.begin(self._setting)
        self._refreshHistory()
        self._observe(result)
        self._onReferenceChanged()

    def _expectsDice(self):
        """Whether the middle of the slider is where the model expects the best Dice: not what a score says."""
        made = None if self.result is None else self.result.probabilityMap
        return made is None or (made.score is None and not made.withheld)

    def _setEnabled(self, enabled):
        ui = self.ui
        for widget in (ui.balanceSlider, ui.minimumVolumeSpinBox, ui.minimumVoxelsSpinBox, ui.operatingCurveButton):
            widget.enabled = enabled
        self._weights.setEnabled(enabled)

    def _chooseBalance(self, balance):
        if self._parameterNode is not None:
            self._parameterNode.balance = balance

    def _update(self):
        if self.result is None or self._setting is None:
            return
        if not self.result.inScene:
            self.setResult(None)
            self._say(_("The segmentation was removed from the scene. Press Segment to mark the lesions again."))
            return
        if self._setting == self._shown:
            return
        balance, *smallest = self._setting
        self._shown = self._setting
        self.result.show(*weights(balance), *smallest)
        self._showAgain()

    def _showAgain(self):
        """Show the lesions of the result after the setting, a decision or a hand edit changed them."""
        lesions = self.result.lesions
        self._figures.show(self.result)
        self._lesions.showLesions(lesions)
        self._sayWhetherEmpty(lesions)
        self._surfaceIsOld = True
        self._restTimer.start()

    def _onRest(self):
        """Bring what takes longer to what is shown: 3D surface, colours, plot, the entry to undo to."""
        if self.result is None or not self.result.inScene:
            return
        self._resting = True
        try:
            if self._surfaceIsOld:
                self.result.updateSurface()  # which changes the segmentation, too
            self._surfaceIsOld = False
            self._reference.update()
        finally:
            self._resting = False
        self._figures.show(self.result)
        self._updatePlot()
        if self._shown is not None:
            self._history.record(self._shown)
        self._refreshHistory()

    def _onReferenceChanged(self):
        """Show what is known now that there is another reference, or none."""
        if self.result is not None and self.result.inScene and self.result.lesions is not None:
            self._figures.show(self.result)
        if self._plot is not None and self._plot.inScene:
            try:
                self._plot.setResult(self.result)
            except InputError:
                pass  # the plot is empty then; who asks for it again is told why

    def _observe(self, result):
        """Hear of hand edits in the segmentation of a result, None for none."""
        if self._observed is not None:
            segmentation, tags = self._observed
            for tag in tags:
                segmentation.RemoveObserver(tag)
        self._observed = None
        if result is not None:
            segmentation, kind = result.segmentationNode.GetSegmentation(), slicer.vtkSegmentation
            events = (kind.SegmentModified, kind.SourceRepresentationModified)
            self._observed = segmentation, [segmentation.AddObserver(event, self._onEdited) for event in events]

    def _onEdited(self, caller, event):
        if not self._resting:
            self._restTimer.start()

    def _onShowCurve(self):
        try:
            self._plot = self._logic.showOperatingCurve(self.result)
        except InputError as error:
            self._say(str(error))

    def _updatePlot(self):
        if self._plot is not None and self._plot.inScene:
            self._plot.update()

    def _onUndo(self):
        if self.result is not None:
            self._history.record(self._setting)  # a move that has not rested yet is one to be taken back
            self.choose(self._history.undo())
            self._refreshHistory()

    def _onRedo(self):
        if self.result is not None:
            self._history.record(self._setting)
            self.choose(self._history.redo())
            self._refreshHistory()

    def _refreshHistory(self):
        self.ui.undoButton.enabled = self.result is not None and self._history.canUndo
        self.ui.redoButton.enabled = self.result is not None and self._history.canRedo

    def _sayWhetherEmpty(self, lesions):
        curve, smallest = self.result.curve, self._setting[1:]
        if lesions.listed and not len(lesions):
            self._say(lesion_text.allRejectedText(len(lesions.listed)))
        elif len(lesions) == 0:
            if smallest not in self._firstBalances:  # a search of many settings, the same for all of them
                self._firstBalances[smallest] = firstBalanceWithLesion(curve, *smallest)
            self._say(panel_text.emptyText(curve.highest, self._firstBalances[smallest], *smallest))
        elif self._saidEmpty:
            self._say("")
        self._saidEmpty = len(lesions) == 0

    @staticmethod
    def _showText(label, text):
        label.text = text
        label.visible = bool(text)


def _singleShotTimer(milliseconds, slot):
    timer = qt.QTimer()
    timer.setSingleShot(True)
    timer.setInterval(milliseconds)
    timer.timeout.connect(slot)
    return timer
