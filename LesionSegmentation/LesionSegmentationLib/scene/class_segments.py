"""Classes of voxels as segments: no voxel is of two classes, so they share one labelmap."""

import slicer

from .segmentation import LABELMAP, emptyLabelmap


def addClassSegments(segmentationNode, grid, classes):
    """Add an empty segment a class on the whole of ``grid`` (vtkOrientedImageData, as of ``referenceGrid``).

    ``classes``: {ID of the segment: (name, colour)}; their values in the shared labelmap are 1, 2, ... in this order.
    """
    labelmap = emptyLabelmap(grid)
    for value, (segmentId, (name, colour)) in enumerate(classes.items(), start=1):
        segment = slicer.vtkSegment()
        segment.SetName(name)
        segment.SetColor(*colour)
        segment.AddRepresentation(LABELMAP, labelmap)
        segment.SetLabelValue(value)
        segmentationNode.GetSegmentation().AddSegment(segment, segmentId)


def sharedLabelmap(segmentationNode, ids):
    """Return the labelmap that the segments ``ids`` share, None where somebody removed or separated one of them."""
    segments = [segmentationNode.GetSegmentation().GetSegment(segmentId) for segmentId in ids]
    images = {None if segment is None else segment.GetRepresentation(LABELMAP) for segment in segments}
    return images.pop() if len(images) == 1 else None
