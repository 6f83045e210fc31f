"""The choice of a reference segmentation, and what the comparison with it says."""

from ..engine.errors import InputError
from . import tune_text


class ReferenceChoice:
    """Drives selector, check box and note of the comparison with a reference.

    ``logic``: LesionSegmentationLogic. ``changed()`` is called when a reference was chosen, edited or given up.
    """

    def __init__(self, ui, logic, changed):
        self._ui, self._logic, self._changed = ui, logic, changed
        self._result = None
        self._filling = False
        ui.comparedSelector.connect("currentNodeChanged(vtkMRMLNode*)", self._onChosen)
        ui.disagreementCheckBox.toggled.connect(self._onColoursToggled)

    @property
    def comparison(self):
        """The ReferenceComparison that there is, or None."""
        return None if self._result is None else self._result.comparison

    def setResult(self, result):
        """Take up the comparison of a LesionResult as it was left, None for none."""
        if self.comparison is not None:
            self.comparison.release()
        self._result = result
        self._ui.comparedSelector.enabled = result is not None
        self._compare(None if result is None else result.keptReference)

    def update(self):
        """Bring colours and note to what is shown, and the reference to what became of it."""
        comparison = self.comparison
        if comparison is None or not self._result.inScene:
            return
        if not comparison.inScene:
            self._compare(None)
            self._changed()
            return
        try:
            edited = comparison.update()
        except InputError as error:
            self._compare(None, str(error))
            self._changed()
            return
        self._showNote()
        if edited:
            self._changed()

    def _onChosen(self):
        if self._filling or self._result is None or not self._result.inScene:
            return
        self._compare(self._ui.comparedSelector.currentNode())
        self._changed()

    def _compare(self, node, refusal=""):
        """Compare with ``node``, None for nothing; a refusal is said and leaves nothing chosen."""
        if self._result is not None and self._result.inScene and (node is not None or self.comparison is not None):
            try:
                self._logic.compareWith(self._result, node)
            except InputError as error:
                refusal, node = str(error), None
        if self.comparison is not None:
            self.comparison.showColours(self._ui.disagreementCheckBox.checked)
        self._filling = True
        self._ui.comparedSelector.setCurrentNode(node)
        self._filling = False
        self._ui.disagreementCheckBox.visible = self.comparison is not None
        self._ui.comparedNoteLabel.text = refusal
        self._showNote()

    def _showNote(self):
        comparison = self.comparison
        if comparison is not None and self._result.lesions is not None:
            text = tune_text.agreementText(comparison.lesionCounts, comparison.truth.reference_ml)
            self._ui.comparedNoteLabel.text = " ".join(part for part in (text, comparison.note) if part)
        self._ui.comparedNoteLabel.visible = bool(self._ui.comparedNoteLabel.text)

    def _onColoursToggled(self, checked):
        if self.comparison is not None and self._result.inScene:
            self.comparison.showColours(checked)
            self._showNote()
