"""The panel of the module: choose a study and a model, press Segment, follow the run, then slide."""

import slicer
from slicer.i18n import tr as _

from ..engine.errors import InputError
from ..scene.segmentation import ROLE
from ..scene.worker_run import DONE
from .balance import balanceOf
from .follow_up_section import FollowUpSection
from .inputs_section import InputsSection
from .lesions_section import LesionsSection
from .model_section import ModelSection
from .run_section import RunSection, confirmed
from .section import loadSection
from .tab_order import orderTabs
from .train_section import TrainSection
from .tune_section import SETTING, TuneSection
from .views_section import ViewsSection


class Panel:
    """Joins the sections of the panel.

    ``ui``: the children of LesionSegmentation.ui by name; those of the sections' own .ui files join them. ``logic``:
    LesionSegmentationLogic. ``resourcePath(name)``: where a file of Resources lies. The state that belongs to a scene
    lives in the parameter node given by :meth:`setParameterNode`.
    """

    def __init__(self, ui, logic, resourcePath):
        self.ui = ui
        self.logic = logic
        self._parameterNode = None
        self._guiTag = None
        self._worked = None  # the segmentation node last worked on, or tried to
        self._interrupted = None  # the LesionResult that was worked on before the run under way
        self._confirmedKey = None  # the choice of volumes that was confirmed in spite of its warnings
        self._refreshedFor = None  # what the sections were last brought to
        inputs = loadSection(ui.studyButton, resourcePath("UI/InputsSection.ui"), ui)
        loadSection(ui.modelButton, resourcePath("UI/ModelSection.ui"), ui)
        loadSection(ui.runPlace, resourcePath("UI/RunSection.ui"), ui)
        self.inputs = InputsSection(inputs, ui, logic, self._refresh)
        self.models = ModelSection(ui, logic, self._refresh)
        self.run = RunSection(ui, logic, self._start, self._onRunEnded, self._refresh, resourcePath("requirements.txt"))
        panel = ui.viewsButton.parentWidget()
        self.lesions = LesionsSection(ui.lesionsButton, logic, resourcePath, self.run.say, panel)
        self.operatingPoint = TuneSection(ui, logic, resourcePath, self.run.say, self.lesions)
        self.views = ViewsSection(ui.viewsButton, logic, resourcePath, self.run.say, panel)
        self.followUp = FollowUpSection(ui.followUpButton, logic, resourcePath)
        loadSection(ui.trainPlace, resourcePath("UI/TrainSection.ui"), ui)
        self.train = TrainSection(ui, logic, self.inputs, self._onModelMade)
        ui.trainPlace.collapsed = True
        shown = (ui.studyButton, ui.modelButton, ui.runPlace, ui.operatingPointButton, ui.lesionsButton, ui.viewsButton)
        orderTabs((*shown, ui.followUpButton, ui.trainPlace))
        self._refresh()

    def setParameterNode(self, parameterNode):
        """Follow a parameter node, or none (None) while the scene is closing or the module is left."""
        if self._parameterNode is not None:
            self._parameterNode.disconnectGui(self._guiTag)
        self._parameterNode = parameterNode
        self.lesions.setParameterNode(parameterNode)
        self.operatingPoint.setParameterNode(parameterNode)
        self.followUp.setParameterNode(parameterNode)
        self.inputs.setParameterNode(parameterNode)
        if parameterNode is not None:
            self._guiTag = parameterNode.connectGui(self.ui)
        self._refreshedFor = None
        self.models.setParameterNode(parameterNode)
        self.onParametersChanged()

    def onParametersChanged(self, caller=None, event=None):
        """To be called when the parameter node was modified."""
        if self._parameterNode is not None:
            self._followSegmentation()
            self.operatingPoint.onParametersChanged()
            self.followUp.onParametersChanged()
            choices = self._choices()
            if choices != self._refreshedFor:
                self._refreshedFor = choices
                self._refresh()

    def abandon(self):
        """Stop a run and forget the result: the scene they belong to is going away."""
        self.run.abandon()
        self.followUp.abandon()
        self._worked = self._interrupted = self._confirmedKey = None
        self.views.leave()
        self._setResult(None)
        self._refresh()

    def close(self):
        """End what runs in processes of its own: the application ends."""
        self.abandon()
        self.models.close()
        self.train.close()

    @property
    def running(self):
        return self.run.running

    def _start(self):
        """Begin a run on what was chosen; None where the user thought better of it."""
        key = self.inputs.choiceKey()
        if self.inputs.findings.serious and key != self._confirmedKey:
            if not confirmed(self.inputs.findings.serious):
                return None
            self._confirmedKey = key
        run = self.logic.startRun(
            self.inputs.nodes(), self._parameterNode.model, self.models.device, self.inputs.reference()
        )
        self._interrupted = result = self.operatingPoint.result
        if result is not None and result.referenceNode is not run.referenceNode:
            result.segmentationNode.SetDisplayVisibility(False)  # its lesions are not those of the image shown now
        self._setResult(None)
        self.inputs.settle()
        self._showVolume(run.referenceNode)
        return run

    def _onRunEnded(self, run):
        if run.state != DONE:
            self._putBack()
            return
        self.models.keepDevices(run.devices)
        if run.referenceNode.GetScene() is None:
            self._putBack()
            self.run.say(_("The volume was removed during the run, so there is nothing to show the result on."))
            return
        try:
            result = self.logic.resultOf(run)
        except InputError as error:
            self._putBack()
            self.run.say(str(error))
            return
        self._workOn(result)
        self._parameterNode.segmentation = result.segmentationNode
        self.lesions.takeKeyboard()

    def _putBack(self):
        """Work on what was worked on before a run that came to nothing, unless another result was chosen meanwhile."""
        result, self._interrupted = self._interrupted, None
        if result is None or not result.inScene or result.segmentationNode is not self._parameterNode.segmentation:
            self._followSegmentation()
            return
        if result.referenceNode is not None:
            self._showVolume(result.referenceNode)
        result.segmentationNode.SetDisplayVisibility(True)
        self._workOn(result)

    def _workOn(self, result):
        """Make ``result`` the one that the slider and the list work on."""
        for node in slicer.util.getNodesByClass("vtkMRMLSegmentationNode"):
            if node.GetAttribute(ROLE) and node is not result.segmentationNode:
                node.SetDisplayVisibility(False)  # it may hold hand edits: hidden, never overwritten
        self._worked, self._interrupted = result.segmentationNode, None
        self._setResult(result)

    def _setResult(self, result):
        self.operatingPoint.setResult(result)
        self.views.setResult(result)

    def _followSegmentation(self):
        """Work on the result that the parameter node names: another one was chosen, or a scene was opened."""
        node = self._parameterNode.segmentation
        if self.running or node is self._worked or slicer.mrmlScene.IsClosing():
            return
        self._worked = node
        if node is None:
            if self.operatingPoint.result is not None and self.operatingPoint.result.inScene:
                self._setResult(None)  # else the slider says that it was removed
            return
        try:
            result = self.logic.restoreResult(node)
        except InputError as error:
            self._setResult(None)
            self.run.say(str(error))
            return
        node.SetDisplayVisibility(True)
        if result.setting is not None:
            self.operatingPoint.choose((balanceOf(*result.setting[:2]), *result.setting[2:]))
        self._workOn(result)

    def _onModelMade(self, bundle):
        """A model was trained: into the list, without changing what is chosen."""
        self.models.fillModels()
        self._refresh()

    def _showVolume(self, node):
        views = slicer.util.getNodesByClass("vtkMRMLSliceCompositeNode")
        if any(view.GetBackgroundVolumeID() != node.GetID() for view in views):
            slicer.util.setSliceViewerLayers(background=node, fit=True)

    def _choices(self):
        """All that was chosen but the setting, which changes with every tick of the slider."""
        node, roles = self._parameterNode.parameterNode, []
        node.GetNodeReferenceRoles(roles)
        values = [(name, node.GetParameter(name)) for name in node.GetParameterNames() if name not in SETTING]
        return values, [(role, node.GetNodeReferenceID(role)) for role in roles], self.operatingPoint.result

    def _refresh(self):
        """Bring all sections to what is chosen and to what can be done now."""
        self.inputs.setEnabled(not self.running)
        self.models.setEnabled(not self.running)
        self.inputs.setChannels(self.models.channels)
        self.inputs.refresh()
        self.models.refresh()
        missing = self.models.missing() or self.inputs.missing()
        self.run.refresh(missing, self.operatingPoint.result is not None)
