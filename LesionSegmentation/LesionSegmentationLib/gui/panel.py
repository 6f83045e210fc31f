"""The panel of the module: choose a study, press Segment, follow the run, then slide."""

import logging

import qt
import slicer
from slicer.i18n import tr as _

from ..engine.errors import InputError
from ..scene.segmentation import ROLE
from . import panel_text
from .balance import balanceOf
from .channel_guess import guessChannel
from .installation import ensureInstalled
from .lesions_section import LesionsSection
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
        self._saidMissing = False
        self._worked = None  # the segmentation node last worked on, or tried to
        self._models = {}  # ModelChoice by name
        self._selectors = {"flair": ui.flairSelector, "t1": ui.t1Selector, "t2": ui.t2Selector}
        self._pollTimer = qt.QTimer()
        self._pollTimer.setInterval(POLL_INTERVAL_MS)
        self._pollTimer.timeout.connect(self._onPoll)
        self.lesions = LesionsSection(ui.lesionsButton, logic, self._say)
        self.operatingPoint = OperatingPointPanel(ui, self._say, self.lesions)
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
        self.lesions.setParameterNode(parameterNode)
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
            parameters = self._parameterNode
            self._followSegmentation()
            self.operatingPoint.setSetting(parameters.balance, parameters.minimumVolumeMl, parameters.minimumDiameterMm)
            self._refresh()

    def abandon(self):
        """Stop a run and forget the result: the scene they belong to is going away."""
        self._pollTimer.stop()
        if self._run is not None:
            self._run.abandon()
            self._run = None
        self._worked = None
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
                self._volume("t1"),
                self._volume("t2"),
                model=parameters.model,
                device=self.ui.deviceSelector.currentData,
                waitForCompletion=False,
            )
        except (InputError, OSError) as error:  # unusable input, or no room for the files handed to the worker
            self._say(str(error))
            return
        self._stopping = False
        self.operatingPoint.setResult(None)
        self._showVolume(parameters.flairVolume)
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
            for message in run.log:
                logging.info("Lesion segmentation: %s", message)
            self._showResult(run)
        elif run.state == "cancelled":
            self._say(_("Stopped; nothing was changed."))
        else:
            self._say(run.error)
            level = logging.ERROR if run.errorIsInternal else logging.INFO
            logging.log(level, "Lesion segmentation: %s", "\n".join([run.error, *run.log]))

    def _showResult(self, run):
        if run.referenceNode.GetScene() is None:
            self._say(_("The FLAIR volume was removed during the run, so there is nothing to show the result on."))
            return
        try:
            result = self.logic.resultOf(run)
        except InputError as error:
            self._say(str(error))
            return
        self._say(panel_text.doneText(run.seconds, run.device))
        self._workOn(result)
        self._parameterNode.segmentation = result.segmentationNode
        self.lesions.takeKeyboard()

    def _workOn(self, result):
        """Make ``result`` the one that the slider and the list work on."""
        for node in slicer.util.getNodesByClass("vtkMRMLSegmentationNode"):
            if node.GetAttribute(ROLE) and node is not result.segmentationNode:
                node.SetDisplayVisibility(False)  # it may hold hand edits: hidden, never overwritten
        self._worked = result.segmentationNode
        self.operatingPoint.setResult(result)

    def _followSegmentation(self):
        """Work on the result that the parameter node names: another one was chosen, or a scene was opened."""
        node = self._parameterNode.segmentation
        if self.running or node is self._worked or slicer.mrmlScene.IsClosing():
            return
        self._worked = node
        if node is None:
            if self.operatingPoint.result is not None and self.operatingPoint.result.inScene:
                self.operatingPoint.setResult(None)  # else the slider says that it was removed
            return
        try:
            result = self.logic.restoreResult(node)
        except InputError as error:
            self.operatingPoint.setResult(None)
            self._say(str(error))
            return
        node.SetDisplayVisibility(True)
        self._takeSetting(result.setting)
        self._workOn(result)

    def _takeSetting(self, setting):
        """Bring the slider and the filters to the setting (alpha, beta, ml, mm) that a result was left at."""
        parameters = self._parameterNode
        wasModifying = parameters.StartModify()
        if setting is not None:
            parameters.balance = balanceOf(*setting[:2])
            parameters.minimumVolumeMl, parameters.minimumDiameterMm = (float(size) for size in setting[2:])
        parameters.EndModify(wasModifying)
        self.operatingPoint.setSetting(parameters.balance, parameters.minimumVolumeMl, parameters.minimumDiameterMm)

    def _showVolume(self, node):
        views = slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")
        if any(view.GetBackgroundVolumeID() != node.GetID() for view in views):
            slicer.util.setSliceViewerLayers(background=node, fit=True)

    def _showProgress(self):
        self.ui.progressBar.value = panel_text.progressPercent(self._run.stage, self._run.fraction)
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
        self.ui.modelSelector.enabled = not running
        self.ui.deviceSelector.enabled = not running
        for channel, selector in self._selectors.items():
            selector.enabled = not running and channel in self._channels()
        saying = bool(missing) and self.operatingPoint.result is None
        if saying:
            self._say(missing)
        elif self._saidMissing:
            self._say("")
        self._saidMissing = saying

    def _missing(self):
        """Why Segment cannot be pressed, in one sentence, or ""."""
        if not self._models:
            return _("No model is installed: install the extension again, it comes with one.")
        for channel, required in {"flair": True, **self._channels()}.items():
            if required and self._volume(channel) is None:
                return _("Choose the {channel} volume to segment.").format(channel=channel.upper())
        return ""

    def _channels(self):
        """The channels of the chosen model, {name: required?}; none before one is chosen."""
        model = self._models.get(self.ui.modelSelector.currentData)
        return model.channels if model is not None else {}

    def _volume(self, channel):
        """The volume chosen for a channel, None where there is none or the model does not use the channel."""
        if self._parameterNode is None or channel not in {"flair", *self._channels()} & set(self._selectors):
            return None
        return getattr(self._parameterNode, f"{channel}Volume")

    def _say(self, sentence):
        self.ui.statusLabel.text = sentence

    def _guessVolumes(self):
        """Take volumes whose name tells their channel, unless the user has chosen some already."""
        parameters = self._parameterNode
        if any((parameters.flairVolume, parameters.t1Volume, parameters.t2Volume)):
            return
        nodes = slicer.util.getNodesByClass("vtkMRMLScalarVolumeNode")
        nodes = {
            node.GetName(): node
            for node in nodes
            if not (node.IsA("vtkMRMLLabelMapVolumeNode") or node.GetAttribute(ROLE))
        }
        for channel in self._selectors:
            name = guessChannel(channel, list(nodes))
            if name is not None:
                setattr(parameters, f"{channel}Volume", nodes[name])

    def _fillModels(self):
        for model in installedModels():
            self._models[model.name] = model
            self.ui.modelSelector.addItem(model.title, model.name)
            self.ui.modelSelector.setItemData(self.ui.modelSelector.count - 1, model.task, qt.Qt.ToolTipRole)

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
