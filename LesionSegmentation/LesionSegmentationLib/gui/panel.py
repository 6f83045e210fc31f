"""The panel of the module: choose a study, press Segment, follow the run, then slide."""

import logging

import qt
import slicer
from slicer.i18n import tr as _

from ..engine.errors import InputError
from . import panel_text
from .channel_guess import guessChannel
from .installation import ensureInstalled
from .model_choice import installedModels
from .operating_point_panel import OperatingPointPanel

POLL_INTERVAL_MS = 50
DEVICE_SETTING = "LesionSegmentation/Device"  # of this computer, so not in the scene


class Panel:
    """Wires the widgets of LesionSegmentation.ui to the logic.

    ``ui``: the .ui's children by name. ``logic``: LesionSegmentationLogic. ``requirementsPath``: the packages to offer
    for installation. The state that belongs to a scene lives in the parameter node given by :meth:`setParameterNode`.
    """

    def __init__(self, ui, logic, requirementsPath):
        self.ui = ui
        self.logic = logic
        self._requirementsPath = requirementsPath
        self._parameterNode = None
        self._guiTag = None
        self._run = None
        self._stopping = False
        self._pollTimer = qt.QTimer()
        self._pollTimer.setInterval(POLL_INTERVAL_MS)
        self._pollTimer.timeout.connect(self._onPoll)
        self.operatingPoint = OperatingPointPanel(ui, self._say)
        self._fillModels()
        self._fillDevices([{"name": "cpu", "text": _("CPU")}])
        ui.segmentButton.clicked.connect(self._onSegmentClicked)
        ui.modelSelector.currentIndexChanged.connect(self._onModelChosen)
        ui.deviceSelector.activated.connect(self._onDeviceChosen)
        self._refresh()

    def setParameterNode(self, parameterNode):
        """Follow a parameter node, or none (None) while the scene is closing or the module is left."""
        if self._parameterNode is not None:
            self._parameterNode.disconnectGui(self._guiTag)
        self._parameterNode = parameterNode
        if parameterNode is None:
            return
        self._guessVolumes()
        self._guiTag = parameterNode.connectGui(self.ui)
        index = self.ui.modelSelector.findData(parameterNode.model)
        if index >= 0:
            self.ui.modelSelector.currentIndex = index
        self._onModelChosen()
        self.onParametersChanged()

    def onParametersChanged(self, caller=None, event=None):
        """To be called when the parameter node was modified."""
        if self._parameterNode is not None:
            self.operatingPoint.setSetting(self._parameterNode.balance, self._parameterNode.minimumVolumeMl)
            self._refresh()

    def abandon(self):
        """Stop a run and forget the result: the scene they belong to is going away."""
        self._pollTimer.stop()
        if self._run is not None:
            self._run.abandon()
            self._run = None
        self.operatingPoint.setResult(None)
        self._say("")
        self._refresh()

    @property
    def running(self):
        return self._run is not None

    def _onSegmentClicked(self):
        if self.running:
            self._stopping = True
            self._run.cancel()
            self._say(_("Stopping ..."))
            self._refresh()
        elif self._parameterNode is not None:
            self._start()

    def _start(self):
        problem = ensureInstalled(self._requirementsPath)
        if problem:
            self._say(problem)
            return
        parameters = self._parameterNode
        try:
            self._run = self.logic.process(
                parameters.flairVolume,
                parameters.t1Volume,
                parameters.t2Volume,
                model=parameters.model,
                device=self.ui.deviceSelector.currentData,
                waitForCompletion=False,
            )
        except InputError as error:
            self._say(str(error))
            return
        self._stopping = False
        self.operatingPoint.setResult(None)
        slicer.util.setSliceViewerLayers(background=parameters.flairVolume)
        self._showProgress()
        self._pollTimer.start()
        self._refresh()

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
        self._fillDevices(run.devices)
        self._refresh()
        if run.state == "done":
            self._showResult(run)
        elif run.state == "cancelled":
            self._say(_("Stopped; nothing was changed."))
        else:
            self._say(run.error)
            logging.error("Lesion segmentation: %s", "\n".join([run.error, *run.log]))

    def _showResult(self, run):
        if run.referenceNode.GetScene() is None:
            self._say(_("The FLAIR volume was removed during the run, so there is nothing to show the result on."))
            return
        previous = self._parameterNode.segmentation
        if previous is not None:
            previous.SetDisplayVisibility(False)  # it may hold hand edits: hidden, never overwritten
        self._say(panel_text.doneText(run.seconds, run.device))
        result = self.logic.resultOf(run)
        self._parameterNode.segmentation = result.segmentationNode
        self.operatingPoint.setResult(result)
        self._jumpToLargest(result.lesions)

    def _jumpToLargest(self, lesions):
        if len(lesions):
            largest = lesions.rows[0]
            slicer.modules.markups.logic().JumpSlicesToLocation(*largest.centroid_ras, True)

    def _showProgress(self):
        self.ui.progressBar.value = int(100 * self._run.fraction)
        if not self._stopping:
            self._say(panel_text.progressText(self._run.stage, self._run.secondsLeft))

    def _refresh(self):
        """Bring button, progress bar and selectors to what can be done now."""
        running = self.running
        missing = "" if running else self._missing()
        self.ui.segmentButton.text = _("Cancel") if running else _("Segment")
        self.ui.segmentButton.enabled = not missing and not (running and self._stopping)
        self.ui.segmentButton.toolTip = missing or (_("Stop the run.") if running else _("Mark the lesions."))
        self.ui.progressBar.visible = running
        for selector in (
            self.ui.flairSelector,
            self.ui.t1Selector,
            self.ui.t2Selector,
            self.ui.modelSelector,
            self.ui.deviceSelector,
        ):
            selector.enabled = not running
        if missing and self.operatingPoint.result is None:
            self._say(missing)
        elif self.ui.statusLabel.text in (self._noFlair(), self._noModel()):
            self._say("")

    def _missing(self):
        """Why Segment cannot be pressed, in one sentence, or ""."""
        if self.ui.modelSelector.count == 0:
            return self._noModel()
        if self._parameterNode is None or self._parameterNode.flairVolume is None:
            return self._noFlair()
        return ""

    def _noFlair(self):
        return _("Choose the FLAIR volume to segment.")

    def _noModel(self):
        return _("No model is installed: install the extension again, it comes with one.")

    def _say(self, sentence):
        self.ui.statusLabel.text = sentence

    def _guessVolumes(self):
        """Take volumes whose name tells their channel, where none was chosen."""
        nodes = slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")
        names = [node.GetName() for node in nodes if not node.IsA("vtkMRMLLabelMapVolumeNode")]
        for channel in ("flair", "t1", "t2"):
            name = guessChannel(channel, names)
            if name is not None and getattr(self._parameterNode, f"{channel}Volume") is None:
                setattr(self._parameterNode, f"{channel}Volume", slicer.util.getFirstNodeByName(name))

    def _fillModels(self):
        for name, title, task in installedModels():
            self.ui.modelSelector.addItem(title, name)
            self.ui.modelSelector.setItemData(self.ui.modelSelector.count - 1, task, qt.Qt.ToolTipRole)

    def _onModelChosen(self):
        name = self.ui.modelSelector.currentData
        if self._parameterNode is not None and name:
            self._parameterNode.model = name

    def _fillDevices(self, devices):
        """Offer the devices that the worker found, keeping the choice made on this computer."""
        if not devices:
            return
        selector = self.ui.deviceSelector
        selector.clear()
        selector.addItem(_("Automatic"), "auto")
        for device in devices:
            selector.addItem(device["text"], device["name"])
        selector.currentIndex = max(0, selector.findData(qt.QSettings().value(DEVICE_SETTING, "auto")))

    def _onDeviceChosen(self):
        qt.QSettings().setValue(DEVICE_SETTING, self.ui.deviceSelector.currentData)
