"""Which volumes of the scene belong to one examination: those that lie together in the subject hierarchy."""

import slicer

from .segmentation import ROLE
from .volumes import volumeTexts


def isImage(node):
    """Whether a node is a volume that can be a channel: no label map, no colours, nothing that a result consists of."""
    return (
        node is not None
        and node.GetClassName() == "vtkMRMLScalarVolumeNode"
        and not node.GetHideFromEditors()
        and node.GetAttribute(ROLE) is None
    )


def textsBeside(volumeNode):
    """Return {node ID: (name, DICOM series description)} of the volumes under the parent of ``volumeNode``, itself too.

    The parent is the study where Slicer's DICOM module loaded it, else the folder or the scene.
    """
    scene = volumeNode.GetScene()
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    parent = hierarchy.GetItemParent(hierarchy.GetItemByDataNode(volumeNode))
    found = {}
    for identifier, texts in volumeTexts(scene).items():
        node = scene.GetNodeByID(identifier)
        if isImage(node) and hierarchy.GetItemParent(hierarchy.GetItemByDataNode(node)) == parent:
            found[identifier] = texts
    return found
