"""The figures of the Tune section: how much is marked, and what is expected, measured and true of it."""

from . import panel_text, tune_text

NAMES = ("Precision", "Recall", "Dice", "F2")
SOURCES = ("expected", "measured", "true")


class TuneFigures:
    """Fills the labels of ``ui`` that show figures. A source that has nothing to say at all has no column."""

    def __init__(self, ui):
        self._ui = ui
        self._measured = None
        self._columns = {}  # source: whether its column is shown

    def setResult(self, result):
        """Forget what was shown, for a LesionResult or None."""
        self._measured = None if result is None else result.probabilityMap.measured
        if self._measured is not None:
            self._ui.measuredTitle.text = tune_text.measuredTitle(self._measured.scans)
        self._showColumn("measured", self._measured is not None)
        self._showColumn("true", False)
        for label in (self._ui.lesionCountLabel, self._ui.lesionVolumeLabel):
            label.text = panel_text.NOTHING
        for source in SOURCES:
            self._fill(source, {})
        self._ui.figuresFromLabel.text = ""

    def show(self, result):
        """Show the figures of what a LesionResult shows now."""
        ui, lesions, comparison = self._ui, result.lesions, result.comparison
        ui.lesionCountLabel.text = str(len(lesions))
        ui.lesionVolumeLabel.text = panel_text.volumeText(lesions.figures.volume_ml)
        if not result.probabilityMap.withheld:
            self._fill("expected", _values(lesions.figures))
        if self._measured is not None:
            self._fill("measured", self._measured.at(lesions.point.rho) or {})
        self._showColumn("true", comparison is not None)
        if comparison is not None:
            self._fill("true", _values(comparison.figures))
        name = "" if comparison is None else comparison.referenceNode.GetName()
        ui.figuresFromLabel.text = tune_text.sourcesText(result.probabilityMap, name, result.editedVoxels)

    def _fill(self, source, values):
        for name in NAMES:
            self._label(source, name).text = panel_text.figureText(values.get(name.lower()))

    def _showColumn(self, source, shown):
        if self._columns.get(source) is shown:
            return
        self._columns[source] = shown
        for widget in (getattr(self._ui, f"{source}Title"), *(self._label(source, name) for name in NAMES)):
            widget.visible = shown

    def _label(self, source, name):
        return getattr(self._ui, f"{source}{name}Label")


def _values(figures):
    return {name.lower(): getattr(figures, name.lower()) for name in NAMES}
