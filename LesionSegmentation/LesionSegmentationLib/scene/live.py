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

# States of a voxel, one bit each. It is in the segment when it is asked for or painted, and not erased.
_ASKED, _PAINTED, _ERASED, _MARKED = (np.uint8(1 << bit) for bit in range(4))
_EDITED = _PAINTED | _ERASED


class LiveSegment:
    """Shows any set of voxels in one segment of a segmentation node, at slider speed.

    ``curve``: the OperatingCurve whose voxels are shown; its grid must be that of the node. Voxels are flat C-order
    indices of [i, j, k]. What the segment holds at the start counts as asked for, unless ``lesions`` are given, those
    that were asked for last: then all else counts as edited by hand. Raises InputError when the segment is not there or
    the grids differ.

    Hand edits, with whatever tool, survive every later :meth:`show`: a painted voxel stays, an erased one stays away,
    until :meth:`resetEdits`.
    """

    def __init__(self, segmentationNode, segmentId, curve, lesions=None):
        self._node = segmentationNode
        self._segmentId = segmentId
        self._shape = curve.geometry.shape
        self._grid = referenceGrid(segmentationNode)
        if self._grid.GetDimensions() != self._shape:
            raise InputError(f"{segmentationNode.GetName()} has another grid than the result to show in it.")
        self._states = np.zeros(int(np.prod(self._shape)), np.uint8)
        self._painted = self._erased = np.zeros(0, np.int64)
        self._lesions = lesions  # what is asked for, where it is engine Lesions
        labelmap = self._labelmap()
        self._asked = self._present(labelmap) if lesions is None else lesions.voxels  # None where not listed
        self._states[self._asked] = _ASKED
        self._stamp = self._stampOf(labelmap) if lesions is None else None

    @property
    def shown(self):
        """Flat indices of the voxels in the segment as last written, hand edits included; unsorted."""
        asked = self._askedVoxels()
        asked = asked[self._states[asked] & _ERASED == 0]
        return np.concatenate([asked, self._painted[self._states[self._painted] & _ASKED == 0]])

    def edits(self):
        """Return the hand edits made so far: two sorted arrays of flat indices, (painted, erased)."""
        self._collectEdits(self._labelmap())
        return self._painted, self._erased

    def overrides(self):
        """Return the hand edits that change what is asked for: flat indices (painted beyond it, erased from it)."""
        painted, erased = self.edits()
        states = self._states
        return painted[states[painted] & _ASKED == 0], erased[states[erased] & _ASKED != 0]

    def resetEdits(self):
        """Forget the hand edits and show what was last asked for, nothing else."""
        labelmap = self._labelmap()
        self._collectEdits(labelmap)
        painted, erased = self._painted, self._erased
        self._painted = self._erased = np.zeros(0, np.int64)
        self._states &= ~_EDITED
        self._write(labelmap, erased[self._states[erased] & _ASKED != 0], painted[self._states[painted] & _ASKED == 0])

    def showLesions(self, lesions, tags=None):
        """Show the voxels of engine Lesions, and set ``tags`` of the segment, {name: value}; one event at most."""
        earlier = self._lesions
        if earlier is None or earlier.curve is not lesions.curve:
            self.show(lesions.voxels, tags)
        else:
            labelmap = self._labelmap()
            self._collectEdits(labelmap)
            added, removed = lesions.changes_from(earlier)
            self._states[added] ^= _ASKED
            self._states[removed] ^= _ASKED
            self._asked = None
            self._writeUnedited(labelmap, added, removed, tags)
        self._lesions = lesions

    def show(self, voxels, tags=None):
        """Show exactly ``voxels`` (flat indices, each once) and the hand edits on top of them."""
        labelmap = self._labelmap()
        self._collectEdits(labelmap)
        self._lesions = None
        added, removed = self._exchange(voxels)
        self._writeUnedited(labelmap, added, removed, tags)

    def updateSurface(self):
        """Make the 3D surface of what is shown, anew: Slicer would keep an old one."""
        with self._ownChange():
            self._node.GetSegmentation().CreateRepresentation(SURFACE, True)

    def _exchange(self, voxels):
        """Take ``voxels`` as what is asked for from now on; return the flat indices (added, removed)."""
        states = self._states
        asked = self._askedVoxels()
        # Settings give prefixes of one ranking: what two of them begin with in common need not be looked at.
        common = _commonLength(asked, voxels)
        old, new = asked[common:], voxels[common:]
        states[new] |= _MARKED
        added = new[states[new] & _ASKED == 0]
        removed = old[states[old] & _MARKED == 0]
        states[new] ^= _MARKED
        states[added] ^= _ASKED
        states[removed] ^= _ASKED
        self._asked = voxels
        return added, removed

    def _askedVoxels(self):
        if self._asked is None:
            self._asked = np.flatnonzero(self._states & _ASKED)
        return self._asked

    def _writeUnedited(self, labelmap, added, removed, tags):
        """Write what changed in what is asked for, where no hand edit stands above it."""
        if self._painted.size or self._erased.size:
            added, removed = (part[self._states[part] & _EDITED == 0] for part in (added, removed))
        self._write(labelmap, added, removed, tags)

    def _write(self, labelmap, added, removed, tags=None):
        """Write the voxels that enter and leave the segment, and its tags; tell those who draw it, once."""
        segment, before = self._segment(), self._segment().GetMTime()
        changed = added.size or removed.size
        if changed:
            array = _arrayOf(labelmap)
            array[_turned(removed, self._shape)] = 0
            array[_turned(added, self._shape)] = segment.GetLabelValue()
            labelmap.GetPointData().GetScalars().Modified()
        for name, value in (tags or {}).items():
            segment.SetTag(name, value)  # says that the segment was modified where the value is another one
        if changed and segment.GetMTime() == before:
            segment.Modified()
        self._stamp = self._stampOf(labelmap)

    def _collectEdits(self, labelmap):
        """Find what others changed in the segment since the last write."""
        if self._stampOf(labelmap) == self._stamp:
            return
        states, expected, present = self._states, self.shown, self._present(labelmap)
        states[present] |= _MARKED
        erased = expected[states[expected] & _MARKED == 0]
        states[present] ^= _MARKED
        states[expected] |= _MARKED
        painted = present[states[present] & _MARKED == 0]
        states[expected] ^= _MARKED
        if painted.size or erased.size:
            states[painted] = states[painted] & _ASKED | _PAINTED
            states[erased] = states[erased] & _ASKED | _ERASED
            self._painted = np.flatnonzero(states & _PAINTED)
            self._erased = np.flatnonzero(states & _ERASED)
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
        return _turned(inside, self._shape[::-1])

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
    """The voxels of a labelmap, flat, in VTK's order (i runs fastest); a view."""
    return vtk_to_numpy(labelmap.GetPointData().GetScalars())


def _turned(voxels, shape):
    """Return flat C-order indices into ``shape`` as those of the same voxels where the axes come in reverse order."""
    first, second, third = shape
    rows = voxels // third
    planes = rows // second
    return ((voxels - rows * third) * second + rows - planes * second) * first + planes


def _commonLength(one, other):
    """How many elements two arrays have in common at their beginning."""
    length = min(one.size, other.size)
    differs = one[:length] != other[:length]
    return int(differs.argmax()) if differs.any() else length
