"""What changed between two studies, as nodes of the scene."""

import slicer.util
import vtk
from vtk.util.numpy_support import vtk_to_numpy

from ..engine.follow_up import Comparison
from ..engine.follow_up_folder import describe, write_follow_up
from ..engine.lesion_changes import CLASSES
from ..engine.output_folder import output_folder
from ..engine.setting import Setting
from .change_nodes import createChangeSegmentation, createChangeTable, labelmapOf, updateChangeTable
from .segmentation import PROVENANCE_TAG, provenanceText
from .side_by_side import drawInTheRowsOnly


class FollowUpResult:
    """Shows a comparison, at any setting, in nodes that lie together in a folder of the subject hierarchy.

    ``pair``: the AlignedPair. ``earlierNode``, ``laterNode``: the reference volumes, which are not changed. Made are:
    ``transformNodes``, each study to the halfway space, put on nothing; ``volumeNodes``, copies of both volumes there;
    ``segmentationNode``, a segment for each class of change; ``tableNode``. The segmentation lies in the halfway space
    and would be in the wrong place on the volumes as they are, so it stays hidden until ``side_by_side`` shows it on
    the copies. Raises InputError, and adds nothing to the scene, for a pair that cannot be compared.
    """

    def __init__(self, scene, pair, earlierNode, laterNode):
        self.comparison = Comparison(pair)
        self.followUp = None
        self._scene, self._folderItem = scene, None
        names = [node.GetName() for node in (earlierNode, laterNode)]
        self._name = scene.GenerateUniqueName(f"{names[0]} to {names[1]}")
        self.transformNodes = tuple(
            _addTransform(scene, matrix, f"{word} study to halfway ({name})")
            for word, matrix, name in zip(("Earlier", "Later"), pair.to_halfway, names)
        )
        self.volumeNodes = tuple(
            _addVolume(scene, image, pair.geometry, f"{name} halfway ({word})")
            for word, image, name in zip(("earlier", "later"), pair.images, names)
        )
        self.tableNode = createChangeTable(scene, f"{self._name} changes")
        self.segmentationNode = None
        self._addSegmentation()
        self._gather()

    @property
    def inScene(self):
        """False once one of the nodes that show it was removed or the scene closed."""
        return all(node.GetScene() is not None for node in (self.segmentationNode, *self.volumeNodes, self.tableNode))

    def show(self, alpha, beta, limit=None, minimumVolumeMl=0.0):
        """Compare at alpha (false positives) and beta (false negatives) and show it; returns the engine's FollowUp.

        ``limit``: a ChangeLimit, its defaults when None. Where the segments were painted in since, the segmentation
        is kept as it is, hidden and renamed, and another one takes its place.
        """
        self.followUp = self.comparison.at(Setting(alpha=alpha, beta=beta), limit, minimumVolumeMl)
        if self._stamp != self._stampNow():
            self._keepEdited()
        labelmap = labelmapOf(self.segmentationNode)
        voxels = vtk_to_numpy(labelmap.GetPointData().GetScalars())
        voxels[:] = self.followUp.labels.transpose(2, 1, 0).reshape(-1)
        labelmap.GetPointData().GetScalars().Modified()
        described = describe(self.followUp)
        described.pop("changes")  # they are in the table
        for name in CLASSES:
            segment = self.segmentationNode.GetSegmentation().GetSegment(name)
            segment.SetTag(PROVENANCE_TAG, provenanceText(described))
            segment.Modified()
        self._stamp = self._stampNow()
        updateChangeTable(self.tableNode, self.followUp)
        return self.followUp

    def write(self, folder):
        """Write what is shown to ``folder``, as the command line does: table, label map, images, provenance."""
        with output_folder(folder) as made:
            write_follow_up(made, self.followUp)

    def _addSegmentation(self):
        self.segmentationNode = createChangeSegmentation(self._scene, self.volumeNodes[1], f"{self._name} changes")
        drawInTheRowsOnly(self.segmentationNode)
        self._stamp = self._stampNow()

    def _keepEdited(self):
        edited = self.segmentationNode
        self._addSegmentation()
        name = edited.GetName()
        edited.SetName(self._scene.GenerateUniqueName(f"{name} (edited)"))
        self.segmentationNode.SetName(name)
        self.segmentationNode.SetDisplayVisibility(edited.GetDisplayVisibility())
        edited.SetDisplayVisibility(False)
        self._gather()

    def _stampNow(self):
        """Changes whenever somebody changes the voxels, or may have done so."""
        labelmap = labelmapOf(self.segmentationNode)
        return None if labelmap is None else (labelmap.GetMTime(), labelmap.GetPointData().GetScalars().GetMTime())

    def _gather(self):
        """Put all nodes into one folder of the subject hierarchy."""
        hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(self._scene)
        if self._folderItem is None:
            self._folderItem = hierarchy.CreateFolderItem(hierarchy.GetSceneItemID(), self._name)
        for node in (*self.volumeNodes, self.segmentationNode, self.tableNode, *self.transformNodes):
            item = hierarchy.GetItemByDataNode(node)
            if item:
                hierarchy.SetItemParent(item, self._folderItem)
            else:
                hierarchy.CreateItem(self._folderItem, node)


def _addVolume(scene, array, geometry, name):
    node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)
    slicer.util.updateVolumeFromArray(node, array.transpose(2, 1, 0))
    node.SetIJKToRASMatrix(_matrix(geometry.affine))
    node.CreateDefaultDisplayNodes()
    return node


def _addTransform(scene, matrix, name):
    node = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode", name)
    node.SetMatrixTransformToParent(_matrix(matrix))
    return node


def _matrix(array):
    matrix = vtk.vtkMatrix4x4()
    matrix.DeepCopy(array.ravel().tolist())
    return matrix
