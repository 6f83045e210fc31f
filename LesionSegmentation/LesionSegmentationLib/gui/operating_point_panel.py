"""The slider and what follows it: overlay, lesion count, volume, expected figures."""

import qt
from slicer.i18n import tr as _

from . import lesion_text, panel_text
from .balance import firstBalanceWithLesion, weights

SURFACE_DELAY_MS = 300  # a closed surface costs tens of milliseconds: drawn when the hand rests


class OperatingPointPanel:
    """Shows one operating point of a LesionResult, and another one whenever the setting changes.

    Any number of changes within one turn of the event loop give one update. ``say`` shows a sentence in the status.
    ``lesions``: the LesionsSection, which shows the same one by one.
    """

    def __init__(self, ui, say, lesions):
        self.ui = ui
        self.result = None
        self._lesions = lesions
        lesions.changed = self._showAgain
        self._say = say
        self._setting = None  # (balance, smallest volume, smallest diameter) wanted
        self._shown = None  # the one on the screen
        self._saidEmpty = False
        self._updateTimer = _singleShotTimer(0, self._update)
        self._surfaceTimer = _singleShotTimer(SURFACE_DELAY_MS, self._updateSurface)
        self.setResult(None)

    def setResult(self, result):
        """Show another LesionResult, or None for an empty panel."""
        self.result = result
        self._shown = None
        self._firstBalances = {}
        self._lesions.setResult(result)
        self.ui.balanceSlider.enabled = result is not None
        self.ui.minimumVolumeSpinBox.enabled = result is not None
        if result is None:
            self._updateTimer.stop()
            self._surfaceTimer.stop()
            self._clearFigures()
        else:
            self._update()

    def setSetting(self, balance, minimumVolumeMl, minimumDiameterMm=0.0):
        """Ask for a setting; it is shown in the next turn of the event loop."""
        self._setting = (balance, minimumVolumeMl, minimumDiameterMm)
        self.ui.weightsLabel.text = panel_text.weightsText(balance)
        if self.result is not None and self._setting != self._shown:
            self._updateTimer.start()

    def _update(self):
        if self.result is None or self._setting is None or self._setting == self._shown:
            return
        if not self.result.inScene:
            self.setResult(None)
            self._say(_("The segmentation was removed from the scene. Press Segment to mark the lesions again."))
            return
        balance, *smallest = self._setting
        self._shown = self._setting
        self.result.show(*weights(balance), *smallest)
        self._showAgain()

    def _showAgain(self):
        """Show the lesions of the result after the setting, a decision or a hand edit changed them."""
        lesions = self.result.lesions
        self._showFigures(lesions)
        self._lesions.showLesions(lesions)
        self._sayWhetherEmpty(lesions)
        self._surfaceTimer.start()

    def _updateSurface(self):
        if self.result is not None and self.result.inScene:
            self.result.updateSurface()

    def _showFigures(self, lesions):
        figures = lesions.figures
        self.ui.lesionCountLabel.text = str(len(lesions))
        self.ui.lesionVolumeLabel.text = panel_text.volumeText(figures.volume_ml)
        self.ui.expectedPrecisionLabel.text = panel_text.figureText(figures.precision)
        self.ui.expectedRecallLabel.text = panel_text.figureText(figures.recall)
        source = self.result.probabilityMap.figures_from
        self.ui.figuresFromLabel.text = panel_text.sourceText(source, self.result.editedVoxels)

    def _clearFigures(self):
        for label in (
            self.ui.lesionCountLabel,
            self.ui.lesionVolumeLabel,
            self.ui.expectedPrecisionLabel,
            self.ui.expectedRecallLabel,
        ):
            label.text = panel_text.NOTHING
        self.ui.figuresFromLabel.text = ""

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


def _singleShotTimer(milliseconds, slot):
    timer = qt.QTimer()
    timer.setSingleShot(True)
    timer.setInterval(milliseconds)
    timer.timeout.connect(slot)
    return timer
