"""The segment follows the slider, in place: the right voxels, nobody else's, and hand edits on top."""

import numpy as np
import slicer
import slicer.util
import vtk
from vtk.util.numpy_support import vtk_to_numpy

from LesionSegmentationLib.engine.errors import InputError
from LesionSegmentationLib.engine.lesions import find_lesions
from LesionSegmentationLib.scene.live import LiveSegment
from LesionSegmentationLib.scene.segmentation import LABELMAP, SEGMENT_ID, createLesionSegmentation, referenceGrid
from scene.scene_case import GRIDS, SHAPE, SceneTestCase, blobs, curveOf, maskOf, segmentArray

COUNT = int(np.prod(SHAPE))


class LiveTestCase(SceneTestCase):
    def setUp(self):
        super().setUp()
        self.rng = np.random.default_rng(5)
        self.reference, self.node, self.curve, self.live = self.makeStudy("oblique, left-handed, permuted")

    def makeStudy(self, grid, seed=0, name="FLAIR"):
        reference = self.addVolume(GRIDS[grid], name=name)
        node = createLesionSegmentation(self.scene, reference, f"{name} lesions")
        curve = curveOf(blobs(seed=seed), GRIDS[grid])
        return reference, node, curve, LiveSegment(node, SEGMENT_ID, curve)

    def array(self, segmentId=SEGMENT_ID):
        return segmentArray(self.node, segmentId, self.reference)

    def assertShows(self, mask):
        np.testing.assert_array_equal(self.array(), mask)
        np.testing.assert_array_equal(maskOf(self.live.shown), mask)

    def someVoxels(self, count):
        return self.rng.permutation(COUNT)[:count]

    def edit(self, painted=(), erased=(), segmentId=SEGMENT_ID):
        """What the Segment Editor does at the end of a stroke: the segment is set from a whole new labelmap."""
        array = self.array(segmentId).reshape(-1)
        array[list(painted)], array[list(erased)] = 1, 0
        array = np.ascontiguousarray(array.reshape(SHAPE).transpose(2, 1, 0))
        slicer.util.updateSegmentBinaryLabelmapFromArray(array, self.node, segmentId, self.reference)


class FollowingTest(LiveTestCase):
    def test_anySettingInAnyOrder(self):
        for setting in range(120):
            beta = self.rng.uniform(0.02, 0.98)
            minimum = self.rng.choice([0, 0, 2, 20, 200])
            lesions = find_lesions(self.curve, self.curve.at(1 - beta, beta), minimum_voxels=int(minimum))
            self.live.showLesions(lesions)
            if setting % 5 == 0:
                self.assertShows(lesions.mask())
        self.assertShows(lesions.mask())

    def test_thresholdsBelowTheFirstCut(self):
        for threshold in (0.5, 1e-4, 0.9, 1e-3):
            point = self.curve.at_threshold(threshold)
            self.live.show(self.curve.order[: point.count])
            self.assertShows(self.curve.mask(point))

    def test_anySetOfVoxels(self):
        for count in (0, 1, COUNT, 500, 0, 3000, COUNT // 2):
            voxels = self.someVoxels(count)
            self.live.show(voxels)
            self.assertShows(maskOf(voxels))

    def test_nothingChangedWritesNothing(self):
        voxels = self.someVoxels(100)
        self.live.show(voxels)
        segment = self.node.GetSegmentation().GetSegment(SEGMENT_ID)
        before = segment.GetMTime()
        self.live.show(voxels[::-1].copy())
        self.assertEqual(segment.GetMTime(), before)

    def test_theNodeSaysThatItChanged(self):
        self.node.AddDefaultStorageNode()
        path = self.temporaryFolder() / "lesions.seg.nrrd"
        self.node.GetStorageNode().SetFileName(str(path))
        self.node.GetStorageNode().WriteData(self.node)
        self.assertFalse(self.node.GetModifiedSinceRead())
        heard = []
        self.node.AddObserver(slicer.vtkSegmentation.SegmentModified, lambda *_: heard.append(1))
        self.live.show(self.someVoxels(10))
        self.assertTrue(self.node.GetModifiedSinceRead())
        self.assertEqual(len(heard), 1)

    def test_anotherGridIsRefused(self):
        with self.assertRaisesRegex(InputError, "another grid"):
            LiveSegment(self.node, SEGMENT_ID, curveOf(blobs((12, 13, 14))))

    def test_aRemovedSegmentIsAnError(self):
        self.node.GetSegmentation().RemoveSegment(SEGMENT_ID)
        with self.assertRaisesRegex(InputError, "removed"):
            self.live.show(self.someVoxels(10))

    def test_whatTheSegmentHeldAtTheStartIsReplaced(self):
        self.live.show(self.someVoxels(400))
        voxels = self.someVoxels(300)
        self.live = LiveSegment(self.node, SEGMENT_ID, self.curve)
        self.live.show(voxels)
        self.assertShows(maskOf(voxels))


class SurfaceTest(LiveTestCase):
    def test_itStaysAndIsMadeAnew(self):
        segmentation = self.node.GetSegmentation()
        probability = blobs().reshape(-1)
        self.live.show(np.flatnonzero(probability > 0.9))
        self.live.updateSurface()
        small = self.volume()
        self.live.show(np.flatnonzero(probability > 0.1))
        self.assertTrue(segmentation.ContainsRepresentation("Closed surface"))
        self.assertAlmostEqual(self.volume(), small)  # old until asked for
        self.live.updateSurface()
        self.assertGreater(self.volume(), 1.2 * small)
        self.assertEqual([edit.size for edit in self.live.edits()], [0, 0])

    def test_anEmptySegmentHasAnEmptySurface(self):
        self.live.show(self.someVoxels(COUNT // 2))
        self.live.updateSurface()
        self.live.show(self.someVoxels(0))
        self.live.updateSurface()
        surface = self.node.GetSegmentation().GetSegment(SEGMENT_ID).GetRepresentation("Closed surface")
        self.assertEqual(surface.GetNumberOfPoints() if surface else 0, 0)

    def test_itOutlivesACroppedLabelmap(self):
        self.live.show(np.flatnonzero(blobs().reshape(-1) > 0.5))
        self.live.updateSurface()
        crop(self.node)
        self.node.GetSegmentation().CreateRepresentation("Closed surface", True)  # as the Segment Editor does
        self.live.show(self.someVoxels(500))
        self.assertTrue(self.node.GetSegmentation().ContainsRepresentation("Closed surface"))

    def volume(self):
        mass = vtk.vtkMassProperties()
        mass.SetInputData(self.node.GetSegmentation().GetSegment(SEGMENT_ID).GetRepresentation("Closed surface"))
        return mass.GetVolume()


class HandEditsTest(LiveTestCase):
    def test_paintedStaysAndErasedStaysAway(self):
        voxels = self.someVoxels(2000)
        start, later, outside = voxels[:1000], voxels[500:1500], voxels[1500:]
        self.live.show(start)
        painted, erased = outside[:50], start[480:530]
        self.edit(painted, erased)
        for shown in (later, voxels[:0], start, later):
            self.live.show(shown)
            self.assertShows(maskOf(np.union1d(np.setdiff1d(shown, erased), painted)))
        np.testing.assert_array_equal(self.live.edits()[0], np.sort(painted))
        np.testing.assert_array_equal(self.live.edits()[1], np.sort(erased))

    def test_theLastEditOfAVoxelCounts(self):
        self.live.show(np.array([5, 6, 7]))
        self.edit(painted=[9], erased=[6])
        self.live.show(np.array([5, 6, 7, 8]))
        self.assertShows(maskOf([5, 7, 8, 9]))
        self.edit(painted=[6], erased=[9, 5])
        self.live.show(np.array([5, 6, 7, 8, 9]))
        self.assertShows(maskOf([6, 7, 8]))
        self.assertEqual([edit.tolist() for edit in self.live.edits()], [[6], [5, 9]])

    def test_anySequenceOfSettingsAndEdits(self):
        painted, erased = np.zeros((2, COUNT), bool)
        for turn in range(60):
            beta, minimum = self.rng.uniform(0.02, 0.98), int(self.rng.choice([0, 2, 20]))
            lesions = find_lesions(self.curve, self.curve.at(1 - beta, beta), minimum_voxels=minimum)
            asked = lesions.mask().reshape(-1) == 1
            if turn % 7 == 6:
                self.live.show(lesions.voxels)
            else:
                self.live.showLesions(lesions)
            if turn % 5 == 4:
                shown = asked & ~erased | painted
                stroke, rub = np.split(np.concatenate([self.someVoxels(60), lesions.voxels[:60]]), [90])
                stroke = np.setdiff1d(stroke, rub)
                stroke, rub = stroke[~shown[stroke]], rub[shown[rub]]
                self.edit(stroke, rub)
                painted[stroke], erased[stroke], painted[rub], erased[rub] = True, False, False, True
            if turn % 3 == 0:
                beyond, away = self.live.overrides()
                np.testing.assert_array_equal(beyond, np.flatnonzero(painted & ~asked))
                np.testing.assert_array_equal(away, np.flatnonzero(erased & asked))
            if turn % 31 == 30:
                self.live.resetEdits()
                painted[:], erased[:] = False, False
            if turn % 2 == 0:
                self.live.edits()
                self.assertShows(maskOf(np.flatnonzero(asked & ~erased | painted)))

    def test_resetForgetsThem(self):
        self.live.show(np.array([5, 6, 7]))
        self.edit(painted=[9], erased=[6])
        self.live.resetEdits()
        self.live.show(np.array([5, 6, 7]))
        self.assertShows(maskOf([5, 6, 7]))
        self.assertEqual([edit.size for edit in self.live.edits()], [0, 0])

    def test_editsInThePlaceOfTheArray(self):
        """A script may write into the segment's own voxels, and has to say so to be drawn at all."""
        self.live.show(np.array([5, 6, 7]))
        segment = self.node.GetSegmentation().GetSegment(SEGMENT_ID)
        image = segment.GetRepresentation(LABELMAP)
        vtk_to_numpy(image.GetPointData().GetScalars()).reshape(SHAPE[::-1])[0, 0, 0] = 1
        segment.Modified()
        self.live.show(np.array([6, 7]))
        self.assertShows(maskOf([0, 6, 7]))

    def test_aSmallerBoxGrowsAgain(self):
        voxels = np.flatnonzero(maskOf(self.someVoxels(COUNT)).reshape(SHAPE)[10:20, 10:20, 10:20].reshape(-1))[:300]
        inside = np.ravel_multi_index(np.array(np.unravel_index(voxels, (10, 10, 10))) + 10, SHAPE)
        self.live.show(inside)
        crop(self.node)
        everywhere = self.someVoxels(1000)
        self.live.show(everywhere)
        self.assertShows(maskOf(everywhere))
        self.assertEqual([edit.size for edit in self.live.edits()], [0, 0])

    def test_renamingOrColouringIsNoEdit(self):
        self.live.show(self.someVoxels(100))
        segment = self.node.GetSegmentation().GetSegment(SEGMENT_ID)
        segment.SetName("Plaque")
        segment.SetColor(0, 1, 0)
        self.assertEqual([edit.size for edit in self.live.edits()], [0, 0])
        self.live.show(self.someVoxels(100))
        self.assertEqual((segment.GetName(), segment.GetColor()), ("Plaque", (0, 1, 0)))


class SegmentEditorTest(LiveTestCase):
    """Strokes through the logic that stands behind every effect of Slicer's Segment Editor."""

    def setUp(self):
        super().setUp()
        self.editor = slicer.vtkSlicerSegmentEditorLogic()
        self.editor.SetMRMLApplicationLogic(slicer.modules.segmentations.logic().GetMRMLApplicationLogic())
        self.editor.SetMRMLScene(self.scene)
        self.editor.SetSegmentEditorNode(self.scene.AddNewNodeByClass("vtkMRMLSegmentEditorNode"))
        self.editor.SetSegmentationNode(self.node)
        self.editor.SetSourceVolumeNode(self.reference)

    def test_strokesOutliveTheSlider(self):
        probability = blobs().reshape(-1)
        self.live.show(np.flatnonzero(probability > 0.5))
        brush = np.zeros(SHAPE, np.uint8)
        brush[1:5, 1:5, 1:5] = 1
        self.stroke(brush.reshape(-1), self.editor.ModificationModeAdd)
        eraser = maskOf(np.flatnonzero(probability > 0.5)[:40]).reshape(-1)
        self.stroke(eraser, self.editor.ModificationModeRemove)
        self.assertEqual([edit.size for edit in self.live.edits()], [64, 40])
        for level in (0.2, 0.9, 0.5):
            self.live.show(np.flatnonzero(probability > level))
            expected = ((probability > level) | (brush.reshape(-1) > 0)) & (eraser == 0)
            self.assertShows(expected.reshape(SHAPE))

    def test_erasingEverythingKeepsTheSegmentEmpty(self):
        voxels = self.someVoxels(500)
        self.live.show(voxels)
        self.stroke(np.ones(COUNT, np.uint8), self.editor.ModificationModeRemove)
        self.live.show(voxels)
        self.assertShows(maskOf([]))

    def stroke(self, voxels, mode):
        labelmap = referenceGrid(self.node)
        labelmap.AllocateScalars(vtk.VTK_UNSIGNED_CHAR, 1)
        vtk_to_numpy(labelmap.GetPointData().GetScalars())[:] = voxels.reshape(SHAPE).transpose(2, 1, 0).reshape(-1)
        self.editor.ModifySegmentByLabelmap(self.node, SEGMENT_ID, labelmap, mode, False, False)


class CompanyTest(LiveTestCase):
    def test_anotherSegmentIsNotTouched(self):
        other = self.addOther(self.someVoxels(2000))
        mask = self.array(other)
        for count in (500, 3000, 0, COUNT):
            voxels = self.someVoxels(count)
            self.live.show(voxels)
            self.assertShows(maskOf(voxels))
            np.testing.assert_array_equal(self.array(other), mask)

    def test_aLayerThatSlicerMergedIsTakenApart(self):
        voxels = self.someVoxels(4000)
        self.live.show(voxels[:1000])
        other = self.addOther(voxels[1000:2000])
        mask = self.array(other)
        for shown in (voxels[500:3000], voxels[:700], voxels[2500:]):
            self.node.GetSegmentation().CollapseBinaryLabelmaps(False)
            self.live.show(shown)
            self.assertShows(maskOf(shown))
            np.testing.assert_array_equal(self.array(other), mask)
        self.assertEqual([edit.size for edit in self.live.edits()], [0, 0])

    def test_mergedAndOverwrittenVoxelsCountAsErased(self):
        self.live.show(np.array([5, 6, 7]))
        other = self.addOther(np.array([7, 8]))
        self.node.GetSegmentation().CollapseBinaryLabelmaps(True)  # one layer: the later segment wins
        self.assertEqual(self.array().reshape(-1)[:9].tolist(), [0, 0, 0, 0, 0, 1, 1, 0, 0])
        self.live.show(np.array([5, 7, 8]))
        self.assertShows(maskOf([5, 8]))
        np.testing.assert_array_equal(self.array(other), maskOf([7, 8]))

    def test_savingInBetweenChangesNothing(self):
        """Slicer merges layers for the file."""
        voxels = self.someVoxels(1500)
        self.live.show(voxels[:1000])
        other = self.addOther(voxels[1000:])
        mask = self.array(other)
        self.node.AddDefaultStorageNode()
        self.node.GetStorageNode().SetFileName(str(self.temporaryFolder() / "lesions.seg.nrrd"))
        self.assertTrue(self.node.GetStorageNode().WriteData(self.node))
        self.live.show(voxels[200:1200])
        self.assertShows(maskOf(voxels[200:1200]))
        np.testing.assert_array_equal(self.array(other), mask)

    def test_twoStudiesInOneScene(self):
        reference, node, curve, live = self.makeStudy("left-handed", seed=9, name="Follow-up")
        for beta in (0.2, 0.8, 0.5):
            first = find_lesions(self.curve, self.curve.at(1 - beta, beta))
            second = find_lesions(curve, curve.at(beta, 1 - beta))
            self.live.showLesions(first)
            live.showLesions(second)
            self.assertShows(first.mask())
            np.testing.assert_array_equal(segmentArray(node, SEGMENT_ID, reference), second.mask())

    def addOther(self, voxels):
        other = self.node.GetSegmentation().AddEmptySegment("Other", "Other")
        self.edit(painted=voxels, segmentId=other)
        return other


def crop(node):
    """Shrink the segment's labelmap to what it holds, as SetBinaryLabelmapToSegment does."""
    image = node.GetSegmentation().GetSegment(SEGMENT_ID).GetRepresentation(LABELMAP)
    extent = [0] * 6
    slicer.vtkOrientedImageDataResample.CalculateEffectiveExtent(image, extent)
    small = slicer.vtkOrientedImageData()
    slicer.vtkOrientedImageDataResample.CopyImage(image, small, extent)
    node.SetSourceRepresentationToBinaryLabelmap()
    image.DeepCopy(small)
    assert image.GetExtent() == tuple(extent)
