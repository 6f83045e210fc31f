"""The entry "Segment lesions" in the right-click menu of a volume. Slicer reads this file by its path at start-up.

There is no ``__init__.py`` beside it: the package SubjectHierarchyPlugins is Slicer's own.
"""

import qt
import slicer
import SubjectHierarchyPlugins
from slicer.i18n import tr as _

_base = SubjectHierarchyPlugins.AbstractScriptedSubjectHierarchyPlugin
# Some versions of Slicer have the class in the package, others a file of the same name that holds it.
_base = getattr(_base, "AbstractScriptedSubjectHierarchyPlugin", _base)


class LesionSegmentationSubjectHierarchyPlugin(_base):
    """Opens the module with the volume chosen; owns no item. The class is named after the file, as Slicer asks."""

    filePath = __file__

    def __init__(self, scriptedPlugin):
        scriptedPlugin.name = "LesionSegmentation"
        _base.__init__(self, scriptedPlugin)
        self.segmentAction = qt.QAction(_("Segment lesions"), scriptedPlugin)
        self.segmentAction.toolTip = _("Open the module Lesion Segmentation with this volume chosen.")
        self.segmentAction.triggered.connect(self.onSegment)

    def itemContextMenuActions(self):
        return [self.segmentAction]

    def showContextMenuActionsForItem(self, itemID):
        """Slicer hides all actions before it asks: those that fit the item are shown here."""
        self.segmentAction.visible = _volumeOf(itemID) is not None

    def onSegment(self):
        volumeNode = _volumeOf(slicer.qSlicerSubjectHierarchyPluginHandler.instance().currentItem())
        if volumeNode is not None:
            slicer.util.selectModule("LesionSegmentation")
            slicer.util.getModuleWidget("LesionSegmentation").logic.chooseStudy(volumeNode)


def _volumeOf(itemID):
    """The image of an item; None for no item, for label maps and colours, and for the volumes of a result."""
    from LesionSegmentationLib.scene.study_choice import isImage

    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(slicer.mrmlScene)
    node = hierarchy.GetItemDataNode(itemID) if itemID else None
    return node if isImage(node) else None
