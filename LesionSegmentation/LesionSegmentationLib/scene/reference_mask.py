"""A reference segmentation of the scene, on the grid of an image."""

import numpy as np
import slicer.util
import vtk
from vtk.util.numpy_support import vtk_to_numpy

from ..engine.errors import InputError
from ..engine.geometry import Geometry
from ..engine.image_checks import check_affine
from ..engine.resample import resample_mask
from ..engine.volume import Volume
from .segmentation import LABELMAP, referenceGrid
from .volumes import volumeGeometry


def referenceMask(node, grid, imageName):
    """Return what ``node`` marks on ``grid``, and a sentence on how it was brought there, "" where nothing was done.

    ``grid``: the Geometry, in the world, of an image that the sentences call ``imageName``. ``node``: a segmentation
    (all its segments together) or a label map (all but 0); both are taken where they lie in the world. The mask is bool
    (i, j, k). A node on another lattice of voxels is resampled, each voxel taking what the nearest one has. Raises
    InputError, one sentence, for a node without voxels, under a non-linear transform, or beside the image.
    """
    layers = _layersOf(node)
    if not any(layer.geometry.overlaps(grid) for layer in layers):
        raise InputError(f"{node.GetName()} lies beside {imageName}; choose a reference of the same patient and image.")
    mask = np.zeros(grid.shape, bool)
    for layer in layers:
        mask |= resample_mask(layer, grid)
    if not mask.any() and any(layer.array.any() for layer in layers):
        raise InputError(
            f"{node.GetName()} marks nothing within {imageName}; choose a reference of the same patient and image."
        )
    if all(grid.same_lattice(layer.geometry) for layer in layers):
        return mask, ""
    return mask, f"{node.GetName()} has another grid than {imageName}: every voxel takes what is nearest to it."


def gridOf(segmentationNode):
    """Return the grid that a segmentation node was made on, a Geometry in the world. InputError as above."""
    return _geometryOf(referenceGrid(segmentationNode), segmentationNode)


def stampOf(node):
    """Return what changes whenever the voxels of a segmentation or label map node, or their place, may have changed."""
    transform = node.GetParentTransformNode()
    moved = None if transform is None else (transform.GetID(), transform.GetTransformToWorldMTime())
    if not node.IsA("vtkMRMLSegmentationNode"):
        return moved, node.GetImageData() and node.GetImageData().GetMTime()
    return moved, *((segment.GetMTime(), image and image.GetMTime()) for segment, image in _segmentsOf(node))


def _layersOf(node):
    """What a node marks as Volumes of bool (i, j, k) in the world, one for each image that it keeps."""
    name = node.GetName()
    if not node.IsA("vtkMRMLSegmentationNode"):
        geometry = volumeGeometry(node)
        check_affine(geometry.affine, name)
        return [Volume(slicer.util.arrayFromVolume(node).transpose(2, 1, 0) != 0, geometry, name)]
    images = {}
    for segment, image in _segmentsOf(node):
        if image is None:
            raise InputError(f"{name} has no binary labelmap; make one in the Segmentations module.")
        images.setdefault(image, []).append(segment.GetLabelValue())
    layers = []
    for image, values in images.items():
        if image.GetNumberOfPoints() > 0:  # else nothing was ever drawn in it
            array = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(image.GetDimensions()[::-1])
            layers.append(Volume(np.isin(array.transpose(2, 1, 0), values), _geometryOf(image, node), name))
    return layers or [_nothing(node)]


def _segmentsOf(node):
    """The segments of a node with their labelmap, None where there is none."""
    segmentation = node.GetSegmentation()
    segments = [segmentation.GetNthSegment(number) for number in range(segmentation.GetNumberOfSegments())]
    return [(segment, segment.GetRepresentation(LABELMAP)) for segment in segments]


def _nothing(node):
    """A segmentation in which nothing is drawn: no lesion, on the whole of its grid."""
    if not node.GetSegmentation().GetNumberOfSegments():
        raise InputError(
            f"{node.GetName()} has no segment; mark the lesions, or add an empty segment if there is none."
        )
    if referenceGrid(node).GetNumberOfPoints() == 0:
        raise InputError(
            f"{node.GetName()} is empty and does not say of which image; choose its source volume in the Segment "
            "Editor."
        )
    geometry = gridOf(node)
    return Volume(np.zeros(geometry.shape, bool), geometry, node.GetName())


def _geometryOf(image, node):
    """The Geometry, in the world, of a vtkOrientedImageData that a segmentation node keeps."""
    matrix, transform = vtk.vtkMatrix4x4(), node.GetParentTransformNode()
    image.GetImageToWorldMatrix(matrix)
    if transform is not None:
        if not transform.IsTransformToWorldLinear():
            raise InputError(
                f"{node.GetName()} lies under the non-linear transform {transform.GetName()}; harden the transform "
                "first."
            )
        toWorld = vtk.vtkMatrix4x4()
        transform.GetMatrixTransformToWorld(toWorld)
        vtk.vtkMatrix4x4.Multiply4x4(toWorld, matrix, matrix)
    affine = np.array([[matrix.GetElement(row, column) for column in range(4)] for row in range(4)])
    first = [image.GetExtent()[2 * axis] for axis in range(3)]  # voxels of a cropped image are counted from elsewhere
    affine[:3, 3] += affine[:3, :3] @ first
    check_affine(affine, node.GetName())
    return Geometry(image.GetDimensions(), affine)
