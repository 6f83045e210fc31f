"""What states the balance of errors beside the slider: alpha, beta, the B of F_beta, named settings, and keys."""

import qt

from .balance import PRESETS, balanceOf, balanceOfFbeta, clamped, fbetaOf, weights

# By how much a key moves the slider. Its own step is the fine one, or the mouse could choose every fifth pixel only.
KEYS = {
    "Left": -0.1, "Down": -0.1, "Right": 0.1, "Up": 0.1,
    "Ctrl+Left": -0.02, "Ctrl+Down": -0.02, "Ctrl+Right": 0.02, "Ctrl+Up": 0.02,
    "PgDown": -0.5, "PgUp": 0.5,
}  # fmt: skip


class WeightBoxes:
    """Keeps the three boxes in step with the slider; ``choose(balance)`` is called with what is typed or pressed.

    What lies beyond the slider's range becomes its end.
    """

    def __init__(self, ui, choose):
        self._ui, self._choose = ui, choose
        self._balance = 0.0
        self._boxes = (ui.settingAlphaSpinBox, ui.settingBetaSpinBox, ui.settingFbetaSpinBox)
        self._buttons = [getattr(ui, f"{name}Button") for name in PRESETS]
        for box, slot in zip(self._boxes, (self._onAlpha, self._onBeta, self._onFbeta)):
            box.connect("valueChanged(double)", slot)  # Qt 5 has another signal of that name, with a text
        for button, balance in zip(self._buttons, PRESETS.values()):
            self._addPreset(button, balance)
        for key, step in KEYS.items():
            self._addKey(key, step)

    def show(self, balance):
        """Show a slider position."""
        self._balance = balance
        for box, value in zip(self._boxes, (*weights(balance), fbetaOf(balance))):
            box.blockSignals(True)
            box.value = value
            box.blockSignals(False)

    def setEnabled(self, enabled):
        for widget in (*self._boxes, *self._buttons):
            widget.enabled = enabled

    def _onAlpha(self):
        alpha = self._ui.settingAlphaSpinBox.value
        self._take(balanceOf(alpha, 1 - alpha))

    def _onBeta(self):
        beta = self._ui.settingBetaSpinBox.value
        self._take(balanceOf(1 - beta, beta))

    def _onFbeta(self):
        self._take(balanceOfFbeta(self._ui.settingFbetaSpinBox.value))

    def _take(self, balance):
        self._choose(balance)
        self.show(balance)  # also where it is the present one, and what was typed another

    def _addPreset(self, button, balance):
        button.clicked.connect(lambda: self._take(balance))

    def _addKey(self, key, step):
        shortcut = qt.QShortcut(qt.QKeySequence(key), self._ui.balanceSlider)
        shortcut.setContext(qt.Qt.WidgetWithChildrenShortcut)
        shortcut.activated.connect(lambda: self._take(clamped(self._balance + step)))
