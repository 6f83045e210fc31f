"""The reading layout: three planes of the image with the lesions on it, and their surfaces in 3D."""

import slicer

from ..engine.errors import InputError
from .segmentation import SURFACE, makeSurface
from .view_marks import ViewMarks

LAYOUT = slicer.vtkMRMLLayoutNode.SlicerLayoutFourUpView
SLICES = ("Red", "Green", "Yellow")  # Slicer's own views: axial, coronal, sagittal, unless the user turned them
THREE_D = "1"
_LAYERS = ("BackgroundVolumeID", "ForegroundVolumeID", "LabelVolumeID")
_LINKS = ("LinkedControl", "HotLinkedControl")


class ReadingViews:
    """Arranges Slicer's four-up layout for reading a LesionResult, and puts everything back afterwards.

    ``applicationLogic``: vtkMRMLApplicationLogic. ``rendererOf(name)``: see ViewMarks. In the 3D view there are the
    lesions and the axial slice, and never a surface or a volume rendering of the image: that of a head would show
    the patient's face, and whether an image shows a brain alone cannot be told from it with certainty. How the slice
    views are turned is left to the user.
    """

    def __init__(self, applicationLogic, rendererOf):
        self._applicationLogic = applicationLogic
        self._marks = ViewMarks(rendererOf)
        self._before = None  # what the views were like before

    @property
    def isUp(self):
        """Whether the views were arranged and not put back since."""
        return self._before is not None

    def show(self, result):
        """Show a LesionResult. Raises InputError when its volume or segmentation is not in the scene any more."""
        if not result.inScene or result.referenceNode is None:
            raise InputError("What would be read is not in the scene any more; segment the study again.")
        scene = result.segmentationNode.GetScene()
        layout = scene.GetFirstNodeByClass("vtkMRMLLayoutNode")
        arrangement = None if layout is None else layout.GetViewArrangement()
        if layout is not None:
            layout.SetViewArrangement(LAYOUT)  # before the state is kept: views that were never shown are made now
        if self._before is None:
            self._before = self._state(arrangement)
        self._fillSlices(result.referenceNode)
        self._marks.put([*self._sliceNodes(), *self._threeDNodes(scene)])
        result.segmentationNode.SetDisplayVisibility(True)
        result.segmentationNode.GetDisplayNode().SetVisibility2D(True)
        result.segmentationNode.GetDisplayNode().SetVisibility3D(True)
        if not result.segmentationNode.GetSegmentation().ContainsRepresentation(SURFACE):
            makeSurface(result.segmentationNode.GetSegmentation(), result.segmentId)

    def leave(self):
        """Put layout, layers, links, rulers and markers back; a layout that the user has chosen since stays.

        The places that the views stand at stay too: the reader is there.
        """
        if self._before is None:
            return
        self._marks.remove()
        layout, arrangement, slices = self._before
        self._before = None
        self.link(False)  # or a view would take over the layers of another
        for logic, visible, values in slices:
            composite = logic.GetSliceCompositeNode()
            for name in _LAYERS:
                known = values[name] and composite.GetScene().GetNodeByID(values[name]) is not None
                getattr(composite, f"Set{name}")(values[name] if known else None)
            logic.GetSliceNode().SetSliceVisible(visible)
        for logic, _visible, values in slices:
            for name in _LINKS:
                getattr(logic.GetSliceCompositeNode(), f"Set{name}")(values[name])
        if layout is not None and layout.GetScene() is not None and layout.GetViewArrangement() == LAYOUT:
            layout.SetViewArrangement(arrangement)

    def link(self, linked):
        """Let the slice views zoom, pan and change their layers together, or each for itself."""
        for logic in self._sliceLogics():
            logic.GetSliceCompositeNode().SetHotLinkedControl(linked)
            logic.GetSliceCompositeNode().SetLinkedControl(linked)

    def letters(self):
        """Return {view name: {edge: letters}} as drawn."""
        return {node.GetLayoutName(): self._marks.lettersOf(node) for node in self._sliceNodes()}

    def _fillSlices(self, volumeNode):
        self.link(False)  # or each of the next lines would be repeated in the other views
        for logic in self._sliceLogics():
            composite = logic.GetSliceCompositeNode()
            name = logic.GetSliceNode().GetLayoutName()
            fresh = composite.GetBackgroundVolumeID() != volumeNode.GetID()
            composite.SetBackgroundVolumeID(volumeNode.GetID())
            composite.SetForegroundVolumeID(None)
            composite.SetLabelVolumeID(None)
            if fresh:  # else the reader's place and zoom stay
                logic.FitSliceToBackground()
            logic.GetSliceNode().SetSliceVisible(name == "Red")
        self.link(True)

    def _state(self, arrangement):
        slices = []
        for logic in self._sliceLogics():
            sliceNode, composite = logic.GetSliceNode(), logic.GetSliceCompositeNode()
            values = {name: getattr(composite, f"Get{name}")() for name in (*_LAYERS, *_LINKS)}
            slices.append((logic, bool(sliceNode.GetSliceVisible()), values))
        scene = self._applicationLogic.GetMRMLScene()
        return scene.GetFirstNodeByClass("vtkMRMLLayoutNode"), arrangement, slices

    def _sliceLogics(self):
        found = [self._applicationLogic.GetSliceLogicByLayoutName(name) for name in SLICES]
        return [logic for logic in found if logic is not None]

    def _sliceNodes(self):
        return [logic.GetSliceNode() for logic in self._sliceLogics()]

    @staticmethod
    def _threeDNodes(scene):
        node = scene.GetSingletonNode(THREE_D, "vtkMRMLViewNode")
        return [] if node is None else [node]
