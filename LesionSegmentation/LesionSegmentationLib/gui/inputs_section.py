"""Inputs: which volume is which channel, what their grids are, and what is doubtful about them before a run."""

import qt
import slicer
from slicer.i18n import tr as _

from ..scene.study_check import Findings
from ..scene.volume_text import geometryText

BOUND = ("flair", "t1", "t2")  # channels whose selectors are in the .ui, and their nodes among the typed parameters


class InputsSection:
    """Wires the channel selectors to the parameter node.

    ``widget``: of InputsSection.ui; ``ui``: its children by name, among others; ``logic``: LesionSegmentationLogic;
    ``changed()`` is called when the choice of the reference was changed by hand (other changes reach the panel through
    the parameter node). Channels that only a bundle asks for get a selector when :meth:`setChannels` names them.
    """

    def __init__(self, widget, ui, logic, changed):
        self.ui = ui
        self.findings = Findings()
        self._logic = logic
        self._changed = changed
        self._layout = widget.layout()
        self._parameterNode = None
        self._channels = {}
        self._guessed = {}  # {channel: node} that were chosen by their names
        self._settled = False
        self._key = None
        self._enabled = True
        self._rows = {name: (getattr(ui, f"{name}Label"), getattr(ui, f"{name}Selector")) for name in BOUND}
        self._tips = {name: selector.toolTip for name, (label, selector) in self._rows.items()}
        ui.referenceSelector.connect("activated(int)", self._onReferenceChosen)

    def setParameterNode(self, parameterNode):
        """Follow a parameter node, or none while the scene is closing; takes volumes by name when none is chosen."""
        known, new = (None if one is None else one.parameterNode for one in (self._parameterNode, parameterNode))
        if new is None or new is not known:
            self._guessed, self._settled = {}, False
        self._parameterNode = parameterNode
        self._key = None
        self.takeNewVolumes()

    def onVolumeAdded(self):
        """Take in a volume that came into the scene, once whoever loads it has named it."""
        qt.QTimer.singleShot(0, self.takeNewVolumes)

    def takeNewVolumes(self):
        """Choose volumes whose name or description tells their channel, where none is chosen.

        Only as long as nobody chose by hand and nothing was segmented: the T1 image of the next patient must not slip
        in beside the FLAIR image of this one.
        """
        if self._parameterNode is None or not self._enabled:
            return
        channels = list(dict.fromkeys([*BOUND, *self._channels]))
        chosen = {channel: self._node(channel) for channel in channels if self._node(channel) is not None}
        guessed = {channel: node for channel, node in self._guessed.items() if node.GetScene() is not None}
        if self._settled or chosen != guessed:
            return
        for channel, node in self._logic.guessVolumes(channels).items():
            if self._node(channel) is None:
                self._guessed[channel] = node
                self._setNode(channel, node)

    def settle(self):
        """From now on only the user chooses: something was segmented."""
        self._settled = True

    def setChannels(self, channels):
        """Show the selectors of ``channels``, {name: required?}, those of the chosen model."""
        if list(channels.items()) == list(self._channels.items()):
            return
        self._channels = dict(channels)
        for channel in channels:
            if channel not in self._rows:
                self._addRow(channel)
        self.takeNewVolumes()

    def setEnabled(self, enabled):
        """Allow or forbid other choices, as during a run."""
        self._enabled = enabled

    def nodes(self):
        """Return the chosen volumes of the model's channels, {channel: node}, in the model's order."""
        chosen = {channel: self._node(channel) for channel in self._channels}
        return {channel: node for channel, node in chosen.items() if node is not None}

    def reference(self):
        """Return the channel whose grid the result has: the one that was chosen, else the first with a volume."""
        nodes = self.nodes()
        wanted = self._parameterNode.reference if self._parameterNode is not None else ""
        return wanted if wanted in nodes else next(iter(nodes), "")

    def missing(self):
        """Return why the study cannot be segmented, in one sentence, or ""."""
        for channel, required in self._channels.items():
            if required and self._node(channel) is None:
                return _("Choose the {channel} volume to segment.").format(channel=channel.upper())
        if self._channels and not self.nodes():
            return _("Choose a volume to segment.")
        return self.findings.refusal

    def refresh(self):
        """Bring rows, tooltips, the choice of the reference and the messages to the chosen volumes."""
        for channel, (label, selector) in self._rows.items():
            label.visible = selector.visible = channel in self._channels
            selector.enabled = self._enabled and channel in self._channels
            selector.noneDisplay = _("Choose a volume") if self._channels.get(channel) else _("None (optional)")
            if channel not in BOUND and selector.currentNode() is not self._node(channel):
                selector.setCurrentNode(self._node(channel))
        nodes, reference = self.nodes(), self.reference()
        key = (reference, *(self._stamp(channel, node) for channel, node in nodes.items()))
        if key != self._key:
            self._key = key
            for channel, (_label, selector) in self._rows.items():
                node = nodes.get(channel)
                selector.toolTip = self._tips[channel] if node is None else geometryText(node)
            self._fillReferences(nodes, reference)
            self.findings = self._logic.checkStudy(nodes, reference) if nodes else Findings()
            self._showMessages()
        several = len(nodes) > 1
        self.ui.referenceLabel.visible = self.ui.referenceSelector.visible = several
        self.ui.referenceSelector.enabled = self._enabled

    def choiceKey(self):
        """Return something that changes with the chosen volumes and their contents."""
        return self._key

    def _addRow(self, channel):
        """A selector for a channel that only the bundle knows."""
        tip = _("The {channel} image of the same examination, which the model uses.").format(channel=channel.upper())
        label, selector = qt.QLabel(f"{channel.upper()}:"), slicer.qMRMLNodeComboBox()
        selector.nodeTypes = ["vtkMRMLScalarVolumeNode"]
        selector.showChildNodeTypes = False
        selector.noneEnabled = True
        selector.addEnabled = selector.removeEnabled = False
        selector.setSizePolicy(qt.QSizePolicy.Ignored, qt.QSizePolicy.Fixed)  # as the others: no name widens the panel
        selector.setMRMLScene(slicer.mrmlScene)
        selector.setCurrentNode(self._node(channel))
        label.toolTip = selector.toolTip = self._tips[channel] = tip
        label.objectName, selector.objectName = f"{channel}Label", f"{channel}Selector"
        self._layout.insertRow(len(self._rows), label, selector)
        self._rows[channel] = (label, selector)
        setattr(self.ui, f"{channel}Selector", selector)
        selector.currentNodeChanged.connect(lambda node: self._onExtraChosen(channel, node))

    def _onExtraChosen(self, channel, node):
        if self._parameterNode is not None:
            self._setNode(channel, node)

    def _node(self, channel):
        if self._parameterNode is None:
            return None
        if channel in BOUND:
            return getattr(self._parameterNode, f"{channel}Volume")
        return self._parameterNode.parameterNode.GetNodeReference(f"{channel}Volume")

    def _setNode(self, channel, node):
        if channel in BOUND:
            setattr(self._parameterNode, f"{channel}Volume", node)
        else:
            identifier = None if node is None else node.GetID()
            self._parameterNode.parameterNode.SetNodeReferenceID(f"{channel}Volume", identifier)

    def _fillReferences(self, nodes, reference):
        selector = self.ui.referenceSelector
        selector.clear()
        for channel, node in nodes.items():
            selector.addItem(_("{channel} ({name})").format(channel=channel.upper(), name=node.GetName()), channel)
        selector.currentIndex = selector.findData(reference)

    def _onReferenceChosen(self):
        if self._parameterNode is not None:
            self._parameterNode.reference = self.ui.referenceSelector.currentData or ""
            self._changed()

    def _showMessages(self):
        lines = [_("Warning: {sentence}").format(sentence=sentence) for sentence in self.findings.warnings]
        lines += self.findings.notes
        self.ui.inputsMessageLabel.text = "\n".join(lines)
        self.ui.inputsMessageLabel.visible = bool(lines)

    @staticmethod
    def _stamp(channel, node):
        image, transform = node.GetImageData(), node.GetParentTransformNode()
        parts = (node, image, transform)
        return (channel, node.GetID(), *(None if part is None else part.GetMTime() for part in parts))
