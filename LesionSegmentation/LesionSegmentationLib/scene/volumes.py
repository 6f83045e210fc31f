"""Volume nodes as the engine's volumes."""

import numpy as np
import slicer
import vtk
from vtk.util.numpy_support import vtk_to_numpy

from ..engine.errors import InputError
from ..engine.geometry import Geometry
from ..engine.image_checks import check_affine, check_image, check_shape
from ..engine.study import Study
from ..engine.volume import Volume, write_volume


def volumeFromNode(node, referenceNode=None):
    """Return a scalar volume node as an engine Volume: array [i, j, k], affine to RAS in mm, checked as a file is.

    The place is that in the coordinate system of ``referenceNode`` (the node itself when None): parent transforms count
    as far as they differ. Raises InputError, one sentence, for a volume without voxels, one that is no scan, or a
    transform between the two that is not linear.
    """
    name = node.GetName() or "The volume"
    if node.GetImageData() is None or node.GetImageData().GetPointData().GetScalars() is None:
        raise InputError(f"{name} holds no voxels; load it again or choose another volume.")
    if node.GetImageData().GetNumberOfScalarComponents() != 1:
        raise InputError(f"{name} is a colour or vector volume; choose a scalar volume.")
    shape = node.GetImageData().GetDimensions()
    check_shape(shape, name)
    affine = _placeIn(referenceNode or node, node) @ _ijkToRas(node)
    check_affine(affine, name)
    # VTK runs through i first: as a C-ordered array that is [k, j, i].
    array = vtk_to_numpy(node.GetImageData().GetPointData().GetScalars()).reshape(shape[::-1]).transpose(2, 1, 0)
    check_image(array, name)
    return Volume(array, Geometry(shape, affine), name)


def studyFromNodes(nodes, reference="flair"):
    """Return {"flair": node, "t1": node or None, ...} as an engine Study in the coordinate system of the reference."""
    referenceNode = nodes[reference]
    given = {channel: node for channel, node in nodes.items() if node is not None}
    return Study({channel: volumeFromNode(node, referenceNode) for channel, node in given.items()}, reference)


def writeNode(node, path, referenceNode=None):
    """Write a volume node, as :func:`volumeFromNode` sees it, to a file that the engine reads."""
    volume = volumeFromNode(node, referenceNode)
    array = volume.array
    if array.dtype not in (np.uint8, np.int16, np.float32):
        array = array.astype(np.float32)
    write_volume(path, array, volume.geometry)


def _ijkToRas(node):
    matrix = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(matrix)
    return _asArray(matrix)


def _placeIn(referenceNode, node):
    """(4, 4): from the node's coordinates to those of the reference, through their parent transforms."""
    source, target = node.GetParentTransformNode(), referenceNode.GetParentTransformNode()
    if source is target:
        return np.eye(4)
    matrix = vtk.vtkMatrix4x4()
    if not slicer.vtkMRMLTransformNode.GetMatrixTransformBetweenNodes(source, target, matrix):
        raise InputError(
            f"{node.GetName()} lies under a transform that is not linear; harden it or choose the volume without it."
        )
    return _asArray(matrix)


def _asArray(matrix):
    return np.array([[matrix.GetElement(row, column) for column in range(4)] for row in range(4)])
