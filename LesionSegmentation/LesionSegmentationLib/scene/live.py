"""The live segmentation: the segment's own labelmap, edited in place.

Slicer's way to set a segment from an array copies the whole volume several times. Here only the voxels that change are
written, so that the overlay follows a slider. What makes that safe, in the order it is done for every write:

- the labelmap is asked for anew: imports and the Segment Editor exchange it, crop it or share it with other segments;
- hand edits made since the last write are found and kept apart from what the slider asks for;
- the scalars and then the segment are marked as modified, never the image: that would refresh nothing in the slice
  views and throw the 3D surface away.
"""

from contextlib import contextmanager

import numpy as np
import slicer
from vtk.util.numpy_support import vtk_to_numpy

from ..engine.errors import InputError
from .segmentation import LABELMAP, SURFACE, referenceGrid

# States of a voxel, one bit each.
_SHOWN, _WANTED, _PAINTED, _ERASED = (np.uint8(1 << bit) for bit in range(4))


class LiveSegment:
    """Shows any set of voxels in one segment of a segmentation node, at slider speed.

    ``curve``: the OperatingCurve whose voxels are shown; its grid must be that of the node. Voxels are flat C-order
    indices of [i, j, k]. What the segment holds at the start counts as shown by us. Raises InputError when the segment
    is not there or the grids differ.

    Hand edits, with whatever tool, survive every later :meth:`show`: a painted voxel stays, an erased one stays away,
    until :meth:`resetEdits`.
    """

    def __init__(self, segmentationNode, segmentId, curve):
        self._node = segmentationNode
        self._segmentId = segmentId
        self._shape = curve.geometry.shape
        self._grid = referenceGrid(segmentationNode)
        if self._grid.GetDimensions() != self._shape:
            raise InputError(f"{segmentationNode.GetName()} has another grid than the result to show in it.")
        self._states = np.zeros(int(np.prod(self._shape)), np.uint8)
        self._shown = self._painted = self._erased = np.zeros(0, np.int64)
        labelmap = self._labelmap()
        self._shown = self._present(labelmap)
        self._states[self._shown] = _SHOWN
        self._stamp = self._stampOf(labelmap)

    @property
    def shown(self):
        """Flat indices of the voxels in the segment as last written, hand edits included; unsorted."""
        return self._shown

    def edits(self):
        """Return the hand edits made so far: two sorted arrays of flat indices, (painted, erased)."""
        self._collectEdits(self._labelmap())
        return self._painted, self._erased

    def resetEdits(self):
        """Forget the hand edits; the next :meth:`show` shows what it is given and nothing else."""
        self._collectEdits(self._labelmap())
        self._states &= _SHOWN
        self._painted = self._erased = np.zeros(0, np.int64)

    def showLesions(self, lesions):
        """Show the voxels of engine Lesions."""
        self.show(lesions.voxels)

    def show(self, voxels):
        """Show exactly ``voxels`` (flat indices, each once) and the hand edits on top of them."""
        labelmap = self._labelmap()
        self._collectEdits(labelmap)
        added, removed = self._exchange(voxels)
        if added.size or removed.size:
            array = _arrayOf(labelmap)
            array[self._vtkIndex(removed)] = 0
            array[self._vtkIndex(added)] = self._segment().GetLabelValue()
            labelmap.GetPointData().GetScalars().Modified()
            self._segment().Modified()
            self._stamp = self._stampOf(labelmap)

    def setTag(self, name, value):
        """Set a tag of the segment."""
        with self._ownChange():
            self._segment().SetTag(name, value)

    def updateSurface(self):
        """Make the 3D surface of what is shown, anew: Slicer would keep an old one."""
        with self._ownChange():
            self._node.GetSegmentation().CreateRepresentation(SURFACE, True)

    def _exchange(self, voxels):
        """Take ``voxels`` and the edits as shown from now on; return the flat indices (added, removed)."""
        states, old = self._states, self._shown
        voxels = voxels[states[voxels] & _ERASED == 0]
        states[voxels] |= _WANTED
        new = np.concatenate([voxels, self._painted[states[self._painted] & _WANTED == 0]])
        states[new] |= _WANTED
        added = new[states[new] & _SHOWN == 0]
        removed = old[states[old] & _WANTED == 0]
        states[removed] ^= _SHOWN
        states[added] ^= _SHOWN
        states[new] ^= _WANTED
        self._shown = new
        return added, removed

    def _collectEdits(self, labelmap):
        """Find what others changed in the segment since the last write."""
        if self._stampOf(labelmap) == self._stamp:
            return
        states, old = self._states, self._shown
        present = self._present(labelmap)
        states[present] |= _WANTED
        painted = present[states[present] & _SHOWN == 0]
        erased = old[states[old] & _WANTED == 0]
        states[present] ^= _WANTED
        states[painted] = _SHOWN | _PAINTED
        states[erased] = _ERASED
        if painted.size or erased.size:
            self._painted = np.flatnonzero(states & _PAINTED)
            self._erased = np.flatnonzero(states & _ERASED)
            self._shown = present
        self._stamp = self._stampOf(labelmap)

    def _segment(self):
        segment = self._node.GetSegmentation().GetSegment(self._segmentId)
        if segment is None:
            raise InputError(f"The segment {self._segmentId} was removed from {self._node.GetName()}.")
        return segment

    def _labelmap(self):
        """The segment's labelmap of this moment, its own and on the whole grid."""
        segmentation, segment = self._node.GetSegmentation(), self._segment()
        hadSurface = segmentation.ContainsRepresentation(SURFACE)
        sharing = []
        segmentation.GetSegmentIDsSharingBinaryLabelmapRepresentation(self._segmentId, sharing, False)
        if sharing:
            # In a layer shared with other segments every voxel belongs to one of them only.
            segmentation.SeparateSegmentLabelmap(self._segmentId)
        labelmap = segment.GetRepresentation(LABELMAP)
        if labelmap is None:
            raise InputError(f"The segment {segment.GetName()} of {self._node.GetName()} has no binary labelmap.")
        resample = slicer.vtkOrientedImageDataResample
        if not (resample.DoGeometriesMatch(labelmap, self._grid) and resample.DoExtentsMatch(labelmap, self._grid)):
            whole = slicer.vtkOrientedImageData()
            resample.ResampleOrientedImageToReferenceOrientedImage(labelmap, self._grid, whole)
            labelmap.DeepCopy(whole)
        if hadSurface and not segmentation.ContainsRepresentation(SURFACE):
            # Slicer throws it away with the old labelmap, and then nothing would be left in the 3D view.
            segmentation.CreateRepresentation(SURFACE, True)
        return labelmap

    def _present(self, labelmap):
        """Flat indices of the voxels that are in the segment."""
        inside = np.flatnonzero(_arrayOf(labelmap) == self._segment().GetLabelValue())
        return np.ravel_multi_index(np.unravel_index(inside, self._shape[::-1])[::-1], self._shape)

    def _vtkIndex(self, voxels):
        """VTK runs through the voxels with i fastest, C order with k fastest."""
        return np.ravel_multi_index(np.unravel_index(voxels, self._shape)[::-1], self._shape[::-1])

    def _stampOf(self, labelmap):
        """Changes whenever somebody changes the voxels, or may have done so."""
        return labelmap.GetMTime(), self._segment().GetMTime()

    @contextmanager
    def _ownChange(self):
        """For changes to the segment that leave its voxels alone."""
        labelmap = self._labelmap()
        self._collectEdits(labelmap)
        yield
        self._stamp = self._stampOf(labelmap)


def _arrayOf(labelmap):
    """The voxels of a labelmap, flat, in VTK's order; a view."""
    return vtk_to_numpy(labelmap.GetPointData().GetScalars())
