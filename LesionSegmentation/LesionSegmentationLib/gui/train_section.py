"""Train: cases, settings and an environment in; a run with a live loss curve; a model in the list."""

import shlex
from pathlib import Path

import qt
import slicer
from slicer.i18n import tr as _

from ..engine.errors import InputError
from ..engine.networks import known_networks
from ..engine.training_settings import LOSSES, WEIGHTED_LOSSES, TrainingSettings, missing_start, preset_text, presets
from ..scene.training_case import SPLITS
from ..scene.training_curve import TrainingCurve

PYTHON_SETTING = "LesionSegmentation/TrainingPython"  # of this computer, so not in the scene
POLL_INTERVAL_MS = 500
FIRST_PRESET = "tutorial-fit"


class TrainSection:
    """Drives the training package.

    ``ui``: the children of TrainSection.ui by name, among others; ``logic``: LesionSegmentationLogic; ``inputs``: the
    InputsSection, whose volumes are those of an added case; ``installed(bundle)`` is called with a new model.
    """

    def __init__(self, ui, logic, inputs, installed):
        self.ui = ui
        self.job = None
        self._logic, self._inputs, self._installed = logic, inputs, installed
        self._curve = None
        self._timer = qt.QTimer()
        self._timer.setInterval(POLL_INTERVAL_MS)
        self._timer.timeout.connect(self._onPoll)
        self._fillChoices()
        ui.pythonLineEdit.text = str(qt.QSettings().value(PYTHON_SETTING, ""))
        ui.casesButton.clicked.connect(self._onBrowseCases)
        ui.pythonButton.clicked.connect(self._onBrowsePython)
        ui.runFolderButton.clicked.connect(self._onBrowseRun)
        ui.addCaseButton.clicked.connect(self._onAddCase)
        ui.trainButton.clicked.connect(self._onTrainClicked)
        ui.exportModelButton.clicked.connect(self._onExportClicked)
        ui.showCurveButton.clicked.connect(self._onShowCurve)
        ui.trainingLogButton.connect("toggled(bool)", self._onLogToggled)
        for line in (ui.casesLineEdit, ui.runFolderLineEdit, ui.modelNameLineEdit):
            line.connect("textChanged(QString)", self.refresh)
        ui.lossSelector.connect("currentIndexChanged(int)", self.refresh)
        self.refresh()

    @property
    def running(self):
        """Whether a process is under way."""
        return self.job is not None and self.job.state == "running"

    def close(self):
        """End a process: the application ends."""
        self._timer.stop()
        if self.job is not None:
            self.job.close()

    def settings(self):
        """Return the TrainingSettings that the widgets show. Raises InputError for options that are no command line."""
        ui = self.ui
        try:
            options = tuple(shlex.split(ui.optionsLineEdit.text))
        except ValueError as error:
            raise InputError(_("The options are not complete: {reason}.").format(reason=error)) from error
        return TrainingSettings(
            table=ui.casesLineEdit.text,
            run=ui.runFolderLineEdit.text,
            preset=ui.presetSelector.currentData or "",
            loss=ui.lossSelector.currentData,
            alpha=ui.alphaSpinBox.value,
            beta=ui.betaSpinBox.value,
            network=ui.networkSelector.currentData,
            rounds=ui.roundsSpinBox.value,
            options=options,
            python=ui.pythonLineEdit.text.strip(),
        )

    def refresh(self):
        """Bring buttons to what can be done now."""
        ui, running = self.ui, self.running
        run = Path(ui.runFolderLineEdit.text) if ui.runFolderLineEdit.text else None
        hasRun = run is not None and (run / "last.ckpt").is_file()
        weighted = ui.lossSelector.currentData in WEIGHTED_LOSSES
        for widget in (ui.alphaSpinBox, ui.betaSpinBox):
            widget.enabled = weighted and not running
        for widget in (ui.presetSelector, ui.lossSelector, ui.networkSelector, ui.roundsSpinBox, ui.optionsLineEdit):
            widget.enabled = not running
        for widget in (ui.casesLineEdit, ui.runFolderLineEdit, ui.pythonLineEdit):
            widget.enabled = not running
        for widget in (ui.casesButton, ui.runFolderButton, ui.pythonButton):
            widget.enabled = not running
        starting = _("Go on with the training") if hasRun else _("Start training")
        ui.trainButton.text = _("Stop") if running else starting
        ui.trainButton.enabled = running or bool(ui.casesLineEdit.text and run is not None)
        ui.exportModelButton.enabled = not running and hasRun and bool(ui.modelNameLineEdit.text)
        ui.trainingProgressBar.visible = running

    def _fillChoices(self):
        ui = self.ui
        for name, path in presets().items():
            if missing_start(path):
                continue  # it goes on from a run of its maker, and a table of cases does not make that
            ui.presetSelector.addItem(name, str(path))
            ui.presetSelector.setItemData(ui.presetSelector.count - 1, preset_text(path), qt.Qt.ToolTipRole)
        ui.presetSelector.currentIndex = max(0, ui.presetSelector.findText(FIRST_PRESET))
        for selector, names in ((ui.lossSelector, LOSSES), (ui.networkSelector, known_networks())):
            selector.addItem(_("as in the preset"), "")
            for name in names:
                selector.addItem(name, name)
        for split in SPLITS:
            ui.splitSelector.addItem(split or _("automatic"), split)

    def _onAddCase(self):
        ui = self.ui
        try:
            name = self._logic.addTrainingCase(
                ui.casesLineEdit.text,
                self._inputs.nodes(),
                ui.referenceSegmentationSelector.currentNode(),
                ui.patientLineEdit.text.strip(),
                ui.splitSelector.currentData,
            )
        except InputError as error:
            self._say(str(error))
            return
        self._say(_("Case {name} was added to {table}.").format(name=name, table=Path(ui.casesLineEdit.text).name))

    def _onTrainClicked(self):
        if self.running:
            self.job.stop()
            self._say(_("Stopping; the run can go on from its last checkpoint ..."))
            return
        try:
            settings = self.settings()
            self.job = self._logic.train(settings, waitForCompletion=False)
        except InputError as error:
            self._say(str(error))
            return
        qt.QSettings().setValue(PYTHON_SETTING, settings.python)
        if self._curve is None or not self._curve.inScene or self._curve.path.parent != self.job.run:
            self._curve = TrainingCurve(slicer.mrmlScene, self.job.run / "curve.csv")
        self._follow()

    def _onExportClicked(self):
        ui = self.ui
        about = {"name": ui.modelNameLineEdit.text.strip()}
        if ui.modelLicenceLineEdit.text.strip():
            about["licence"] = ui.modelLicenceLineEdit.text.strip()
        try:
            self.job = self._logic.exportModel(
                ui.runFolderLineEdit.text, about, ui.pythonLineEdit.text.strip(), waitForCompletion=False
            )
        except InputError as error:
            self._say(str(error))
            return
        self._follow()

    def _follow(self):
        self._timer.start()
        self.ui.trainingLogButton.enabled = True
        self._onPoll()

    def _onPoll(self):
        job = self.job
        job.poll()
        if self._curve is not None and self._curve.inScene:
            self._curve.update()
        self.ui.showCurveButton.enabled = self._curve is not None and self._curve.inScene and self._curve.steps > 0
        if self.ui.trainingLogButton.checked:
            self.ui.trainingLogText.plainText = job.log
        if self.running:
            self._showProgress()
        else:
            self._timer.stop()
            self._showEnd()
        self.refresh()

    def _showProgress(self):
        done, total = self.job.progress if hasattr(self.job, "progress") else (0, 0)
        bar = self.ui.trainingProgressBar
        bar.maximum = 100 if total else 0  # 0: busy, for how long nobody knows
        bar.value = int(100 * done / total) if total else 0
        said = {
            "check": _("Looking at the Python environment ..."),
            "prepare": _("Preparing the cases ..."),
            "fit": _("Training ..."),
            "export": _("Calibrating and measuring the model on whole cases ..."),
        }
        if self.job.stopping:
            self._say(_("Stopping; the run can go on from its last checkpoint ..."))
        elif self.job.step == "fit" and done:
            self._say(_("Training, step {done} of {total} ...").format(done=done, total=total or "?"))
        else:
            self._say(said.get(self.job.step, ""))

    def _showEnd(self):
        job = self.job
        if job.state == "failed":
            self._say(job.error)
        elif job.state == "stopped":
            self._say(_("Stopped. Go on with the training from the last checkpoint, or export what there is."))
        elif hasattr(job, "bundle"):
            self._installed(job.bundle)
            self._say(_("The model {name} is in the list of models.").format(name=job.bundle.name))
        else:
            self._say(_("The training is done. Export the model to use it."))

    def _onShowCurve(self):
        slicer.modules.plots.logic().ShowChartInLayout(self._curve.chartNode)

    def _onLogToggled(self, shown):
        self.ui.trainingLogText.visible = shown
        if shown and self.job is not None:
            self.ui.trainingLogText.plainText = self.job.log

    def _onBrowseCases(self):
        # A table that is not there yet is made: the dialog is one to save, without its question about overwriting.
        chosen = qt.QFileDialog.getSaveFileName(
            slicer.util.mainWindow(), _("Case table"), self.ui.casesLineEdit.text, _("Case tables (*.csv *.json)"),
            "", qt.QFileDialog.DontConfirmOverwrite,
        )  # fmt: skip
        self._take(chosen, self.ui.casesLineEdit)

    def _onBrowsePython(self):
        chosen = qt.QFileDialog.getOpenFileName(slicer.util.mainWindow(), _("Python interpreter"))
        self._take(chosen, self.ui.pythonLineEdit)

    def _onBrowseRun(self):
        chosen = qt.QFileDialog.getExistingDirectory(slicer.util.mainWindow(), _("Folder of the run"))
        self._take(chosen, self.ui.runFolderLineEdit)

    @staticmethod
    def _take(chosen, line):
        path = chosen if isinstance(chosen, str) else chosen[0]
        if path:
            line.text = path

    def _say(self, sentence):
        self.ui.trainingStatusLabel.text = sentence
