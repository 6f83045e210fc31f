"""Two segmentations of the scene on their way through the worker, which lays the two heads on each other."""

import os
from pathlib import Path
from typing import NamedTuple

import numpy as np
import slicer.util

from ..engine.alignment_folder import load_alignment, write_map
from ..engine.errors import InputError
from ..engine.probability_map import ProbabilityMap
from .segmentation import SEGMENT_ID
from .volumes import volumeGeometry, writeNode
from .worker_run import WorkerRun

CHANGES_ATTRIBUTE = "LesionSegmentation.FollowUp"  # of segmentation nodes that are themselves comparisons


class ComparedStudy(NamedTuple):
    """One of the two: the volume that was segmented, what is in it, and whether that is a mask as it was drawn."""

    referenceNode: object
    probabilityMap: ProbabilityMap
    drawn: bool


def studyOf(segmentationNode, result=None):
    """Return the ComparedStudy of a segmentation node.

    ``result``: the LesionResult behind it, where this session has one: then its probabilities are compared, with the
    hand edits on top of them. Otherwise the segment is compared as it is drawn. Raises InputError, one sentence, for a
    node without a volume or without one lesion segment.
    """
    if segmentationNode.GetAttribute(CHANGES_ATTRIBUTE):
        raise InputError(f"{segmentationNode.GetName()} is itself a comparison; choose the segmentation of one study.")
    referenceNode = referenceVolumeOf(segmentationNode)
    if result is not None and result.inScene:
        return ComparedStudy(referenceNode, result.editedMap(), False)
    segmentId = lesionSegmentOf(segmentationNode)
    array = slicer.util.arrayFromSegmentBinaryLabelmap(segmentationNode, segmentId, referenceNode)
    mask = np.ascontiguousarray(array.transpose(2, 1, 0) > 0, np.float32)
    drawnAs = {"drawn_as": segmentationNode.GetName()}
    return ComparedStudy(referenceNode, ProbabilityMap(mask, volumeGeometry(referenceNode), provenance=drawnAs), True)


def referenceVolumeOf(segmentationNode):
    """Return the volume that a segmentation was made on; InputError when it is not in the scene."""
    role = slicer.vtkMRMLSegmentationNode.GetReferenceImageGeometryReferenceRole()
    node = segmentationNode.GetNodeReference(role)
    if node is None or not node.IsA("vtkMRMLScalarVolumeNode"):
        raise InputError(
            f"The volume that {segmentationNode.GetName()} was made on is not in the scene; load it and choose it as "
            "the source geometry of the segmentation."
        )
    return node


def lesionSegmentOf(segmentationNode):
    """Return the id of the segment that holds the lesions: "Lesion", or the only one there is."""
    segmentation = segmentationNode.GetSegmentation()
    ids = list(segmentation.GetSegmentIDs())
    if SEGMENT_ID in ids:
        return SEGMENT_ID
    if len(ids) != 1:
        raise InputError(
            f"{segmentationNode.GetName()} has {len(ids)} segments and none with the ID {SEGMENT_ID}; choose a "
            "segmentation with one segment, the lesions."
        )
    return ids[0]


class FollowUpRun(WorkerRun):
    """Aligns two ComparedStudy in the worker; :attr:`pair` is the AlignedPair when it is done.

    Raises InputError, one sentence, for a volume that cannot be used, OSError when the disk does not take the files.
    """

    def __init__(self, worker, earlier, later):
        self.pair = None
        self.studies = earlier, later
        super().__init__(worker)

    def handOver(self, folder):
        """Write both studies and send the job; see WorkerRun."""
        job = {"output": os.path.join(folder, "result")}
        for word, study in zip(("earlier", "later"), self.studies):
            image = os.path.join(folder, f"{word}.nrrd")
            writeNode(study.referenceNode, image)
            write_map(Path(folder, word), study.probabilityMap)
            job[word] = {"image": image, "map": os.path.join(folder, word), "drawn": study.drawn}
        return self._worker.follow_up(job)

    def takeResult(self, output):
        """Read what the worker left; see WorkerRun."""
        self.pair = load_alignment(output)
