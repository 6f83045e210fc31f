"""Where a result and a reference agree, in colours: hit, missed, extra."""

import numpy as np
import slicer
from vtk.util.numpy_support import vtk_to_numpy

from .class_segments import addClassSegments, sharedLabelmap
from .segmentation import placeBeside, referenceGrid

ATTRIBUTE = "LesionSegmentation.Disagreement"  # of the segmentation node that shows it
HIT, MISSED, EXTRA = "Hit", "Missed", "Extra"  # IDs and names of the segments; their values are 1, 2, 3
# Blue, orange and yellow: told apart with the common colour-vision deficiencies too.
COLOURS = {HIT: (0.10, 0.45, 0.95), MISSED: (0.93, 0.45, 0.05), EXTRA: (1.00, 0.95, 0.35)}
_FILL = 0.6
_OUTLINE = (1.0, 1.0, 1.0)  # of the result meanwhile: its own colour is too near to that of what is missed


class DisagreementColours:
    """A segmentation node with the segments Hit, Missed and Extra, beside the segmentation of a LesionResult.

    ``truth``: the TrueFigures of the reference. While the colours are there the result is drawn as a white outline,
    which follows the slider at once. They are a picture and no result: not saved with the scene, and gone after
    :meth:`release`.
    """

    def __init__(self, result, truth):
        self._result, self.truth = result, truth
        self._shape = truth.curve.geometry.shape
        self._values = self._stamp = None  # what was written last, and the time of it
        self._wasFilled = True  # how the result was drawn before the colours
        self.segmentationNode = None

    def update(self):
        """Bring the colours to what is shown, hand edits included."""
        labelmap = self._labelmap()
        truth, shown = self.truth.reference, self._result.shownVoxels
        values = truth.astype(np.uint8) * 2
        values[shown] = np.where(truth[shown], 1, 3)
        scalars = labelmap.GetPointData().GetScalars()
        array = vtk_to_numpy(scalars).reshape(self._shape[::-1]).transpose(2, 1, 0)
        if labelmap.GetMTime() == self._stamp:
            changed = np.unravel_index(np.flatnonzero(values != self._values), self._shape)
            array[changed] = values.reshape(self._shape)[changed]
        else:  # new, or somebody drew in it
            array[...] = values.reshape(self._shape)
        scalars.Modified()
        self._values, self._stamp = values, labelmap.GetMTime()
        for name in COLOURS:
            self.segmentationNode.GetSegmentation().GetSegment(name).Modified()

    def release(self):
        """Remove the node, and draw the result as before."""
        if self.segmentationNode is not None and self.segmentationNode.GetScene() is not None:
            self.segmentationNode.GetScene().RemoveNode(self.segmentationNode)
        self.segmentationNode = None
        drawAsUsual(self._result.segmentationNode, self._result.segmentId, self._wasFilled)

    def _labelmap(self):
        """The labelmap that the segments share, in a new node where somebody took or changed the last one."""
        if not self._isWhole():
            self.release()
            self.segmentationNode = _createNode(self._result.segmentationNode)
            self._drawAsOutline()
        return sharedLabelmap(self.segmentationNode, COLOURS)

    def _isWhole(self):
        node = self.segmentationNode
        if node is None or node.GetScene() is None:
            return False
        labelmap = sharedLabelmap(node, COLOURS)
        return labelmap is not None and labelmap.GetDimensions() == self._shape

    def _drawAsOutline(self):
        display = self._result.segmentationNode.GetDisplayNode()
        self._wasFilled = bool(display.GetVisibility2DFill())
        display.SetVisibility2DFill(False)
        display.SetSegmentOverrideColor(self._result.segmentId, *_OUTLINE)


def drawAsUsual(segmentationNode, segmentId, filled=True):
    """Draw a result in its colour again, where it is the outline that colours of disagreement leave.

    ``filled``: or as an outline of that colour. A scene that was saved with the colours on opens with their outline and
    without them.
    """
    display = segmentationNode.GetDisplayNode()
    if display is not None and tuple(display.GetSegmentOverrideColor(segmentId)) == _OUTLINE:
        display.SetVisibility2DFill(filled)
        display.UnsetSegmentOverrideColor(segmentId)


def _createNode(resultNode):
    """Add the node: three segments that share one empty labelmap on the grid of the result."""
    scene = resultNode.GetScene()
    node = slicer.vtkMRMLSegmentationNode()
    node.SetName(scene.GenerateUniqueName(f"{resultNode.GetName()} against reference"))
    node.SetAttribute(ATTRIBUTE, "1")
    node.SetSaveWithScene(False)
    scene.AddNode(node)
    node.SetAndObserveTransformNodeID(resultNode.GetTransformNodeID())
    addClassSegments(node, referenceGrid(resultNode), {name: (name, colour) for name, colour in COLOURS.items()})
    node.CreateDefaultDisplayNodes()
    display = node.GetDisplayNode()
    display.SetOpacity2DFill(_FILL)
    display.SetVisibility2DOutline(False)
    display.SetSaveWithScene(False)
    placeBeside(scene, node, resultNode)
    return node
