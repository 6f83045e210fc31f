"""Where a lesion is, in the views: jump to it, and mark it for a moment."""

import numpy as np
import slicer
import vtk
from vtk.util.numpy_support import numpy_to_vtk

COLOUR = (1.0, 0.9, 0.1)
LINE_WIDTH = 4


def jumpTo(scene, ras):
    """Bring all slice views of the scene to a place, (R, A, S) in mm of the world.

    The images keep their place in the views, as long as the place of the lesion is seen there.
    """
    nodes = scene.GetNodesByClass("vtkMRMLSliceNode")
    nodes.UnRegister(None)  # the collection is handed over
    for number in range(nodes.GetNumberOfItems()):
        node = nodes.GetItemAsObject(number)
        node.JumpSliceByOffsetting(*ras)
        toView = vtk.vtkMatrix4x4()
        vtk.vtkMatrix4x4.Invert(node.GetXYToRAS(), toView)
        x, y = toView.MultiplyPoint((*ras, 1.0))[:2]
        width, height = node.GetDimensions()[:2]
        if not (0.05 * width < x < 0.95 * width and 0.05 * height < y < 0.95 * height):
            node.JumpSliceByCentering(*ras)


class LesionMark:
    """An outline around one lesion at a time, in all views; it is neither listed nor saved with the scene."""

    def __init__(self, scene):
        self._scene = scene
        self._node = None

    def place(self, lesions, lesion):
        """Put the outline around a listed lesion of engine Lesions, still hidden."""
        if self._node is None or self._node.GetScene() is None:
            self._node = self._addNode()
        self._node.SetAndObservePolyData(_surface(lesions.voxels_of(lesion), lesions.curve.geometry))

    @property
    def visible(self):
        return self._node is not None and self._node.GetScene() is not None and bool(self._node.GetDisplayVisibility())

    def setVisible(self, visible):
        """Show or hide the outline, if there is one."""
        if self._node is not None and self._node.GetScene() is not None:
            self._node.SetDisplayVisibility(visible)

    def remove(self):
        """Take the outline out of the scene."""
        if self._node is not None and self._node.GetScene() is not None:
            display = self._node.GetDisplayNode()
            self._scene.RemoveNode(self._node)
            self._scene.RemoveNode(display)
        self._node = None

    def _addNode(self):
        node, display = slicer.vtkMRMLModelNode(), slicer.vtkMRMLModelDisplayNode()
        for part in (node, display):
            part.SetHideFromEditors(True)
            part.SetSaveWithScene(False)
        node.SetName("Lesion mark")
        display.SetVisibility(False)
        display.SetVisibility2D(True)
        display.SetSliceIntersectionThickness(LINE_WIDTH)
        display.SetColor(*COLOUR)
        display.SetAmbient(0.6)  # to be seen from the unlit side too
        self._scene.AddNode(display)
        self._scene.AddNode(node)
        node.SetAndObserveDisplayNodeID(display.GetID())
        return node


def _surface(voxels, geometry):
    """The surface around flat C-order voxel indices of ``geometry``, in world RAS, vtkPolyData."""
    ijk = np.stack(np.unravel_index(voxels, geometry.shape), axis=1)
    low, size = ijk.min(axis=0) - 1, np.ptp(ijk, axis=0) + 3
    box = np.zeros(size, np.uint8)
    box[tuple((ijk - low).T)] = 1
    image = vtk.vtkImageData()
    image.SetDimensions(*size.tolist())
    image.SetOrigin(*low.tolist())
    image.GetPointData().SetScalars(numpy_to_vtk(box.ravel(order="F"), deep=True))
    surface = vtk.vtkFlyingEdges3D()
    surface.SetInputData(image)
    surface.SetValue(0, 0.5)
    matrix = vtk.vtkMatrix4x4()
    matrix.DeepCopy(geometry.affine.ravel().tolist())
    transform = vtk.vtkTransform()
    transform.SetMatrix(matrix)
    world = vtk.vtkTransformPolyDataFilter()
    world.SetTransform(transform)
    world.SetInputConnection(surface.GetOutputPort())
    world.Update()
    return world.GetOutput()
