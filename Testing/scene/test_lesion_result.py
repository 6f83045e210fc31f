"""Decisions, notes, hand edits and the setting of a result: at the slider, in a saved scene, in two studies at once."""

import numpy as np
import slicer
import slicer.util
import vtk

from LesionSegmentationLib.engine.conditioned_score import ConditionedScore
from LesionSegmentationLib.engine.errors import InputError
from LesionSegmentationLib.engine.geometry import Geometry
from LesionSegmentationLib.engine.probability_map import ProbabilityMap
from LesionSegmentationLib.scene.lesion_result import LesionResult
from LesionSegmentationLib.scene.lesion_table import addLesionTable
from LesionSegmentationLib.scene.operating_curve_plot import OperatingCurvePlot
from LesionSegmentationLib.scene.result_nodes import DECISIONS, MAP, PROBABILITY, storedMap
from LesionSegmentationLib.scene.segmentation import SEGMENT_ID
from LesionSegmentationLib.scene.volumes import volumeGeometry
from scene.scene_case import GRIDS, SHAPE, SceneTestCase, blobs, segmentArray, vtkMatrix

PROVENANCE = {"model": {"name": 'a|b ~ "é" {c}; <x>', "version": "1.0"}, "inputs": {"flair": "a:b;c%20"}}


class LesionResultTest(SceneTestCase):
    def setUp(self):
        super().setUp()
        self.result = self.makeResult("oblique, left-handed, permuted")

    def makeResult(self, grid, seed=0, name="FLAIR", score=None, provenance=PROVENANCE):
        self.reference = self.addVolume(GRIDS[grid], name=name)
        probabilityMap = ProbabilityMap(
            blobs(seed=seed, count=14),
            Geometry(SHAPE, GRIDS[grid]),
            {"scale": 1.1, "bias": -0.2, "fitted_on": "nothing"},
            [[0.25, 0.3], [4.0, 0.05]],
            provenance,
            score,
        )
        return LesionResult(self.scene, self.reference, probabilityMap)

    def shown(self, result, reference=None):
        return segmentArray(result.segmentationNode, SEGMENT_ID, reference or result.referenceNode)

    def assertShown(self, result, reference=None):
        np.testing.assert_array_equal(self.shown(result, reference), result.lesions.mask())

    def paint(self, result, painted, erased):
        """What the Segment Editor does at the end of a stroke."""
        array = self.shown(result)
        array[painted], array[erased] = 1, 0
        slicer.util.updateSegmentBinaryLabelmapFromArray(
            np.ascontiguousarray(array.transpose(2, 1, 0)), result.segmentationNode, SEGMENT_ID, result.referenceNode
        )


class DecisionsTest(LesionResultTest):
    def test_aRejectedLesionStaysOutWhileTheSliderMoves(self):
        lesions = self.result.show(0.5, 0.5, minimumDiameterMm=3.0)
        first = lesions.rows[0]
        place = np.unravel_index(lesions.voxels_of(first), SHAPE)
        before = lesions.figures
        after = self.result.decide(first.id, "rejected")
        self.assertEqual(len(after), len(lesions) - 1)
        self.assertAlmostEqual(after.figures.volume_ml, before.volume_ml - first.volume_ml)
        self.assertLess(after.figures.recall, before.recall)
        self.assertFalse(self.result.isUndecided(first.id))
        for beta in (0.5, 0.05, 0.4, 0.1, 0.5):
            self.result.show(1 - beta, beta, minimumDiameterMm=3.0)
            self.assertShown(self.result)
            self.assertFalse(self.shown(self.result)[place].any())
        self.result.decide(first.id, "undecided")
        self.assertTrue(self.shown(self.result)[place].all())
        self.assertTrue(self.result.isUndecided(first.id))

    def test_whereAllAreRejectedOneCanBeTakenBack(self):
        listed = self.result.show(0.5, 0.5).listed
        for lesion in listed:
            self.result.decide(lesion.id, "rejected")
        self.assertEqual(len(self.result.lesions), 0)
        self.result.decide(listed[0].id, "undecided")
        self.assertEqual([lesion.id for lesion in self.result.lesions.rows], [listed[0].id])
        self.assertShown(self.result)

    def test_resetBringsAllBack(self):
        lesions = self.result.show(0.5, 0.5)
        for lesion in lesions.rows[:3]:
            self.result.decide(lesion.id, "rejected")
        self.result.setNote(lesions.rows[4].id, "stays")
        self.assertEqual(len(self.result.resetDecisions()), len(lesions))
        self.assertEqual(self.result.lesions.notes, {lesions.rows[4].id: "stays"})
        self.assertShown(self.result)

    def test_aLesionThatIsNotListedIsOneSentence(self):
        self.result.show(0.5, 0.5)
        for work in (lambda: self.result.decide(9999, "kept"), lambda: self.result.setNote(9999, "x")):
            with self.assertRaisesRegex(InputError, "no lesion 9999"):
                work()
        with self.assertRaisesRegex(InputError, "not 'perhaps'"):
            self.result.decide(self.result.lesions.rows[0].id, "perhaps")

    def test_aMoveOfTheSliderIsHeardOnce(self):
        self.result.show(0.5, 0.5)
        heard = []
        node = self.result.segmentationNode
        for event in (vtk.vtkCommand.ModifiedEvent, slicer.vtkSegmentation.SegmentModified):
            node.AddObserver(event, lambda *_: heard.append(1))
            node.GetSegmentation().AddObserver(slicer.vtkSegmentation.SegmentModified, lambda *_: None)
        self.result.show(0.2, 0.8)
        self.assertEqual(len(heard), 1)
        self.result.show(0.2, 0.8)
        self.assertEqual(len(heard), 1)

    def test_handEditsAndDecisionsAreApart(self):
        lesions = self.result.show(0.5, 0.5)
        box = np.s_[1:4, 1:4, 1:4]
        first = lesions.rows[0]
        self.paint(self.result, box, np.unravel_index(lesions.voxels_of(first)[:9], SHAPE))
        self.result.decide(first.id, "rejected")
        self.assertTrue(self.shown(self.result)[box].all())
        self.result.decide(first.id, "undecided")
        self.assertEqual(self.result.editedVoxels, 27 + 9 - int(lesions.mask()[box].sum()))
        self.result.resetEdits()
        self.assertEqual(self.result.editedVoxels, 0)
        self.assertShown(self.result)

    def test_theTableHoldsWhatIsShown(self):
        lesions = self.result.show(0.5, 0.5)
        self.result.decide(lesions.rows[0].id, "rejected")
        self.result.decide(lesions.rows[1].id, "kept")
        self.result.setNote(lesions.rows[1].id, "Dawson's finger")
        table = addLesionTable(self.scene, self.result)
        self.assertEqual(table.GetNumberOfRows(), len(lesions) - 1)
        cell = lambda column: table.GetTable().GetValueByName(0, column).ToString()  # noqa: E731
        self.assertEqual((cell("lesion"), cell("decision")), (str(lesions.rows[1].id), "kept"))
        self.assertEqual(cell("note"), "Dawson's finger")


class SavedSceneTest(LesionResultTest):
    def test_everythingComesBack(self):
        conditioned = ConditionedScore(np.log(blobs(seed=4) / (1 - blobs(seed=4))), 0.1, 10.0)
        for grid in GRIDS:
            for score in (None, conditioned):
                with self.subTest(grid=grid, conditioned=score is not None):
                    self.scene.Clear(False)
                    self.checkReopened(self.makeResult(grid, score=score))

    def checkReopened(self, result):
        lesions = result.show(0.4, 0.6, 0.001, 3.0)
        first, second = lesions.rows[0], lesions.rows[-1]
        result.decide(first.id, "rejected")
        result.setNote(second.id, 'left | "fluffy"; 50 % & <so>, \u03b2\n2nd line')
        self.paint(result, np.s_[1:4, 1:4, 1:4], np.unravel_index(lesions.voxels_of(second)[:2], SHAPE))
        again = self.saveAndOpen(result)
        self.assertEqual(again.setting, result.setting)
        self.assertEqual(again.lesions.states, result.lesions.states)
        self.assertEqual(again.lesions.notes, result.lesions.notes)
        self.assertEqual(again.lesions.figures.tp, result.lesions.figures.tp)
        self.assertEqual(again.lesions.figures.fp, result.lesions.figures.fp)
        self.assertEqual(again.probabilityMap.provenance, PROVENANCE)
        self.assertEqual(again.probabilityMap.figures_from, result.probabilityMap.figures_from)
        self.assertEqual(again.editedVoxels, result.editedVoxels)
        for setting in ((0.4, 0.6, 0.001, 3.0), (0.1, 0.9), (0.8, 0.2, 0.0, 2.0)):
            result.show(*setting)
            again.show(*setting)
            # On the first reference: Slicer turns the axes of a left-handed one when it reads it.
            np.testing.assert_array_equal(self.shown(again, result.referenceNode), self.shown(result))
        again.resetEdits()
        self.assertShown(again, result.referenceNode)

    def test_whyFiguresAreWithheldComesBack(self):
        reasons = ['A "thick" | study has voxels of 1 x 1 x 8 mm; this model was measured on less.', "Too small."]
        self.scene.Clear(False)
        result = self.makeResult("oblique", provenance={**PROVENANCE, "outside_validated": reasons})
        result.show(0.5, 0.5)
        again = self.saveAndOpen(result)
        self.assertEqual(again.probabilityMap.withheld, reasons)
        self.assertEqual(len(again.show(0.2, 0.8)), len(result.show(0.2, 0.8)))
        with self.assertRaisesRegex(InputError, "Too small. Choose a reference"):
            OperatingCurvePlot(self.scene).setResult(again)

    def test_twoStudiesKeepTheirsApart(self):
        first = self.result
        second = self.makeResult("left-handed", seed=5, name="Follow-up")
        for result, state in ((first, "rejected"), (second, "kept")):
            result.show(0.5, 0.5)
            result.decide(result.lesions.rows[0].id, state)
            result.setNote(result.lesions.rows[0].id if state == "kept" else result.lesions.rows[1].id, state)
        second.show(0.3, 0.7, 0.0, 4.0)
        for result in (first, second):
            again = LesionResult.stored(result.segmentationNode)
            self.assertEqual(again.setting, result.setting)
            self.assertEqual(again.decisions.to_dict(), result.decisions.to_dict())
            self.assertEqual(again.editedVoxels, 0)
        self.assertNotEqual(first.lesions.notes, second.lesions.notes)

    def test_whatIsGoneOrDamagedIsOneSentence(self):
        node = self.result.segmentationNode
        self.result.show(0.5, 0.5)
        node.SetAttribute(DECISIONS, "{")
        with self.assertRaisesRegex(InputError, "FLAIR lesions are damaged"):
            LesionResult.stored(node)
        node.SetAttribute(DECISIONS, None)
        stored = node.GetAttribute(MAP)
        node.SetAttribute(MAP, "[]")
        with self.assertRaisesRegex(InputError, "damaged"):
            LesionResult.stored(node)
        node.SetAttribute(MAP, stored)
        LesionResult.stored(node)
        self.scene.RemoveNode(node.GetNodeReference(PROBABILITY))
        with self.assertRaisesRegex(InputError, "not in the scene any more"):
            LesionResult.stored(node)
        with self.assertRaisesRegex(InputError, "not in the scene any more"):
            storedMap(self.scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "foreign"))

    def test_theVolumeLiesWhereTheReferenceLies(self):
        node = self.result.segmentationNode.GetNodeReference(PROBABILITY)
        one, other = vtk.vtkMatrix4x4(), vtk.vtkMatrix4x4()
        node.GetIJKToRASMatrix(one)
        self.reference.GetIJKToRASMatrix(other)
        for row in range(4):
            for column in range(4):
                self.assertAlmostEqual(one.GetElement(row, column), other.GetElement(row, column))
        self.assertEqual(node.GetName(), "FLAIR lesion probability")

    def saveAndOpen(self, result):
        path = str(self.temporaryFolder() / "scene.mrb")
        self.assertTrue(self.scene.WriteToMRB(path))
        # Imported beside what is there: every ID changes.
        known = {node.GetID() for node in slicer.util.getNodesByClass("vtkMRMLSegmentationNode")}
        self.scene.ReadFromMRB(path, False)
        nodes = slicer.util.getNodesByClass("vtkMRMLSegmentationNode")
        (node,) = [node for node in nodes if node.GetID() not in known]
        self.assertIsNot(node.GetNodeReference(PROBABILITY), result.segmentationNode.GetNodeReference(PROBABILITY))
        return LesionResult.stored(node)


class TurnedVolumeTest(LesionResultTest):
    def test_theStoredVolumeMayHaveItsAxesInAnyOrder(self):
        """The same places, other voxel indices: nothing may move."""
        self.result.show(0.4, 0.6)
        lesion = self.result.lesions.rows[0]
        self.result.decide(lesion.id, "rejected")
        node = self.result.segmentationNode.GetNodeReference(PROBABILITY)
        array, matrix = slicer.util.arrayFromVolume(node).transpose(2, 1, 0).copy(), vtk.vtkMatrix4x4()
        node.GetIJKToRASMatrix(matrix)
        matrix = np.array([[matrix.GetElement(row, column) for column in range(4)] for row in range(4)])
        for order in ((0, 1, 2), (2, 0, 1), (1, 0, 2)):
            for flipped in ((), (0,), (1, 2), (0, 1, 2)):
                with self.subTest(order=order, flipped=flipped):
                    turn = np.eye(4)[:, [*order, 3]]
                    for axis in flipped:
                        turn[:, 3] += turn[:, axis] * (array.transpose(order).shape[axis] - 1)
                        turn[:, axis] *= -1
                    turned = np.flip(array.transpose(order), flipped)
                    slicer.util.updateVolumeFromArray(node, np.ascontiguousarray(turned.transpose(2, 1, 0)))
                    node.SetIJKToRASMatrix(vtkMatrix(matrix @ turn))
                    again = LesionResult.stored(self.result.segmentationNode)
                    np.testing.assert_array_equal(again.probabilityMap.array, self.result.probabilityMap.array)
                    np.testing.assert_allclose(again.curve.geometry.affine, self.result.curve.geometry.affine)
                    self.assertEqual((again.lesions.states, again.editedVoxels), (self.result.lesions.states, 0))

    def test_anotherGridIsRefused(self):
        self.result.show(0.5, 0.5)
        node = self.result.segmentationNode.GetNodeReference(PROBABILITY)
        for change in (lambda: node.SetOrigin(1, 2, 3), lambda: node.SetSpacing(2, 1, 1)):
            change()
            with self.assertRaisesRegex(InputError, "another grid"):
                LesionResult.stored(self.result.segmentationNode)

    def test_aTransformedStudyComesBack(self):
        transform = self.scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
        transform.SetMatrixTransformToParent(vtkMatrix(GRIDS["oblique"]))
        reference = self.addVolume(GRIDS["left-handed"], name="moved")
        reference.SetAndObserveTransformNodeID(transform.GetID())
        probabilityMap = ProbabilityMap(blobs(), volumeGeometry(reference))
        result = LesionResult(self.scene, reference, probabilityMap)
        result.show(0.5, 0.5)
        again = LesionResult.stored(result.segmentationNode)
        np.testing.assert_allclose(again.curve.geometry.affine, result.curve.geometry.affine, atol=1e-9)
        self.assertEqual(again.editedVoxels, 0)
