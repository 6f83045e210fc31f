"""What is drawn is what is in the mask: the overlay in real slice views, pixel for pixel.

Which pixel shows which voxel is computed here from the grid's own affine and the view's plane, so that a flipped or
permuted axis anywhere between the array and the screen fails.
"""

import unittest

import numpy as np

from LesionSegmentationLib.engine.geometry import Geometry
from LesionSegmentationLib.engine.lesions import find_lesions
from LesionSegmentationLib.scene.live import LiveSegment
from LesionSegmentationLib.scene.segmentation import SEGMENT_ID, createLesionSegmentation
from scene.scene_case import GRIDS, SHAPE, SceneTestCase, blobs, curveOf, maskOf, vtkMatrix
from slicer_stand_ins.boot import insideSlicer

ORIENTATIONS = ("Axial", "Sagittal", "Coronal")
SIZE = 431  # odd, so that few pixels have their middle on the border of two voxels
BORDER = 1e-3  # voxels: on which side a pixel so near falls is a matter of rounding
MOST_ON_BORDERS = 0.005


@unittest.skipIf(insideSlicer(), "draws in the stand-ins' windows; inside Slicer the views belong to the layout")
class OverlayTest(SceneTestCase):
    def setUp(self):
        from slicer_stand_ins.views import SliceView

        super().setUp()
        self.views = {orientation: SliceView(orientation, SIZE, SIZE) for orientation in ORIENTATIONS}

    def makeStudy(self, matrix, seed=0):
        reference = self.addVolume(matrix)
        node = createLesionSegmentation(self.scene, reference, "Lesions")
        curve = curveOf(blobs(seed=seed), matrix)
        return reference, node, curve, LiveSegment(node, SEGMENT_ID, curve)

    def test_onEveryGridInEveryOrientationAtSeveralSettings(self):
        for name, matrix in GRIDS.items():
            reference, node, curve, live = self.makeStudy(matrix)
            fillOnly(node)
            for beta in (0.3, 0.95, 0.6):
                lesions = find_lesions(curve, curve.at(1 - beta, beta), minimum_voxels=3)
                live.showLesions(lesions)
                point = curve.geometry.world([lesions.rows[0].peak])[0]
                for orientation, view in self.views.items():
                    with self.subTest(grid=name, beta=beta, orientation=orientation):
                        self.frame(view, reference, point)
                        self.assertDrawn(view, lesions.mask(), curve.geometry)
            self.scene.RemoveNode(node)

    def test_underATransform(self):
        reference = self.addVolume(GRIDS["left-handed"])
        transform = self.scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
        move = np.eye(4)
        move[:3, :3], move[:3, 3] = GRIDS["oblique"][:3, :3] / np.array([0.9, 1, 1.2]), (4, 9, -6)
        transform.SetMatrixTransformToParent(vtkMatrix(move))
        reference.SetAndObserveTransformNodeID(transform.GetID())
        node = createLesionSegmentation(self.scene, reference, "Lesions")
        fillOnly(node)
        mask = blobs() > 0.5
        LiveSegment(node, SEGMENT_ID, curveOf(blobs())).show(np.flatnonzero(mask))
        geometry = Geometry(SHAPE, move @ GRIDS["left-handed"])
        point = geometry.world([np.argwhere(mask).mean(axis=0)])[0]
        for view in self.views.values():
            self.frame(view, reference, point)
            self.assertDrawn(view, mask, geometry)

    def test_rightIsOnTheLeft(self):
        """Radiological convention; and anterior is above, superior too."""
        for name, matrix in GRIDS.items():
            reference, node, curve, live = self.makeStudy(matrix)
            fillOnly(node)
            places = curve.geometry.world(np.stack(np.unravel_index(np.arange(np.prod(SHAPE)), SHAPE), axis=1))
            middle = places.mean(axis=0)
            for axis, seen in enumerate(
                (
                    {"Axial": "left", "Coronal": "left"},
                    {"Axial": "top", "Sagittal": "left"},
                    {"Coronal": "top", "Sagittal": "top"},
                )
            ):
                # A ball 6 mm towards right, anterior or superior of the middle, and nothing on the other side.
                centre = middle + 6 * np.eye(3)[axis]
                live.show(np.flatnonzero(np.linalg.norm(places - centre, axis=1) < 4))
                for orientation, side in seen.items():
                    with self.subTest(grid=name, axis="RAS"[axis], orientation=orientation):
                        view = self.views[orientation]
                        self.frame(view, reference, middle)
                        row, column = np.argwhere(drawn(view)).mean(axis=0) - (SIZE - 1) / 2
                        self.assertLess(column if side == "left" else row, -10)
                        self.assertLess(abs(row if side == "left" else column), 10)
            self.scene.RemoveNode(node)

    def test_aMoveAsksForANewPicture(self):
        reference, node, curve, live = self.makeStudy(GRIDS["oblique"])
        view = self.views["Axial"]
        self.frame(view, reference, (3, -5, 8))
        live.show(curve.order[: curve.at(0.5, 0.5).count])
        self.assertTrue(view.renderRequested)
        view.render()
        live.show(curve.order[: curve.at(0.2, 0.8).count])
        self.assertTrue(view.renderRequested)

    def test_handEditsAreDrawnAfterAMove(self):
        reference, node, curve, live = self.makeStudy(GRIDS["oblique"])
        fillOnly(node)
        live.show(curve.order[: curve.at(0.5, 0.5).count])
        live.show(curve.order[:1])
        with_edits = maskOf(live.shown)
        point = curve.geometry.world([np.unravel_index(curve.order[0], SHAPE)])[0]
        view = self.views["Axial"]
        self.frame(view, reference, point)
        self.assertDrawn(view, with_edits, curve.geometry, least=1)

    def frame(self, view, reference, point):
        """A black picture, framed on the reference volume, of the slice through ``point`` (RAS)."""
        view.show(reference)
        view.show(None)
        view.jumpTo(point)
        view.render()

    def assertDrawn(self, view, mask, geometry, least=300):
        """The overlay in the view is ``mask`` (i, j, k), cut by the plane of the view."""
        expected, onBorder = cut(view, mask, geometry)
        wrong = drawn(view) != expected
        self.assertGreaterEqual(int(expected.sum()), least, "the test has little to look at")
        self.assertEqual(int((wrong & ~onBorder).sum()), 0, f"of {expected.sum()} pixels")
        self.assertLessEqual(int(wrong.sum()), MOST_ON_BORDERS * expected.sum())


def fillOnly(node):
    """Draw the segment as an opaque fill without outline: what is not black is in it."""
    display = node.GetDisplayNode()
    display.SetVisibility2DOutline(False)
    display.SetOpacity2DFill(1)
    display.SetSegmentOpacity2DFill(SEGMENT_ID, 1)


def drawn(view):
    """The pixels, bool (height, width), on which something is drawn."""
    return view.render().any(axis=-1)


def cut(view, mask, geometry):
    """Return which pixels, bool (height, width), have their middle in a voxel of the mask, and which on a border."""
    ras = view.worldOfPixels()
    place = geometry.voxel(ras.reshape(-1, 3))
    onBorder = (np.abs(place - np.floor(place) - 0.5) < BORDER).any(axis=1)
    ijk = np.rint(place).astype(int)
    inside = ((ijk >= 0) & (ijk < mask.shape)).all(axis=1)
    found = np.zeros(len(ijk), bool)
    found[inside] = mask[tuple(ijk[inside].T)] > 0
    return found.reshape(ras.shape[:2]), onBorder.reshape(ras.shape[:2])
