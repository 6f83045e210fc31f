"""Model: which bundle marks the lesions, what it says about itself, and the device it runs on."""

import json

import qt
import slicer
from slicer.i18n import tr as _

from ..engine.errors import InputError

DEVICE_SETTING = "LesionSegmentation/Device"  # of this computer, so not in the scene
FOUND_SETTING = "LesionSegmentation/DevicesFound"
POLL_INTERVAL_MS = 100


class ModelSection:
    """Wires the list of models and of devices.

    ``ui``: the children of ModelSection.ui by name, among others; ``logic``: LesionSegmentationLogic; ``changed()`` is
    called when another model was chosen or the list has changed.
    """

    def __init__(self, ui, logic, changed):
        self.ui = ui
        self._logic = logic
        self._changed = changed
        self._parameterNode = None
        self._models = {}  # ModelChoice by name
        self._enabled = True
        self._findTimer = qt.QTimer()
        self._findTimer.setInterval(POLL_INTERVAL_MS)
        self._findTimer.timeout.connect(self._onFinding)
        self.fillModels()
        self.showDevices(_devicesFoundBefore())
        ui.modelSelector.connect("currentIndexChanged(int)", self._onModelChosen)
        ui.deviceSelector.connect("activated(int)", self._onDeviceChosen)
        ui.installModelButton.clicked.connect(self._onInstallClicked)
        ui.verifyModelButton.clicked.connect(self._onVerifyClicked)
        ui.removeModelButton.clicked.connect(self._onRemoveClicked)
        ui.findDevicesButton.clicked.connect(self._onFindClicked)

    @property
    def model(self):
        """The chosen ModelChoice, or None where none is installed."""
        return self._models.get(self.ui.modelSelector.currentData)

    @property
    def channels(self):
        """The channels of the chosen model, {name: required?}; FLAIR before one is chosen."""
        return {"flair": True} if self.model is None else self.model.channels

    @property
    def device(self):
        """The chosen device, "auto" or as the engine names it."""
        return self.ui.deviceSelector.currentData

    def missing(self):
        """Return why no model can run, in one sentence, or ""."""
        if self.model is None:
            return _("No model is installed: install the extension again, it comes with one.")
        return ""

    def setParameterNode(self, parameterNode):
        """Follow a parameter node, or none while the scene is closing."""
        self._parameterNode = parameterNode
        if parameterNode is not None:
            index = self.ui.modelSelector.findData(parameterNode.model)
            if index >= 0:
                self.ui.modelSelector.currentIndex = index
            self._onModelChosen()

    def setEnabled(self, enabled):
        """Allow or forbid other choices, as during a run."""
        self._enabled = enabled

    def refresh(self):
        """Bring the detail and the buttons to the chosen model."""
        model, ui = self.model, self.ui
        ui.modelDetailLabel.text = "" if model is None else model.detail
        ui.modelSelector.enabled = ui.deviceSelector.enabled = ui.installModelButton.enabled = self._enabled
        ui.verifyModelButton.enabled = self._enabled and model is not None
        ui.removeModelButton.enabled = self._enabled and model is not None and model.removable
        ui.findDevicesButton.enabled = self._enabled and not self._findTimer.isActive()

    def close(self):
        """Look for devices no more: the panel goes away."""
        self._findTimer.stop()

    def fillModels(self, chosen=None):
        """List the installed models anew and choose the one called ``chosen``, or keep the choice."""
        selector = self.ui.modelSelector
        chosen = chosen or selector.currentData
        self._models = {model.name: model for model in self._logic.models()}
        blocked = selector.blockSignals(True)
        selector.clear()
        for model in self._models.values():
            selector.addItem(model.title, model.name)
            selector.setItemData(selector.count - 1, model.detail, qt.Qt.ToolTipRole)
        selector.currentIndex = max(0, selector.findData(chosen)) if self._models else -1
        selector.blockSignals(blocked)

    def showDevices(self, devices):
        """Offer the devices that were found, [{"name", "text"}], keeping the choice made on this computer."""
        if not devices:
            return
        chosen = str(qt.QSettings().value(DEVICE_SETTING, "auto"))
        selector = self.ui.deviceSelector
        selector.clear()
        selector.addItem(_("Automatic"), "auto")
        for device in devices:
            selector.addItem(device["text"], device["name"])
        if selector.findData(chosen) < 0:
            # Kept although it was not seen (yet): a run says, in a sentence, when it is not there.
            selector.addItem(_("{device} (chosen earlier)").format(device=chosen.upper()), chosen)
        selector.currentIndex = selector.findData(chosen)

    def keepDevices(self, devices):
        """Show the devices that a worker has just found, and remember them for the next start."""
        if devices:
            self.showDevices(devices)
            # What is free is true now and not tomorrow.
            kept = [{**device, "text": device["text"].rpartition(", ")[0]} for device in devices[:-1]] + devices[-1:]
            qt.QSettings().setValue(FOUND_SETTING, json.dumps(kept))

    def _onModelChosen(self):
        name = self.ui.modelSelector.currentData
        if self._parameterNode is not None and name:
            self._parameterNode.model = name
        self._say("")
        self._changed()

    def _onDeviceChosen(self):
        qt.QSettings().setValue(DEVICE_SETTING, self.device)

    def _onInstallClicked(self):
        chosen = qt.QFileDialog.getOpenFileName(
            slicer.util.mainWindow(), _("Install a model"), "", _("Model archives (*.zip)")
        )
        path = chosen if isinstance(chosen, str) else chosen[0]
        if path:
            self.install(path)

    def install(self, path):
        """Install the bundle in the file ``path`` and choose it; what went wrong is said in the section."""
        try:
            model = self._logic.installModel(path)
        except InputError as error:
            self._say(str(error))
            return
        self.fillModels(model.name)
        self._onModelChosen()
        self._say(_("{name} {version} is installed.").format(name=model.name, version=model.version))

    def _onVerifyClicked(self):
        try:
            self._say(self._logic.verifyModel(self.model.name))
        except InputError as error:
            self._say(str(error))

    def _onRemoveClicked(self):
        name = self.model.name
        if not slicer.util.confirmYesNoDisplay(
            _("Remove the model {name} from this computer? Its files are deleted.").format(name=name),
            windowTitle=_("Remove a model"),
        ):
            return
        try:
            self._logic.removeModel(name)
        except InputError as error:
            self._say(str(error))
            return
        self.fillModels()
        self._onModelChosen()
        self._say(_("{name} was removed.").format(name=name))

    def _onFindClicked(self):
        try:
            self._logic.worker()
        except InputError as error:
            self._say(str(error))
            return
        self._say(_("Looking for devices ..."))
        self._findTimer.start()
        self.refresh()

    def _onFinding(self):
        worker = self._logic.worker(start=False)
        if worker is not None and not worker.failure and worker.devices is None:
            return
        self._findTimer.stop()
        if worker is not None and worker.devices:
            self.keepDevices(worker.devices)
            self._say("")
        else:
            self._say(_("The devices could not be found out: the worker process did not start."))
        self.refresh()

    def _say(self, sentence):
        self.ui.modelMessageLabel.text = sentence
        self.ui.modelMessageLabel.visible = bool(sentence)


def _devicesFoundBefore():
    """The devices of the last run on this computer; the CPU alone before the first."""
    try:
        devices = json.loads(str(qt.QSettings().value(FOUND_SETTING, "")))
        return [{"name": str(device["name"]), "text": str(device["text"])} for device in devices]
    except (ValueError, TypeError, KeyError):
        return [{"name": "cpu", "text": _("CPU")}]
