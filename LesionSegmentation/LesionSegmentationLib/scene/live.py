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
from .segmentation import LABELMAP, SURFACE, makeSurface, referenceGrid

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
        self._lesions = self._noted = lesions  # asked for, where it is engine Lesions; and those the states speak of
        self._places = None, None  # a curve, and where in the labelmap its voxels are
        labelmap = self._labelmap()
        self._asked = self._present(labelmap) if lesions is None else None
        self._states[self._askedVoxels()] = _ASKED
        self._stamp = self._stampOf(labelmap) if lesions is None else None

    @property
    def shown(self):
        """Flat indices of the voxels in the segment as last written, hand edits included; unsorted."""
        states, asked = self._statesNow(), self._askedVoxels()
        asked = asked[states[asked] & _ERASED == 0]
        return np.concatenate([asked, self._painted[states[self._painted] & _ASKED == 0]])

    def edits(self):
        """Return the hand edits made so far: two sorted arrays of flat indices, (painted, erased)."""
        self._collectEdits(self._labelmap())
        return self._painted, self._erased

    def overrides(self):
        """Return the hand edits that change what is asked for: flat indices (painted beyond it, erased from it)."""
        painted, erased = self.edits()
        if not (painted.size or erased.size):
            return painted, erased
        states = self._statesNow()
        return painted[states[painted] & _ASKED == 0], erased[states[erased] & _ASKED != 0]

    def resetEdits(self):
        """Forget the hand edits and show what was last asked for, nothing else."""
        labelmap = self._labelmap()
        self._collectEdits(labelmap)
        painted, erased, states = self._painted, self._erased, self._statesNow()
        self._painted = self._erased = np.zeros(0, np.int64)
        states &= ~_EDITED
        back, away = erased[states[erased] & _ASKED != 0], painted[states[painted] & _ASKED == 0]
        self._write(labelmap, _turned(back, self._shape), _turned(away, self._shape))

    def showLesions(self, lesions, tags=None):
        """Show the voxels of engine Lesions, and set ``tags`` of the segment, {name: value}; one event at most."""
        earlier = self._lesions
        if earlier is None or earlier.curve is not lesions.curve:
            self.show(lesions.voxels, tags)
            self._lesions = self._noted = lesions
            return
        labelmap = self._labelmap()
        self._collectEdits(labelmap)
        added, removed = lesions.changes_from(earlier)
        if self._painted.size or self._erased.size:
            order = lesions.curve.order
            added, removed = added[self._unedited(order[added])], removed[self._unedited(order[removed])]
        places = self._placesOf(lesions.curve)
        self._lesions = lesions
        self._write(labelmap, places[added], places[removed], tags)

    def show(self, voxels, tags=None):
        """Show exactly ``voxels`` (flat indices, each once) and the hand edits on top of them."""
        labelmap = self._labelmap()
        self._collectEdits(labelmap)
        added, removed = (part[self._unedited(part)] for part in self._exchange(voxels))
        self._write(labelmap, _turned(added, self._shape), _turned(removed, self._shape), tags)

    def updateSurface(self):
        """Make the 3D surface of what is shown, anew: Slicer would keep an old one."""
        with self._ownChange():
            makeSurface(self._node.GetSegmentation(), self._segmentId)

    def _exchange(self, voxels):
        """Take ``voxels`` as what is asked for from now on; return the flat indices (added, removed)."""
        states, asked = self._statesNow(), self._askedVoxels()
        # Settings give prefixes of one ranking: what two of them begin with in common need not be looked at.
        common = _commonLength(asked, voxels)
        old, new = asked[common:], voxels[common:]
        states[new] |= _MARKED
        added = new[states[new] & _ASKED == 0]
        removed = old[states[old] & _MARKED == 0]
        states[new] ^= _MARKED
        states[added] ^= _ASKED
        states[removed] ^= _ASKED
        self._asked, self._lesions, self._noted = voxels, None, None
        return added, removed

    def _unedited(self, voxels):
        """Which voxels have no hand edit that stands above what is asked for."""
        return self._states[voxels] & _EDITED == 0

    def _askedVoxels(self):
        return self._asked if self._lesions is None else self._lesions.voxels

    def _statesNow(self):
        """The states, brought to what is asked for. Only hand edits need them, not each move of a slider."""
        if self._noted is not self._lesions:
            for changed in self._lesions.changes_from(self._noted):
                self._states[self._lesions.curve.order[changed]] ^= _ASKED
            self._noted = self._lesions
        return self._states

    def _placesOf(self, curve):
        """The places in the labelmap of the voxels of a curve, which may have got more of them since."""
        known, places = self._places
        if known is not curve or places.size != curve.order.size:
            places = _turned(curve.order, self._shape)
            self._places = curve, places
        return places

    def _write(self, labelmap, added, removed, tags=None):
        """Write the voxels (places in the labelmap) that enter and leave, and tags; tell those who draw it, once."""
        segment, before = self._segment(), self._segment().GetMTime()
        changed = added.size or removed.size
        if changed:
            array = _arrayOf(labelmap)
            array[removed] = 0
            array[added] = segment.GetLabelValue()
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
            makeSurface(segmentation, self._segmentId)
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
