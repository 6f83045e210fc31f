"""Subject hierarchy items for new nodes.

In Slicer the Qt plugin handler of the SubjectHierarchy module adds an item when a node is added; ``slicer-core`` has
the node but not the plugins. The rule emulated: every node that is not hidden from editors and is something the user
owns (data, not a display, storage or view node) becomes a child of the scene item.
"""

import slicer
import vtk

_OWNED_CLASSES = ("vtkMRMLDisplayableNode", "vtkMRMLTableNode", "vtkMRMLTextNode")
_VIEW_CLASSES = ("vtkMRMLAbstractViewNode", "vtkMRMLCameraNode")


def observe(scene):
    """Make the scene's subject hierarchy node and keep it up to date with nodes added and removed."""
    slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def onNodeAdded(caller, event, node):
        if _isOwnedByUser(node):
            hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
            if not hierarchy.GetItemByDataNode(node):
                hierarchy.CreateItem(hierarchy.GetSceneItemID(), node)

    @vtk.calldata_type(vtk.VTK_OBJECT)
    def onNodeRemoved(caller, event, node):
        if scene.IsClosing() or not _isOwnedByUser(node):
            return
        hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
        item = hierarchy.GetItemByDataNode(node)
        if item:
            hierarchy.RemoveItem(item, False, False)

    scene.AddObserver(scene.NodeAddedEvent, onNodeAdded)
    scene.AddObserver(scene.NodeRemovedEvent, onNodeRemoved)


def _isOwnedByUser(node):
    if node is None or node.GetHideFromEditors():
        return False
    return any(node.IsA(name) for name in _OWNED_CLASSES) and not any(node.IsA(name) for name in _VIEW_CLASSES)
