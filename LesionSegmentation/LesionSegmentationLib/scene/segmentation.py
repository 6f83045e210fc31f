"""The segmentation node that lesions are shown in."""

import slicer

# Seven parts: context, category, type, type modifier, region context, region, region modifier. SCT 52988006 stands in
# none of Slicer's own lists; Resources/LesionSegmentation.term.json makes it known.
TERMINOLOGY = (
    "LesionSegmentation~SCT^49755003^Morphologically Altered Structure~SCT^52988006^Lesion~^^"
    "~Anatomic codes - DICOM master list~SCT^12738006^Brain~^^"
)
COLOUR = (1.0, 0.32, 0.2)
FILL, OUTLINE = 0.35, 1.0


def createLesionSegmentation(scene, referenceNode, name):
    """Add a segmentation node with one empty segment "Lesion" to the scene and return it.

    It has the geometry of ``referenceNode``, moves with it under its parent transform, and stands beside it in the
    subject hierarchy, so that a DICOM export finds the study.
    """
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", name)
    node.CreateDefaultDisplayNodes()
    node.SetReferenceImageGeometryParameterFromVolumeNode(referenceNode)
    node.SetAndObserveTransformNodeID(referenceNode.GetTransformNodeID())
    segmentId = node.GetSegmentation().AddEmptySegment("Lesion", "Lesion", COLOUR)
    segment = node.GetSegmentation().GetSegment(segmentId)
    segment.SetTag(segment.GetTerminologyEntryTagName(), TERMINOLOGY)
    display = node.GetDisplayNode()
    display.SetOpacity2DFill(FILL)
    display.SetOpacity2DOutline(OUTLINE)
    _placeBeside(scene, node, referenceNode)
    return node


def loadTerminology(terminologiesLogic, path):
    """Make the type "Lesion" known to Slicer's terminology dialog; answers the name of the context."""
    return terminologiesLogic.LoadTerminologyFromFile(str(path))


def setProvenance(node, segmentId, values):
    """Write what made the segment into its tags, which every save keeps. ``values``: texts by name, e.g. "Model"."""
    segment = node.GetSegmentation().GetSegment(segmentId)
    for name, value in values.items():
        # The file format ends a tag at "|".
        segment.SetTag(f"LesionSegmentation.{name}", str(value).replace("|", "/"))


def _placeBeside(scene, node, referenceNode):
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    reference = hierarchy.GetItemByDataNode(referenceNode)
    item = hierarchy.GetItemByDataNode(node) or hierarchy.CreateItem(hierarchy.GetSceneItemID(), node)
    if reference:
        hierarchy.SetItemParent(item, hierarchy.GetItemParent(reference))
