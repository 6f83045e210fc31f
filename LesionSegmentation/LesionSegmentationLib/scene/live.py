"""A segment whose voxels follow a slider, edited in place."""

import numpy as np
import slicer
import vtk
from vtk.util.numpy_support import vtk_to_numpy


class LiveSegment:
    """Shows sets of voxels in the segment's own binary labelmap, writing only the voxels that change.

    ``geometry``: the engine Geometry of the result, in the coordinates of the segmentation node. What somebody else
    writes into the segment between two calls, for example with the Segment Editor, is kept: painted voxels stay, erased
    ones stay erased, until :meth:`resetEdits`. Example::

        live = LiveSegment(segmentationNode, segmentId, curve.geometry)
        live.showLesions(find_lesions(curve, curve.at(0.3, 0.7)))
    """

    def __init__(self, segmentationNode, segmentId, geometry):
        self._node, self._segmentId, self._geometry = segmentationNode, segmentId, geometry
        size = int(np.prod(geometry.shape))
        self._written = np.zeros(size, bool)  # what the segment held after our last write
        self._wanted = np.zeros(size, bool)  # scratch, all False between calls
        self._lesions = self._painted = self._erased = np.zeros(0, np.int64)
        self._stamp = None
        self._open()

    @property
    def editedVoxels(self):
        """How many voxels were painted or erased by hand."""
        self._takeInEdits(self._open())
        return self._painted.size + self._erased.size

    def showLesions(self, lesions):
        """Show engine Lesions."""
        self.show(lesions.voxels)

    def show(self, voxels):
        """Show the voxels with these flat C-order [i, j, k] indices, and the hand edits."""
        labels = self._open()
        self._takeInEdits(labels)
        before, self._lesions = self._lesions, self._vtkOrder(voxels)
        self._write(labels, before)

    def resetEdits(self):
        """Forget all hand edits."""
        labels = self._open()
        self._takeInEdits(labels)
        before = np.concatenate([self._painted, self._erased])
        self._painted = self._erased = np.zeros(0, np.int64)
        self._write(labels, before)

    def updateSurface(self):
        """Bring the closed surface to what the labelmap holds now."""
        self._node.GetSegmentation().CreateRepresentation("Closed surface", True)

    def _write(self, labels, before):
        """Bring the segment to lesions and edits; only voxels of those and of ``before`` can change."""
        self._wanted[self._lesions] = True
        self._wanted[self._painted] = True
        self._wanted[self._erased] = False
        touched = np.concatenate([before, self._lesions, self._painted, self._erased])
        changed = touched[self._wanted[touched] != self._written[touched]]
        values = self._wanted[changed]
        segment = self._node.GetSegmentation().GetSegment(self._segmentId)
        labels[changed] = np.where(values, segment.GetLabelValue(), 0)
        self._written[changed] = values
        self._wanted[touched] = False
        # These two and no others: the image's own Modified() would neither redraw the slices nor keep the 3D surface.
        self._labelmap().GetPointData().GetScalars().Modified()
        segment.Modified()
        self._stamp = self._labelmap().GetMTime()

    def _takeInEdits(self, labels):
        """Where the segment is not what we last wrote, somebody edited it."""
        if self._stamp == self._labelmap().GetMTime():
            return
        held = labels == self._node.GetSegmentation().GetSegment(self._segmentId).GetLabelValue()
        changed = np.flatnonzero(held != self._written)
        painted, erased = changed[held[changed]], changed[~held[changed]]
        self._painted = np.union1d(np.setdiff1d(self._painted, erased), painted)
        self._erased = np.union1d(np.setdiff1d(self._erased, painted), erased)
        self._written = held
        self._stamp = self._labelmap().GetMTime()

    def _open(self):
        """The segment's voxels as a flat array that shares memory, on the whole grid and in a layer of its own.

        Fetched anew each time: an import or the Segment Editor may have put another array or a smaller box there.
        """
        segmentation = self._node.GetSegmentation()
        if segmentation.IsSharedBinaryLabelmap(self._segmentId):
            segmentation.SeparateSegmentLabelmap(self._segmentId)
        labelmap = self._labelmap()
        if not self._holdsWholeGrid(labelmap):
            grid = self._emptyGrid()
            whole = slicer.vtkOrientedImageData()
            if labelmap.IsEmpty():
                whole.DeepCopy(grid)
            else:
                slicer.vtkOrientedImageDataResample.ResampleOrientedImageToReferenceOrientedImage(
                    labelmap, grid, whole, False, False
                )
            labelmap.DeepCopy(whole)
        return vtk_to_numpy(labelmap.GetPointData().GetScalars())

    def _labelmap(self):
        segment = self._node.GetSegmentation().GetSegment(self._segmentId)
        return segment.GetRepresentation("Binary labelmap")

    def _holdsWholeGrid(self, labelmap):
        if labelmap.IsEmpty() or labelmap.GetExtent() != self._extent():
            return False
        matrix = vtk.vtkMatrix4x4()
        labelmap.GetImageToWorldMatrix(matrix)
        there = [[matrix.GetElement(row, column) for column in range(4)] for row in range(4)]
        return np.allclose(there, self._geometry.affine, atol=1e-4)

    def _extent(self):
        ni, nj, nk = self._geometry.shape
        return (0, ni - 1, 0, nj - 1, 0, nk - 1)

    def _emptyGrid(self):
        grid = slicer.vtkOrientedImageData()
        matrix = vtk.vtkMatrix4x4()
        for row in range(4):
            for column in range(4):
                matrix.SetElement(row, column, self._geometry.affine[row, column])
        grid.SetImageToWorldMatrix(matrix)
        grid.SetExtent(*self._extent())
        grid.AllocateScalars(vtk.VTK_UNSIGNED_CHAR, 1)
        grid.GetPointData().GetScalars().Fill(0)
        return grid

    def _vtkOrder(self, voxels):
        """VTK runs through i first, the engine through k."""
        ni, nj, nk = self._geometry.shape
        i, jk = np.divmod(np.asarray(voxels, np.int64), nj * nk)
        j, k = np.divmod(jk, nk)
        return i + ni * (j + nj * k)
