"""What the scene tests stand on: a real MRML scene and small volumes on awkward grids.

The tests are plain unittest classes, so that a Slicer build runs the same files through CTest; the stand-ins take over
only where there is no Slicer application.
"""

import tempfile
import unittest
from pathlib import Path

import numpy as np
import slicer
import slicer.util
import vtk
from scipy.spatial.transform import Rotation

from LesionSegmentationLib.engine.geometry import Geometry
from LesionSegmentationLib.engine.operating_curve import OperatingCurve
from slicer_stand_ins.boot import bootScene

SHAPE = (40, 36, 28)


def affine(angles=(0, 0, 0), spacing=(1, 1, 1), signs=(1, 1, 1), order=(0, 1, 2), shape=SHAPE):
    """Voxel -> RAS with the middle of the grid near the origin: turned (degrees), stretched, flipped, permuted."""
    matrix = np.eye(4)
    axes = Rotation.from_euler("xyz", angles, degrees=True).as_matrix() * np.multiply(spacing, signs)
    matrix[:3, :3] = axes[:, list(order)]
    matrix[:3, 3] = (3.7, -5.2, 8.1) - matrix[:3, :3] @ ((np.array(shape) - 1) / 2)
    return matrix


GRIDS = {
    "plain": affine(),
    "left-handed": affine(signs=(-1, 1, 1), spacing=(1, 1.1, 1.3)),
    "anisotropic": affine(spacing=(0.7, 0.7, 3)),
    "oblique": affine((14, -9, 23), (0.9, 1, 1.2)),
    "oblique, left-handed, permuted": affine((-11, 16, 8), (0.8, 1, 2.5), (-1, -1, 1), (2, 0, 1)),
}


class SceneTestCase(unittest.TestCase):
    """A test with an empty scene, ``self.scene``."""

    def setUp(self):
        self.scene = bootScene()

    def addVolume(self, matrix=None, array=None, name="FLAIR"):
        """Add a scalar volume node of ``array`` (i, j, k), noise when None, with ``matrix`` voxel -> RAS."""
        if array is None:
            array = np.random.default_rng(1).integers(0, 900, SHAPE).astype(np.int16)
        node = slicer.util.addVolumeFromArray(np.ascontiguousarray(array.transpose(2, 1, 0)), name=name)
        node.SetIJKToRASMatrix(vtkMatrix(np.eye(4) if matrix is None else matrix))
        node.CreateDefaultDisplayNodes()
        return node

    def addSegmentation(self, masks, volumeNode, name):
        """Add a segmentation on the grid of ``volumeNode`` with one segment for each of ``masks``, (i, j, k)."""
        node = self.scene.AddNewNodeByClass("vtkMRMLSegmentationNode", name)
        node.SetReferenceImageGeometryParameterFromVolumeNode(volumeNode)
        for number, mask in enumerate(masks):
            segment = node.GetSegmentation().AddEmptySegment(f"s{number}")
            array = np.ascontiguousarray(mask.transpose(2, 1, 0).astype(np.uint8))
            slicer.util.updateSegmentBinaryLabelmapFromArray(array, node, segment, volumeNode)
        return node

    def temporaryFolder(self):
        """Return a folder that goes when the test ends."""
        folder = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        self.addCleanup(folder.cleanup)
        return Path(folder.name)


def vtkMatrix(array):
    """Return a (4, 4) array as vtkMatrix4x4."""
    matrix = vtk.vtkMatrix4x4()
    matrix.DeepCopy(np.asarray(array, float).ravel().tolist())
    return matrix


def blobs(shape=SHAPE, seed=0, count=9):
    """Return a probability volume, float32 (i, j, k): soft balls of several sizes, none of it symmetric."""
    rng = np.random.default_rng(seed)
    grid = np.stack(np.meshgrid(*[np.arange(n) for n in shape], indexing="ij"), -1)
    logit = rng.normal(-7, 0.5, shape)
    for _ in range(count):
        centre, radius = rng.uniform(2, np.array(shape) - 3), rng.uniform(0.8, 5)
        distance = np.linalg.norm((grid - centre) * rng.uniform(0.7, 1.3, 3), axis=-1)
        logit = np.maximum(logit, rng.uniform(1, 3) + (radius - distance) * 1.5)
    return (1 / (1 + np.exp(-logit))).astype(np.float32)


def curveOf(probability, matrix=None):
    """Return the OperatingCurve of a probability volume (i, j, k)."""
    return OperatingCurve(probability, Geometry(probability.shape, np.eye(4) if matrix is None else matrix))


def segmentArray(segmentationNode, segmentId, referenceNode):
    """Return the segment's voxels, uint8 (i, j, k), as Slicer's own export gives them."""
    array = slicer.util.arrayFromSegmentBinaryLabelmap(segmentationNode, segmentId, referenceNode)
    return (array.transpose(2, 1, 0) > 0).astype(np.uint8)


def maskOf(voxels, shape=SHAPE):
    """Return the uint8 mask (i, j, k) of flat C-order indices."""
    mask = np.zeros(int(np.prod(shape)), np.uint8)
    mask[voxels] = 1
    return mask.reshape(shape)
