"""Jumping to a lesion and marking it, on every kind of grid."""

import numpy as np
import slicer
import vtk

from LesionSegmentationLib.engine.lesions import find_lesions
from LesionSegmentationLib.scene.lesion_views import LesionMark, jumpTo
from scene.scene_case import GRIDS, SceneTestCase, blobs, curveOf


class JumpTest(SceneTestCase):
    def setUp(self):
        super().setUp()
        self.node = slicer.vtkMRMLSliceNode()
        self.node.SetName("Test")
        self.node.SetLayoutName("Test")
        self.node = self.scene.AddNode(self.node)
        self.node.SetOrientation("Axial")
        self.node.SetDimensions(400, 300, 1)
        self.node.SetFieldOfView(200, 150, 1)
        self.node.JumpSliceByCentering(0, 0, 0)
        self.addCleanup(self.scene.RemoveNode, self.node)

    def inView(self, ras):
        toView = vtk.vtkMatrix4x4()
        vtk.vtkMatrix4x4.Invert(self.node.GetXYToRAS(), toView)
        return toView.MultiplyPoint((*ras, 1.0))

    def test_theSliceMovesAndTheImageStays(self):
        before = self.inView((0, 0, 0))[:2]
        jumpTo(self.scene, (30.0, -20.0, 44.0))
        self.assertAlmostEqual(self.inView((30, -20, 44))[2], 0, places=4)
        np.testing.assert_allclose(self.inView((0, 0, 44))[:2], before)

    def test_whatWouldBeOutsideIsCentred(self):
        jumpTo(self.scene, (130.0, -20.0, 44.0))
        np.testing.assert_allclose(self.inView((130, -20, 44))[:3], (200, 150, 0), atol=1)


class MarkTest(SceneTestCase):
    def test_itLiesAroundTheLesion(self):
        for name, matrix in GRIDS.items():
            with self.subTest(name):
                curve = curveOf(blobs(count=12), matrix)
                lesions = find_lesions(curve, curve.at(0.5, 0.5))
                mark = LesionMark(self.scene)
                lesion = lesions.rows[0]
                mark.place(lesions, lesion)
                node = self.scene.GetFirstNodeByName("Lesion mark")
                bounds = np.array(node.GetPolyData().GetBounds()).reshape(3, 2)
                ijk = np.stack(np.unravel_index(lesions.voxels_of(lesion), curve.geometry.shape), axis=1)
                places = curve.geometry.world(ijk)
                reach = np.abs(curve.geometry.affine[:3, :3]).sum(axis=1)
                self.assertTrue((bounds[:, 0] <= places.min(axis=0)).all())
                self.assertTrue((bounds[:, 1] >= places.max(axis=0)).all())
                self.assertTrue((bounds[:, 0] >= places.min(axis=0) - reach).all())
                self.assertTrue((bounds[:, 1] <= places.max(axis=0) + reach).all())
                inside = lesions.mask().reshape(-1)[lesions.voxels_of(lesion)]
                self.assertTrue(inside.all() and inside.size == lesion.voxels)
                middle = lesions.middle(lesion)
                voxel = tuple(np.rint(curve.geometry.voxel(np.array([middle]))[0]).astype(int))
                self.assertEqual(lesions.holding(voxel), lesion)
                mark.remove()
                self.assertIsNone(self.scene.GetFirstNodeByName("Lesion mark"))

    def test_itIsNeitherListedNorSaved(self):
        curve = curveOf(blobs())
        lesions = find_lesions(curve, curve.at(0.5, 0.5))
        mark = LesionMark(self.scene)
        mark.setVisible(True)  # without an outline nothing happens
        mark.place(lesions, lesions.rows[0])
        self.assertFalse(mark.visible)
        mark.setVisible(True)
        self.assertTrue(mark.visible)
        node = self.scene.GetFirstNodeByName("Lesion mark")
        for part in (node, node.GetDisplayNode()):
            self.assertTrue(part.GetHideFromEditors())
            self.assertFalse(part.GetSaveWithScene())
        self.scene.Clear(False)
        self.assertFalse(mark.visible)
        mark.remove()
