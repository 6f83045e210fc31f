"""Volume nodes in: places, values, transforms, and what is refused."""

import unittest

import numpy as np
import slicer
import vtk

from LesionSegmentationLib.engine.errors import InputError
from LesionSegmentationLib.engine.volume import read_volume
from LesionSegmentationLib.scene.volumes import studyFromNodes, volumeFromNode, writeNode
from scene.scene_case import GRIDS, SHAPE, SceneTestCase, affine, vtkMatrix

try:
    import nibabel
except ImportError:  # not part of Slicer
    nibabel = None


class VolumesTest(SceneTestCase):
    @unittest.skipIf(nibabel is None, "nibabel is not installed")
    def test_everyVoxelOfANiftiFileLiesWhereNibabelSays(self):
        values = np.random.default_rng(2).permutation(int(np.prod(SHAPE))).reshape(SHAPE).astype(np.int32)
        for name, matrix in GRIDS.items():
            with self.subTest(name):
                path = self.temporaryFolder() / "flair.nii.gz"
                image = nibabel.Nifti1Image(values, matrix)
                image.set_qform(matrix, 1)
                nibabel.save(image, path)
                image = nibabel.load(path)  # the header holds float32
                node = slicer.modules.volumes.logic().AddArchetypeVolume(str(path), "FLAIR")
                volume = volumeFromNode(node)
                ijk = np.stack(np.unravel_index(np.arange(values.size), SHAPE), axis=1)
                found = volume.geometry.voxel(nibabel.affines.apply_affine(image.affine, ijk))
                self.assertLess(np.abs(found - np.round(found)).max(), 1e-3)
                index = tuple(np.round(found).astype(int).T)
                np.testing.assert_array_equal(volume.array[index], image.get_fdata().ravel())

    def test_valuesKeepTheirType(self):
        for dtype in (np.uint8, np.int16, np.uint16, np.float32, np.float64):
            array = np.arange(np.prod(SHAPE)).reshape(SHAPE) % 251
            volume = volumeFromNode(self.addVolume(array=array.astype(dtype)))
            self.assertEqual(volume.array.dtype, dtype)
            self.assertTrue(volume.array.flags.c_contiguous)
            np.testing.assert_array_equal(volume.array, array)

    def test_linearParentTransformsMoveTheVoxels(self):
        node = self.addVolume(GRIDS["oblique"])
        inner, outer = (self.addTransform(affine(angles, shape=(1, 1, 1))) for angles in ((10, 0, 5), (0, -20, 0)))
        inner.SetAndObserveTransformNodeID(outer.GetID())
        node.SetAndObserveTransformNodeID(inner.GetID())
        there = affine((0, -20, 0), shape=(1, 1, 1)) @ affine((10, 0, 5), shape=(1, 1, 1)) @ GRIDS["oblique"]
        np.testing.assert_allclose(volumeFromNode(node).geometry.affine, there, atol=1e-9)
        self.assertIs(node.GetParentTransformNode(), inner)

    def test_aNonLinearTransformIsRefused(self):
        node = self.addVolume()
        grid = self.scene.AddNewNodeByClass("vtkMRMLGridTransformNode", "Bent")
        displacement = vtk.vtkImageData()
        displacement.SetDimensions(3, 3, 3)
        displacement.AllocateScalars(vtk.VTK_DOUBLE, 3)
        displacement.GetPointData().GetScalars().Fill(0.5)
        bend = slicer.vtkOrientedGridTransform()
        bend.SetDisplacementGridData(displacement)
        grid.SetAndObserveTransformFromParent(bend)
        node.SetAndObserveTransformNodeID(grid.GetID())
        self.assertRefused(node, "non-linear transform Bent")

    def test_aShearingTransformIsRefused(self):
        node = self.addVolume()
        matrix = np.eye(4)
        matrix[0, 1] = 0.3
        node.SetAndObserveTransformNodeID(self.addTransform(matrix).GetID())
        self.assertRefused(node, "sheared")

    def test_whatIsNoScanIsRefused(self):
        noise = np.random.default_rng(3).normal(size=SHAPE).astype(np.float32)
        broken = noise.copy()
        broken[3, 4, 5] = np.nan
        for array, words in (
            (np.full(SHAPE, 7, np.int16), "All voxels"),
            (broken, "not a number"),
            (noise[:, :, :1], "2D"),
            ((noise > 1).astype(np.uint8), "mask"),
        ):
            with self.subTest(words):
                self.assertRefused(self.addVolume(array=array), words)

    def test_aNodeWithoutImageAndColoursAreRefused(self):
        self.assertRefused(self.scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "Empty"), "Empty holds no image")
        colours = vtk.vtkImageData()
        colours.SetDimensions(5, 5, 5)
        colours.AllocateScalars(vtk.VTK_UNSIGNED_CHAR, 3)
        node = self.scene.AddNewNodeByClass("vtkMRMLVectorVolumeNode", "Photograph")
        node.SetAndObserveImageData(colours)
        self.assertRefused(node, "colours")

    def test_theWorkerReadsWhatWasWritten(self):
        node = self.addVolume(GRIDS["oblique, left-handed, permuted"])
        node.SetAndObserveTransformNodeID(self.addTransform(affine((5, 5, 5), shape=(1, 1, 1))).GetID())
        seen = volumeFromNode(node)
        for suffix in (".nrrd", ".mha"):
            path = self.temporaryFolder() / f"flair{suffix}"
            writeNode(node, path)
            read = read_volume(path)
            np.testing.assert_array_equal(read.array, seen.array)
            self.assertTrue(read.geometry.same_grid(seen.geometry, 1e-6))

    def test_aFolderThatIsNotThereIsAnError(self):
        with self.assertRaises(OSError):
            writeNode(self.addVolume(), self.temporaryFolder() / "nowhere" / "flair.nrrd")

    def test_aStudyOfNodes(self):
        flair = self.addVolume(GRIDS["plain"])
        t1 = self.addVolume(GRIDS["left-handed"], name="T1")
        study = studyFromNodes({"flair": flair, "t1": t1, "t2": None})
        self.assertEqual((list(study.channels), study.reference), (["flair", "t1"], "flair"))
        self.assertEqual(study.channels["t1"].name, "T1")
        with self.assertRaises(InputError):
            studyFromNodes({"flair": None})

    def addTransform(self, matrix):
        node = self.scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
        node.SetMatrixTransformToParent(vtkMatrix(matrix))
        return node

    def assertRefused(self, node, words):
        with self.assertRaisesRegex(InputError, words):
            volumeFromNode(node)
