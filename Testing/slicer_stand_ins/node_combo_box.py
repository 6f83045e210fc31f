"""``qMRMLNodeComboBox``: choose a node of the scene.

Emulated: lists nodes of ``nodeTypes`` that are not hidden, follows nodes added, removed and renamed, offers "None"
where ``noneEnabled``, and where it is not takes the first node by itself, as Slicer's does.
"""

import slicer
import vtk
from PySide6 import QtCore, QtWidgets


class qMRMLNodeComboBox(QtWidgets.QWidget):
    standsForCpp = True
    currentNodeChanged = QtCore.Signal(object)
    currentNodeIDChanged = QtCore.Signal(str)
    mrmlSceneChanged = QtCore.Signal(object)

    def __init__(self, parent=None):
        super().__init__(parent)
        self._scene = None
        self._observations = []
        self._node = None
        self._nodes = []
        self._nodeTypes, self._noneEnabled, self._showHidden, self._showChildTypes = [], False, False, True
        self._attributes = {}  # node type -> [(attribute, value or None)]
        self._flags = {"addEnabled": True, "removeEnabled": True, "renameEnabled": False, "editEnabled": False}
        self._noneDisplay = "None"
        self._box = QtWidgets.QComboBox(self)
        layout = QtWidgets.QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._box)
        self._box.activated.connect(self._onActivated)
        self.destroyed.connect(self._stopObserving)

    def mrmlScene(self):
        return self._scene

    def setMRMLScene(self, scene):
        self._stopObserving()
        self._scene = scene
        if scene is not None:
            for event in (scene.NodeAddedEvent, scene.NodeRemovedEvent, scene.EndCloseEvent, scene.EndImportEvent):
                self._observations.append((scene, scene.AddObserver(event, self._onSceneChanged)))
        self._refill()
        self.mrmlSceneChanged.emit(scene)

    def _stopObserving(self, *_):
        for subject, tag in self._observations:
            subject.RemoveObserver(tag)
        self._observations = []

    def _onSceneChanged(self, caller, event):
        # As Slicer's scene model: no update for every node of a scene that is being loaded or closed.
        if not self._scene.IsBatchProcessing():
            self._refill()

    def _refill(self):
        scene = self._scene
        self._nodes = []
        for nodeType in self._nodeTypes if scene is not None else []:
            for node in slicer.util.getNodesByClass(nodeType):
                if self._offers(node, nodeType) and node not in self._nodes:
                    self._nodes.append(node)
        for node in self._nodes:
            if not any(subject is node for subject, _ in self._observations):
                self._observations.append((node, node.AddObserver(vtk.vtkCommand.ModifiedEvent, self._onNodeModified)))
        blocker = QtCore.QSignalBlocker(self._box)
        self._box.clear()
        for text in ([self._noneDisplay] if self._noneEnabled else []) + [node.GetName() for node in self._nodes]:
            self._box.addItem(text)
        del blocker
        node = self._node if self._node in self._nodes else None
        if node is None and not self._noneEnabled and self._nodes:
            node = self._nodes[0]
        self._select(node)

    def _offers(self, node, nodeType):
        hidden = node.GetHideFromEditors() and not self._showHidden
        for attribute, value in self._attributes.get(nodeType, []):
            if node.GetAttribute(attribute) is None or value not in (None, node.GetAttribute(attribute)):
                return False
        return not hidden and (self._showChildTypes or node.GetClassName() == nodeType)

    def _onNodeModified(self, node, event):
        offset = 1 if self._noneEnabled else 0
        if node in self._nodes:
            self._box.setItemText(self._nodes.index(node) + offset, node.GetName())

    def _onActivated(self, index):
        index -= 1 if self._noneEnabled else 0
        self._select(self._nodes[index] if index >= 0 else None)

    def _select(self, node):
        offset = 1 if self._noneEnabled else 0
        self._box.setCurrentIndex(self._nodes.index(node) + offset if node in self._nodes else offset - 1)
        if node is not self._node:
            self._node = node
            self.currentNodeChanged.emit(node)
            self.currentNodeIDChanged.emit(node.GetID() if node else "")

    def currentNode(self):
        return self._node

    def setCurrentNode(self, node):
        if node is not None and node not in self._nodes:
            node = None  # Slicer's ignores a node of another type or scene
        self._select(node)

    def setCurrentNodeID(self, nodeID):
        self.setCurrentNode(self._scene.GetNodeByID(nodeID) if self._scene and nodeID else None)

    def addAttribute(self, nodeType, attribute, value=None):
        """Offer nodes of that type only with that attribute, and with that value of it unless None."""
        self._attributes.setdefault(nodeType, []).append((attribute, value))
        self._refill()

    def nodeCount(self):
        return len(self._nodes)

    def _setOption(self, name, value):
        setattr(self, name, value)
        self._refill()

    def _flag(name):
        return QtCore.Property(
            bool, lambda self: self._flags[name], lambda self, value: self._flags.__setitem__(name, value)
        )

    currentNodeID = QtCore.Property(str, lambda self: self._node.GetID() if self._node else "", setCurrentNodeID)
    nodeTypes = QtCore.Property(
        "QStringList", lambda self: self._nodeTypes, lambda self, value: self._setOption("_nodeTypes", list(value))
    )
    noneEnabled = QtCore.Property(
        bool, lambda self: self._noneEnabled, lambda self, value: self._setOption("_noneEnabled", value)
    )
    noneDisplay = QtCore.Property(
        str, lambda self: self._noneDisplay, lambda self, value: self._setOption("_noneDisplay", value)
    )
    showHidden = QtCore.Property(
        bool, lambda self: self._showHidden, lambda self, value: self._setOption("_showHidden", value)
    )
    showChildNodeTypes = QtCore.Property(
        bool, lambda self: self._showChildTypes, lambda self, value: self._setOption("_showChildTypes", value)
    )
    addEnabled = _flag("addEnabled")
    removeEnabled = _flag("removeEnabled")
    renameEnabled = _flag("renameEnabled")
    editEnabled = _flag("editEnabled")
    del _flag
