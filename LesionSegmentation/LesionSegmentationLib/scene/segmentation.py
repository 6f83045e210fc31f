"""The segmentation node that a result is shown in, and what it says about itself."""

import json

import slicer
import vtk

from .terminology import LESION

SEGMENT_ID = SEGMENT_NAME = "Lesion"
LABELMAP, SURFACE = "Binary labelmap", "Closed surface"  # Slicer's names
COLOUR = (1.0, 0.35, 0.15)
FILL_OPACITY, OUTLINE_OPACITY = 0.35, 1.0
PROVENANCE_TAG = "LesionSegmentation.Provenance"
# Slicer's names: surface nets with their own smoothing. They take a sixth of the time of its default, flying edges and
# forty rounds of smoothing, so that the 3D view follows when the hand rests; the lesions look the same.
_QUICK_SURFACE = {"Conversion method": "1", "SurfaceNets smoothing": "1"}
ROLE = "LesionSegmentation.Role"  # attribute of the nodes of a result
SEGMENTATION_ROLE = "segmentation"


def createLesionSegmentation(scene, referenceNode, name):
    """Add a segmentation node with one empty segment, "Lesion", on the whole grid of ``referenceNode``.

    It lies beside the reference volume: under the same parent in the subject hierarchy and under the same transform.
    """
    node = slicer.vtkMRMLSegmentationNode()
    node.SetName(name)
    node.SetAttribute(ROLE, SEGMENTATION_ROLE)  # before it is added: selectors look then
    scene.AddNode(node)
    node.SetAndObserveTransformNodeID(referenceNode.GetTransformNodeID())
    node.SetReferenceImageGeometryParameterFromVolumeNode(referenceNode)
    node.GetSegmentation().AddSegment(_emptySegment(referenceGrid(node)), SEGMENT_ID)
    for name, value in _QUICK_SURFACE.items():
        node.GetSegmentation().SetConversionParameter(name, value)
    node.CreateDefaultDisplayNodes()
    display = node.GetDisplayNode()
    display.SetOpacity2DFill(FILL_OPACITY)
    display.SetOpacity2DOutline(OUTLINE_OPACITY)
    display.SetSegmentOpacity2DFill(SEGMENT_ID, 1.0)
    placeBeside(scene, node, referenceNode)
    return node


def makeSurface(segmentation, segmentId):
    """Make the 3D surfaces of a vtkSegmentation anew, which Slicer would keep as they were, and shade that of a segment
    smoothly."""
    segmentation.CreateRepresentation(SURFACE, True)
    surface = segmentation.GetSegment(segmentId).GetRepresentation(SURFACE)
    if surface is None or surface.GetPointData().GetNormals() is not None or surface.GetPolys().GetMaxCellSize() != 3:
        return
    normals = vtk.vtkTriangleMeshPointNormals()  # surface nets make none
    normals.SetInputData(surface)
    normals.Update()
    surface.GetPointData().SetNormals(normals.GetOutput().GetPointData().GetNormals())


def referenceGrid(segmentationNode):
    """Return the reference geometry of a segmentation node as a vtkOrientedImageData without voxels."""
    grid = slicer.vtkOrientedImageData()
    parameter = slicer.vtkSegmentationConverter.GetReferenceImageGeometryParameterName()
    serialized = segmentationNode.GetSegmentation().GetConversionParameter(parameter)
    slicer.vtkSegmentationConverter.DeserializeImageGeometry(serialized, grid, False)
    return grid


def emptyLabelmap(grid):
    """Return a labelmap (vtkOrientedImageData of uint8) without a marked voxel on the whole of ``grid``."""
    labelmap = slicer.vtkOrientedImageData()
    labelmap.DeepCopy(grid)
    labelmap.AllocateScalars(vtk.VTK_UNSIGNED_CHAR, 1)
    labelmap.GetPointData().GetScalars().Fill(0)
    return labelmap


def placeBeside(scene, node, referenceNode):
    """Put ``node`` under the parent (study, folder) of ``referenceNode`` in the subject hierarchy."""
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    reference = hierarchy.GetItemByDataNode(referenceNode)
    parent = hierarchy.GetItemParent(reference) if reference else hierarchy.GetSceneItemID()
    item = hierarchy.GetItemByDataNode(node)
    if item:
        hierarchy.SetItemParent(item, parent)
    else:
        hierarchy.CreateItem(parent, node)


def provenanceText(provenance):
    """Return ``provenance`` (JSON-ready) as the value of a segment tag; segmentation files cut values at a bar."""
    return json.dumps(provenance, sort_keys=True, allow_nan=False).replace("|", "\\u007c")


def readProvenance(segmentationNode, segmentId=SEGMENT_ID):
    """Return what the segment says about its making, or None."""
    segment = segmentationNode.GetSegmentation().GetSegment(segmentId)
    value = vtk.reference("")
    return json.loads(str(value)) if segment is not None and segment.GetTag(PROVENANCE_TAG, value) else None


def _emptySegment(grid):
    """A segment whose labelmap covers the whole grid, so that lesions can be written into it anywhere."""
    segment = slicer.vtkSegment()
    segment.SetName(SEGMENT_NAME)
    segment.SetColor(*COLOUR)
    segment.SetTag(segment.GetTerminologyEntryTagName(), LESION)
    segment.AddRepresentation(LABELMAP, emptyLabelmap(grid))
    return segment
