"""Views: the reading layout, how the lesions lie over the image, and the key that hides them for a look below."""

import qt
import slicer
import vtk
from slicer.i18n import tr as _

from ..engine.errors import InputError
from ..scene.overlay_look import overlayLook
from .section import loadSection


class ViewsSection:
    """Fills ``place`` (a collapsible button with a layout) with what arranges the views of a LesionResult.

    ``logic``: LesionSegmentationLogic. ``resourcePath(name)``: where a file of Resources lies. ``say`` shows a sentence
    in the status. ``panel``: the widget of the whole module; the key F works while the keyboard is anywhere in it.
    """

    def __init__(self, place, logic, resourcePath, say, panel):
        self.logic, self._say = logic, say
        self.ui = ui = slicer.util.childWidgetVariables(loadSection(place, resourcePath("UI/ViewsSection.ui")))
        self.result = None
        self._observed = self._tag = None
        self._filling = False
        self._reading = False  # whether the user reads in the reading layout: then every result is shown in it
        ui.readingButton.clicked.connect(self._onReading)
        ui.leaveReadingButton.clicked.connect(self._onLeave)
        ui.opacitySlider.valueChanged.connect(self._onOpacity)
        ui.outlineButton.clicked.connect(self._onOutline)
        ui.filledButton.clicked.connect(self._onFilled)
        ui.showOverlayCheckBox.clicked.connect(self._onShown)
        ui.linkCheckBox.clicked.connect(self._onLink)
        shortcut = qt.QShortcut(qt.QKeySequence("F"), panel)
        shortcut.setContext(qt.Qt.WidgetWithChildrenShortcut)  # in slice views F is Slicer's own: the next slice
        shortcut.setAutoRepeat(False)  # or the overlay would flicker while the key is held
        shortcut.activated.connect(self._onFadeKey)
        self.setResult(None)

    def setResult(self, result):
        """Work on the views of a LesionResult, None for none; the reading layout, where one reads in it, shows it."""
        self._observe(None if result is None else result.segmentationNode.GetDisplayNode())
        self.result = result
        if result is not None and (self._reading or self.logic.readingViews().isUp):
            self._onReading()
        self.refresh()

    def refresh(self):
        """Bring the section to what the views show, whoever changed it."""
        ui, there = self.ui, self._inScene
        look = overlayLook(self.result.segmentationNode) if there else None
        for part in (ui.readingButton, ui.opacitySlider, ui.outlineButton, ui.filledButton, ui.showOverlayCheckBox):
            part.enabled = look is not None
        ui.leaveReadingButton.enabled = ui.linkCheckBox.enabled = self.logic.readingViews().isUp
        if look is None:
            return
        self._filling = True
        ui.opacitySlider.value = 100.0 * look.opacity
        ui.outlineButton.checked, ui.filledButton.checked = look.outline, not look.outline
        ui.showOverlayCheckBox.checked = look.shown
        self._filling = False

    def leave(self):
        """Put the views back, as when the scene closes."""
        self.logic.leaveReadingLayout()
        self.refresh()

    @property
    def _inScene(self):
        return self.result is not None and self.result.inScene

    def _observe(self, display):
        if self._observed is not None:
            self._observed.RemoveObserver(self._tag)
        self._observed = display
        if display is not None:
            self._tag = display.AddObserver(vtk.vtkCommand.ModifiedEvent, self._onDisplayModified)

    def _onDisplayModified(self, caller, event):
        if not self._filling:
            self.refresh()

    def _onReading(self):
        try:
            self.logic.showReadingLayout(self.result)
            self._reading = True
        except InputError as error:
            self._say(str(error))
        self.ui.linkCheckBox.checked = True
        self.refresh()

    def _onLeave(self):
        self._reading = False
        self.leave()

    def _onOpacity(self, value):
        if not self._filling:
            self._set(opacity=value / 100.0)

    def _onOutline(self):
        self._set(outline=True)

    def _onFilled(self):
        self._set(outline=False)

    def _onShown(self):
        self._set(shown=self.ui.showOverlayCheckBox.checked)

    def _onFadeKey(self):
        if self._inScene:
            self._set(shown=not overlayLook(self.result.segmentationNode).shown)

    def _set(self, **look):
        if self._inScene:
            self.logic.setOverlay(self.result, **look)
            self._say(
                "" if overlayLook(self.result.segmentationNode).shown else _("The overlay is hidden; F shows it.")
            )
        self.refresh()

    def _onLink(self):
        self.logic.readingViews().link(self.ui.linkCheckBox.checked)
