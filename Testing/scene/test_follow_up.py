"""A follow-up in the scene: nodes, places, hand edits, and views that never show the changes where they are not."""

import unittest

import numpy as np
import slicer

try:
    import torch  # noqa: F401
except ImportError as error:
    raise unittest.SkipTest("torch is not installed in this Slicer") from error

from LesionSegmentationLib.engine.change_table import COLUMNS, change_rows
from LesionSegmentationLib.engine.errors import InputError
from LesionSegmentationLib.engine.follow_up_alignment import TimePoint, align
from LesionSegmentationLib.engine.lesion_changes import CLASSES, ChangeLimit
from LesionSegmentationLib.engine.volume import Volume
from LesionSegmentationLib.engine.worker_client import WorkerClient
from LesionSegmentationLib.scene.change_classes import COLOURS
from LesionSegmentationLib.scene.follow_up_result import FollowUpResult
from LesionSegmentationLib.scene.follow_up_run import FollowUpRun, studyOf
from LesionSegmentationLib.scene.lesion_result import LesionResult
from LesionSegmentationLib.scene.segmentation import readProvenance
from LesionSegmentationLib.scene.side_by_side import LAYOUT, VIEW_NAMES, SideBySide, layoutDescription
from LesionSegmentationLib.scene.volumes import volumeGeometry
from scene.scene_case import SceneTestCase, segmentArray, vtkMatrix
from two_visits import LESIONS, moved_visit, visit

POINTS = visit(0), moved_visit()
PAIR = align(*POINTS)
PATIENCE_SECONDS = 300


class FollowUpCase(SceneTestCase):
    def setUp(self):
        super().setUp()
        self.nodes = [self.volumeOf(point) for point in POINTS]

    def volumeOf(self, point):
        return self.addVolume(point.image.geometry.affine, point.image.array, point.image.name)

    def result(self, **options):
        result = FollowUpResult(self.scene, PAIR, *self.nodes)
        result.show(0.5, 0.5, **options)
        return result

    def segment(self, result, change):
        return segmentArray(result.segmentationNode, change, result.volumeNodes[0])


class FollowUpResultTest(FollowUpCase):
    def test_segmentsHoldTheChanges(self):
        result = self.result()
        for value, change in enumerate(CLASSES, start=1):
            mask = self.segment(result, change)
            self.assertGreater(mask.sum(), 0)
            self.assertTrue(np.array_equal(mask, result.followUp.labels == value))
            segment = result.segmentationNode.GetSegmentation().GetSegment(change)
            self.assertTrue(np.allclose(segment.GetColor(), COLOURS[change]))

    def test_anotherSettingIsShownInTheSameNodes(self):
        result = self.result()
        nodes = result.segmentationNode, result.tableNode
        for beta in (0.9, 0.2):
            followUp = result.show(1 - beta, beta, ChangeLimit(1, 1, 1))
            self.assertTrue(np.array_equal(self.segment(result, "unchanged"), followUp.labels == 5))
            self.assertEqual(self.segment(result, "new").sum(), 0)
            self.assertEqual(readProvenance(result.segmentationNode, "new")["setting"]["beta"], beta)
        self.assertEqual((result.segmentationNode, result.tableNode), nodes)

    def test_tableSaysWhatTheFileSays(self):
        result = self.result()
        rows = change_rows(result.followUp)
        self.assertEqual(result.tableNode.GetNumberOfRows(), len(rows))
        for number, row in enumerate(rows):
            for column in COLUMNS:
                value = result.tableNode.GetTable().GetValueByName(number, column)
                if isinstance(row[column], str):
                    self.assertEqual(value.ToString(), row[column])
                elif row[column] is None:
                    self.assertTrue(np.isnan(value.ToDouble()))
                else:
                    self.assertEqual(value.ToDouble(), row[column])
        result.show(0.5, 0.5, minimumVolumeMl=1000)
        self.assertEqual(result.tableNode.GetNumberOfRows(), 0)

    def test_copiesLieWhereTheTransformsBringTheVolumes(self):
        """The same value at the same place: of the copy, and of the volume put under its transform."""
        result = self.result()
        for number, (volume, copy, transform) in enumerate(zip(self.nodes, result.volumeNodes, result.transformNodes)):
            self.assertIsNone(volume.GetTransformNodeID())
            volume.SetAndObserveTransformNodeID(transform.GetID())
            moved, grid = volumeGeometry(volume), volumeGeometry(copy)
            ijk = np.round(moved.voxel(grid.world(np.argwhere(PAIR.seen)[::500]))).astype(int)
            inside = ((ijk >= 0) & (ijk < moved.shape)).all(axis=1)
            original = slicer.util.arrayFromVolume(volume).T[tuple(ijk[inside].T)]
            copied = slicer.util.arrayFromVolume(copy).T[tuple(np.argwhere(PAIR.seen)[::500][inside].T)]
            self.assertGreater(np.corrcoef(original, copied)[0, 1], 0.95, number)

    def test_handEditsAreKept(self):
        result = self.result()
        edited = result.segmentationNode
        array = slicer.util.arrayFromSegmentBinaryLabelmap(edited, "new", result.volumeNodes[0])
        array[2:5, 2:5, 2:5] = 1
        slicer.util.updateSegmentBinaryLabelmapFromArray(array, edited, "new", result.volumeNodes[0])
        result.show(0.4, 0.6)
        self.assertIsNot(result.segmentationNode, edited)
        self.assertIn("(edited)", edited.GetName())
        self.assertFalse(edited.GetDisplayVisibility())
        kept = segmentArray(edited, "new", result.volumeNodes[0])
        self.assertEqual(kept[3, 3, 3], 1)
        self.assertTrue(np.array_equal(self.segment(result, "new"), result.followUp.labels == 1))

    def test_survivesARemovedSegment(self):
        for name in ("new", "shrunk"):
            result = self.result()
            result.segmentationNode.GetSegmentation().RemoveSegment(name)
            result.show(0.5, 0.5)
            self.assertGreater(self.segment(result, "new").sum(), 0)

    def test_isGoneWithTheScene(self):
        result = self.result()
        self.assertTrue(result.inScene)
        self.scene.RemoveNode(result.volumeNodes[0])
        self.assertFalse(result.inScene)

    def test_liesInOneFolder(self):
        result = self.result()
        hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(self.scene)
        nodes = (*result.volumeNodes, *result.transformNodes, result.segmentationNode, result.tableNode)
        parents = {hierarchy.GetItemParent(hierarchy.GetItemByDataNode(node)) for node in nodes}
        self.assertEqual(len(parents), 1)
        self.assertEqual(hierarchy.GetItemName(parents.pop()), "visit 1 to visit 2")

    def test_writesTheFolder(self):
        result = self.result()
        folder = self.temporaryFolder() / "out"
        result.write(folder)
        self.assertTrue((folder / "follow_up.json").is_file())

    def test_aSavedSegmentationComesBackWithItsClasses(self):
        result = self.result()
        storage = slicer.vtkMRMLSegmentationStorageNode()
        path = self.temporaryFolder() / "changes.seg.nrrd"
        storage.SetFileName(str(path))
        self.assertTrue(storage.WriteData(result.segmentationNode))
        again = self.scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "again")
        self.assertTrue(storage.ReadData(again))
        for change in CLASSES:
            mask = segmentArray(again, change, result.volumeNodes[0])
            self.assertTrue(np.array_equal(mask, self.segment(result, change)))


class StudyTest(FollowUpCase):
    def lesionResult(self, number=0):
        result = LesionResult(self.scene, self.nodes[number], POINTS[number].probability_map)
        result.show(0.5, 0.5)
        return result

    def test_aResultGivesItsProbabilitiesWithTheHandEdits(self):
        result = self.lesionResult()
        study = studyOf(result.segmentationNode, result)
        self.assertIs(study.probabilityMap, result.probabilityMap)
        array = slicer.util.arrayFromSegmentBinaryLabelmap(result.segmentationNode, "Lesion", self.nodes[0])
        marked = tuple(np.argwhere(array.T)[0])
        array.T[marked] = 0
        array.T[3, 4, 5] = 1
        slicer.util.updateSegmentBinaryLabelmapFromArray(array, result.segmentationNode, "Lesion", self.nodes[0])
        edited = studyOf(result.segmentationNode, result)
        self.assertFalse(edited.drawn)
        self.assertEqual((edited.probabilityMap.array[3, 4, 5], edited.probabilityMap.array[marked]), (1, 0))
        self.assertEqual(edited.probabilityMap.provenance["edited_voxels"], 2)
        differs = edited.probabilityMap.array != result.probabilityMap.array
        self.assertLessEqual(int(differs.sum()), 2)

    def test_anyOtherSegmentationIsTakenAsItIsDrawn(self):
        result = self.lesionResult(1)
        study = studyOf(result.segmentationNode)
        self.assertTrue(study.drawn)
        self.assertIs(study.referenceNode, self.nodes[1])
        self.assertTrue(np.array_equal(study.probabilityMap.array, result.lesions.mask()))
        self.assertTrue(study.probabilityMap.geometry.same_grid(POINTS[1].image.geometry))

    def test_aDrawnStudyUnderATransformLiesWhereItIsShown(self):
        result = self.lesionResult()
        transform = self.scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
        matrix = np.eye(4)
        matrix[:3, 3] = 10, -4, 3
        transform.SetMatrixTransformToParent(vtkMatrix(matrix))
        for node in (self.nodes[0], result.segmentationNode):
            node.SetAndObserveTransformNodeID(transform.GetID())
        study = studyOf(result.segmentationNode)
        self.assertTrue(np.array_equal(study.probabilityMap.array, result.lesions.mask()))
        self.assertTrue(np.allclose(study.probabilityMap.geometry.affine, matrix @ POINTS[0].image.geometry.affine))

    def test_saysWhatCannotBeCompared(self):
        comparison = self.result()
        with self.assertRaisesRegex(InputError, "itself a comparison"):
            studyOf(comparison.segmentationNode)
        result = self.lesionResult()
        many = self.scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "organs")
        many.SetReferenceImageGeometryParameterFromVolumeNode(self.nodes[0])
        for name in ("a", "b"):
            many.GetSegmentation().AddEmptySegment(name)
        with self.assertRaisesRegex(InputError, "organs has 2 segments"):
            studyOf(many)
        self.scene.RemoveNode(self.nodes[0])
        with self.assertRaisesRegex(InputError, "not in the scene"):
            studyOf(result.segmentationNode)

    def test_theWholeWayThroughTheWorker(self):
        import time

        results = [self.lesionResult(number) for number in (0, 1)]
        studies = studyOf(results[0].segmentationNode, results[0]), studyOf(results[1].segmentationNode)
        with WorkerClient() as worker:
            run, end = FollowUpRun(worker, *studies), time.monotonic() + PATIENCE_SECONDS
            while run.state == "running" and time.monotonic() < end:
                run.poll()
                time.sleep(0.02)
        run.raiseFailure()
        self.assertEqual(run.state, "done")
        self.assertEqual(run.pair.drawn, (False, True))
        result = FollowUpResult(self.scene, run.pair, *self.nodes)
        followUp = result.show(0.5, 0.5)
        self.assertEqual(sorted(change.change for change in followUp.changes), sorted(CLASSES))
        self.assertEqual(len(LESIONS), 5)


@unittest.skipIf(type(getattr(slicer, "app", None)).__name__ == "qSlicerApplication", "the views are the stand-ins'")
class SideBySideTest(FollowUpCase):
    def setUp(self):
        super().setUp()
        from slicer_stand_ins.views import SliceView

        self.views = {}
        for name in VIEW_NAMES:
            orientation = next(o for o in ("Axial", "Sagittal", "Coronal") if o in name)
            self.views[name] = SliceView(orientation, 220, 220, name=name)
        self.red = SliceView("Axial", 220, 220)

    def shown(self, result):
        side = SideBySide(slicer.modules.applicationLogic, result)
        self.addCleanup(side.release)
        side.show()
        return side

    def coloured(self, view):
        """How many pixels are neither grey nor black."""
        picture = view.render().astype(int)
        return int((np.ptp(picture, axis=2) > 30).sum())

    def test_rowsShowTheCopiesLinked(self):
        result = self.result()
        self.shown(result)
        for name, view in self.views.items():
            copy = result.volumeNodes[0 if "Earlier" in name else 1]
            self.assertEqual(view.compositeNode.GetBackgroundVolumeID(), copy.GetID())
            self.assertTrue(view.compositeNode.GetLinkedControl())

    def test_bothRowsJumpToTheSamePlace(self):
        result = self.result()
        side = self.shown(result)
        new = result.followUp.changes[0]
        side.show(new.centroid_ras)
        for name, view in self.views.items():
            row, column = view.pixelOf(new.centroid_ras)
            self.assertLess(abs(row - 110) + abs(column - 110), 3, name)
            self.assertGreater(self.coloured(view), 20, name)

    def test_changesAreDrawnOnTheCopiesOnly(self):
        result = self.result()
        self.red.show(self.nodes[1])
        side = self.shown(result)
        side.show(result.followUp.changes[0].centroid_ras)
        self.red.jumpTo(result.followUp.changes[0].centroid_ras)
        self.assertEqual(self.coloured(self.red), 0)
        view = self.views["FollowUpLaterAxial"]
        self.assertGreater(self.coloured(view), 20)
        view.show(self.nodes[1], fit=False)  # somebody puts the volume as it is into the view
        self.assertEqual(self.coloured(view), 0)
        self.red.show(result.volumeNodes[1], fit=False)
        self.assertGreater(self.coloured(self.red), 20)

    def test_otherSegmentationsStayOutOfTheRows(self):
        own = LesionResult(self.scene, self.nodes[1], POINTS[1].probability_map)
        own.show(0.5, 0.5)
        earlier = self.result()
        self.shown(earlier)
        result = self.result()
        self.shown(result)
        self.assertFalse(earlier.segmentationNode.GetDisplayVisibility())
        ids = [
            own.segmentationNode.GetDisplayNode().GetNthViewNodeID(n)
            for n in range(own.segmentationNode.GetDisplayNode().GetNumberOfViewNodeIDs())
        ]
        self.assertIn(self.red.sliceNode.GetID(), ids)
        self.assertFalse({view.sliceNode.GetID() for view in self.views.values()} & set(ids))
        self.assertTrue(own.segmentationNode.GetDisplayVisibility())

    def test_hiddenUntilItIsShownAndNeverInTheViewsOfTheVolumes(self):
        result = self.result()
        self.assertFalse(result.segmentationNode.GetDisplayVisibility())
        self.red.show(self.nodes[1])
        self.red.jumpTo(result.followUp.changes[0].centroid_ras)
        result.segmentationNode.SetDisplayVisibility(True)  # somebody clicks on its eye
        self.assertEqual(self.coloured(self.red), 0)

    def test_removedResultIsLetGo(self):
        result = self.result()
        side = self.shown(result)
        self.scene.RemoveNode(result.segmentationNode)
        self.views["FollowUpLaterAxial"].show(self.nodes[1])
        self.assertEqual(side._observations, [])

    def test_theLayoutIsOneThatSlicerReads(self):
        """MRML's own layout logic makes six slice nodes of it, with their names, orientations and group."""
        logic = slicer.vtkMRMLLayoutLogic()
        logic.SetMRMLScene(self.scene)
        layout = self.scene.GetFirstNodeByClass("vtkMRMLLayoutNode")
        self.addCleanup(self.scene.RemoveNode, layout)
        self.assertIn("FollowUpEarlierAxial", layoutDescription())
        self.shown(self.result())
        self.assertEqual(layout.GetViewArrangement(), LAYOUT)
        made = logic.GetViewNodes()
        nodes = [made.GetItemAsObject(number) for number in range(made.GetNumberOfItems())]
        self.assertEqual([node.GetLayoutName() for node in nodes], list(VIEW_NAMES))


class RejectedLesionsTest(FollowUpCase):
    def test_whatWasRejectedIsNotCompared(self):
        """A rejected lesion is gone at every setting, with all that it grows into until it meets another one."""
        made = POINTS[0].probability_map
        result = LesionResult(self.scene, self.nodes[0], made)
        self.assertIs(result.editedMap(), made)
        lesion = result.show(0.5, 0.5).listed[0]
        held = result.lesions.voxels_of(lesion)
        result.decide(lesion.id, "rejected")
        edited = result.editedMap()
        self.assertEqual(edited.array.reshape(-1)[held].max(), 0)
        for beta in (0.5, 0.8, 0.95):
            ours = result.show(1 - beta, beta).voxels
            self.assertEqual(int((edited.array.reshape(-1)[ours] != made.array.reshape(-1)[ours]).sum()), 0, beta)
        self.assertEqual(edited.provenance["edited_voxels"], 0)
        self.assertEqual(edited.provenance["rejected_voxels"], int((edited.array != made.array).sum()))
        result.resetDecisions()
        self.assertIs(result.editedMap(), made)


class ConditionedEditsTest(FollowUpCase):
    def test_editsReachTheScore(self):
        from dataclasses import replace

        from LesionSegmentationLib.engine.conditioned_score import ConditionedScore

        made = POINTS[0].probability_map
        score = ConditionedScore((made.array * 6 - 3).astype(np.float32), 0.1, 10.0)
        result = LesionResult(self.scene, self.nodes[0], replace(made, score=score))
        result.show(0.5, 0.5)
        array = slicer.util.arrayFromSegmentBinaryLabelmap(result.segmentationNode, "Lesion", self.nodes[0])
        array.T[3, 4, 5] = 1
        slicer.util.updateSegmentBinaryLabelmapFromArray(array, result.segmentationNode, "Lesion", self.nodes[0])
        edited = result.editedMap()
        self.assertGreater(edited.score.array[3, 4, 5], 100)
        self.assertEqual(int((edited.score.array != score.array).sum()), 1)
        image = Volume(POINTS[0].image.array, POINTS[0].image.geometry, "flair")
        self.assertTrue(
            np.isfinite(align(TimePoint(image, edited), TimePoint(image, edited)).maps[0].score.array).all()
        )
