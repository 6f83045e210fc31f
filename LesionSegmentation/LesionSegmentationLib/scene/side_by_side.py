"""Two rows of slice views, the earlier study above the later one, which move together."""

import vtk

from .follow_up_run import CHANGES_ATTRIBUTE

LAYOUT = 7301  # any number that Slicer's own layouts do not use
VIEW_GROUP = 7  # views are linked within their group
TIMES = ("Earlier", "Later")
ORIENTATIONS = ("Axial", "Sagittal", "Coronal")
_COLOURS = {"Axial": "#F34A33", "Sagittal": "#EDD54C", "Coronal": "#6EB04B"}  # those of Slicer's own views


def viewName(time, orientation):
    """The layout name of a view; ``time`` and ``orientation`` as in TIMES and ORIENTATIONS."""
    return f"FollowUp{time}{orientation}"


VIEW_NAMES = tuple(viewName(time, orientation) for time in TIMES for orientation in ORIENTATIONS)


def layoutDescription():
    """Return the layout as Slicer's XML."""
    rows = "".join(
        f"<item><layout type='horizontal'>{''.join(_viewItem(time, name) for name in ORIENTATIONS)}</layout></item>"
        for time in TIMES
    )
    return f"<layout type='vertical' split='true'>{rows}</layout>"


def _viewItem(time, orientation):
    return (
        f"<item><view class='vtkMRMLSliceNode' singletontag='{viewName(time, orientation)}'>"
        f"<property name='orientation' action='default'>{orientation}</property>"
        f"<property name='viewlabel' action='default'>{time[0]}{orientation[0]}</property>"
        f"<property name='viewcolor' action='default'>{_COLOURS[orientation]}</property>"
        f"<property name='viewgroup' action='default'>{VIEW_GROUP}</property>"
        "</view></item>"
    )


class SideBySide:
    """Shows a FollowUpResult in two rows of linked slice views.

    ``applicationLogic``: vtkMRMLApplicationLogic. The changes lie in the halfway space: on the volumes as they are they
    would be in the wrong place. So they are drawn in those slice views alone whose background is one of the copies in
    that space, whoever changes it, and other segmentations are kept out of the two rows.
    """

    def __init__(self, applicationLogic, result):
        self.result = result
        self._applicationLogic = applicationLogic
        self._scene = result.segmentationNode.GetScene()
        self._observations = []

    def show(self, ras=None):
        """Bring up the two rows, at the place ``ras`` (halfway space, mm) where given; zoom stays where they are up."""
        if not self._isUp():
            self._switchLayout()
            self._fillViews()
        self._drawWhereItBelongs()
        if ras is not None:
            for logic in self._sliceLogics().values():
                logic.GetSliceNode().JumpSliceByCentering(*(float(position) for position in ras))

    def sliceNodes(self):
        """Return the nodes of the two rows of views, as far as the views are there."""
        return [logic.GetSliceNode() for logic in self._sliceLogics().values()]

    def release(self):
        """Draw the changes nowhere any more, and forget the views."""
        for composite, tag in self._observations:
            composite.RemoveObserver(tag)
        self._observations = []
        if self.result.inScene:
            self.result.segmentationNode.SetDisplayVisibility(False)

    def _isUp(self):
        node = _layoutNode(self._scene)
        logics = self._sliceLogics()
        return (
            (node is None or node.GetViewArrangement() == LAYOUT)
            and len(logics) == len(VIEW_NAMES)
            and all(self._belongs(logic.GetSliceCompositeNode()) for logic in logics.values())
        )

    def _switchLayout(self):
        node = _layoutNode(self._scene)
        if node is not None:
            if not node.IsLayoutDescription(LAYOUT):
                node.AddLayoutDescription(LAYOUT, layoutDescription())
            node.SetViewArrangement(LAYOUT)

    def _fillViews(self):
        logics = self._sliceLogics()
        for logic in logics.values():  # or each of the next lines would be repeated in the other row
            logic.GetSliceCompositeNode().SetLinkedControl(False)
        for name, logic in logics.items():
            composite = logic.GetSliceCompositeNode()
            volumeNode = self.result.volumeNodes[0 if TIMES[0] in name else 1]
            composite.SetBackgroundVolumeID(volumeNode.GetID())
            composite.SetForegroundVolumeID(None)
            composite.SetLabelVolumeID(None)
            logic.FitSliceToBackground()
        for logic in logics.values():
            logic.GetSliceCompositeNode().SetHotLinkedControl(True)
            logic.GetSliceCompositeNode().SetLinkedControl(True)

    def _drawWhereItBelongs(self, caller=None, event=None):
        """Draw the changes in the views that show a copy in the halfway space, and nowhere else."""
        if not self.result.inScene:
            self.release()
            return
        self._observeComposites()
        ids = []
        for composite in _nodes(self._scene, "vtkMRMLSliceCompositeNode"):
            sliceNode = self._scene.GetSingletonNode(composite.GetLayoutName(), "vtkMRMLSliceNode")
            if sliceNode is not None and self._belongs(composite):
                ids.append(sliceNode.GetID())
        _drawOnlyIn(self.result.segmentationNode, ids)
        if ids and event is None:  # else whoever hid it wants it hidden
            self.result.segmentationNode.SetDisplayVisibility(True)
        for node in _nodes(self._scene, "vtkMRMLSegmentationNode"):
            if node is not self.result.segmentationNode:
                self._keepOut(node)

    def _keepOut(self, segmentationNode):
        if segmentationNode.GetAttribute(CHANGES_ATTRIBUTE):  # of an earlier comparison
            segmentationNode.SetDisplayVisibility(False)
            return
        display = segmentationNode.GetDisplayNode()
        if display is not None and display.GetNumberOfViewNodeIDs() == 0:
            views = [*_nodes(self._scene, "vtkMRMLSliceNode"), *_nodes(self._scene, "vtkMRMLViewNode")]
            _drawOnlyIn(segmentationNode, [view.GetID() for view in views if view.GetLayoutName() not in VIEW_NAMES])

    def _belongs(self, composite):
        return composite.GetBackgroundVolumeID() in [node.GetID() for node in self.result.volumeNodes]

    def _observeComposites(self):
        observed = [composite for composite, _ in self._observations]
        for composite in _nodes(self._scene, "vtkMRMLSliceCompositeNode"):
            if composite not in observed:
                tag = composite.AddObserver(vtk.vtkCommand.ModifiedEvent, self._drawWhereItBelongs)
                self._observations.append((composite, tag))

    def _sliceLogics(self):
        """{view name: slice logic} of the two rows, as far as the views are there."""
        found = {name: self._applicationLogic.GetSliceLogicByLayoutName(name) for name in VIEW_NAMES}
        return {name: logic for name, logic in found.items() if logic is not None}


def drawInTheRowsOnly(segmentationNode):
    """Restrict a segmentation to the two rows, also before they are there: the ID of a view is made of its name."""
    for name in VIEW_NAMES:
        segmentationNode.GetDisplayNode().AddViewNodeID(f"vtkMRMLSliceNode{name}")


def _drawOnlyIn(segmentationNode, viewIds):
    """Draw a segmentation in these views only; for none of them it is hidden, as no restriction means everywhere."""
    if not viewIds:
        segmentationNode.SetDisplayVisibility(False)
        return
    display = segmentationNode.GetDisplayNode()
    if [display.GetNthViewNodeID(number) for number in range(display.GetNumberOfViewNodeIDs())] != viewIds:
        display.RemoveAllViewNodeIDs()
        for identifier in viewIds:
            display.AddViewNodeID(identifier)


def _layoutNode(scene):
    return scene.GetFirstNodeByClass("vtkMRMLLayoutNode")


def _nodes(scene, className):
    return [scene.GetNthNodeByClass(number, className) for number in range(scene.GetNumberOfNodesByClass(className))]
