"""Volume nodes as the engine sees them: arrays in voxel order [i, j, k] with their place in the patient."""

from typing import NamedTuple

import numpy as np
import SimpleITK
import slicer.util
import vtk

from ..engine.errors import InputError
from ..engine.geometry import Geometry
from ..engine.image_checks import check_affine, check_image, check_shape
from ..engine.study import Study
from ..engine.volume import Volume, to_sitk
from .dicom_identity import dicomIdentity

_SCALAR = "vtkMRMLScalarVolumeNode"


def volumeFromNode(node):
    """Return a scalar volume node as an engine Volume: native values and voxel order, RAS in mm.

    Linear parent transforms count as part of the place of the voxels; the node itself is not changed. Raises
    InputError, one sentence, for a node without image, colours, a non-linear transform, a 2D, constant or non-finite
    image, or a mask.
    """
    voxels = voxelsOf(node)
    return Volume(voxels.array, voxels.geometry, node.GetName())


def volumeGeometry(node):
    """Return where the voxels of a volume node lie now: its engine Geometry, parent transforms included."""
    name = node.GetName() or "The volume"
    if node.GetImageData() is None:
        raise InputError(f"{name} holds no image; load its file again or choose another volume.")
    return Geometry(node.GetImageData().GetDimensions(), _worldAffine(node, name))


def studyFromNodes(nodes):
    """Return the Study of ``nodes``, {"flair": node, "t1": node or None, ...}; the first one is the reference."""
    channels = {channel: volumeFromNode(node) for channel, node in nodes.items() if node is not None}
    return Study(channels, reference=next(iter(channels), "flair"))


def writeNode(node, path):
    """Write a volume node for the worker, as :func:`volumeFromNode` sees it, to ``path`` (.nrrd or .mha).

    Not compressed: the file lives for one run, and packing a whole head would freeze the window for a second. Raises
    InputError like :func:`volumeFromNode`, OSError when the file cannot be written.
    """
    image = to_sitk(voxelsOf(node))
    try:
        SimpleITK.WriteImage(image, str(path), useCompression=False)
    except RuntimeError as error:
        raise OSError(f"{node.GetName()} could not be written to the temporary folder; is the disk full?") from error


def volumeTexts(scene):
    """Return {node ID: (name, DICOM series description)} of the images of ``scene`` that a user may choose."""
    nodes = [scene.GetNthNodeByClass(n, _SCALAR) for n in range(scene.GetNumberOfNodesByClass(_SCALAR))]
    shown = [node for node in nodes if node.GetClassName() == _SCALAR and not node.GetHideFromEditors()]
    return {node.GetID(): (node.GetName() or "", dicomIdentity(node).description) for node in shown}


class Voxels(NamedTuple):
    """What a Volume is, but a view: turning a whole head into C order takes a quarter of a second."""

    array: np.ndarray
    geometry: Geometry


def voxelsOf(node):
    """Return the checked voxels of a volume node, a view of its own ones, not to be changed.

    Raises InputError as :func:`volumeFromNode` says.
    """
    name = node.GetName() or "The volume"
    if node.IsA("vtkMRMLLabelMapVolumeNode"):
        raise InputError(f"{name} is a label map, not an image; choose the scan.")
    image = node.GetImageData()
    if image is None or image.GetPointData().GetScalars() is None:
        raise InputError(f"{name} holds no image; load its file again or choose another volume.")
    if image.GetNumberOfScalarComponents() != 1:
        raise InputError(f"{name} holds colours or vectors; choose a grey-value image.")
    check_shape(image.GetDimensions(), name)
    affine = _worldAffine(node, name)
    check_affine(affine, name)
    array = slicer.util.arrayFromVolume(node)  # [k, j, i]
    check_image(array, name)
    return Voxels(array.transpose(2, 1, 0), Geometry(image.GetDimensions(), affine))


def _worldAffine(node, name):
    """Voxel (i, j, k) -> world RAS of the node, (4, 4) float64, its parent transforms included."""
    matrix = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(matrix)
    parent = node.GetParentTransformNode()
    if parent is not None:
        if not parent.IsTransformToWorldLinear():
            raise InputError(
                f"{name} lies under the non-linear transform {parent.GetName()}; harden the transform first."
            )
        toWorld = vtk.vtkMatrix4x4()
        parent.GetMatrixTransformToWorld(toWorld)
        vtk.vtkMatrix4x4.Multiply4x4(toWorld, matrix, matrix)
    return np.array([[matrix.GetElement(row, column) for column in range(4)] for row in range(4)])
