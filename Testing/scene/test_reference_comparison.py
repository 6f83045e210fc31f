"""A result beside a reference: true figures of what is shown, references on other grids, colours of disagreement."""

import numpy as np
import slicer
import slicer.util
import vtk

from LesionSegmentationLib.engine.agreement import overlap_figures
from LesionSegmentationLib.engine.errors import InputError
from LesionSegmentationLib.engine.geometry import Geometry, from_canonical, to_canonical
from LesionSegmentationLib.engine.probability_map import ProbabilityMap
from LesionSegmentationLib.scene.disagreement import ATTRIBUTE, COLOURS, EXTRA, HIT, MISSED
from LesionSegmentationLib.scene.lesion_result import LesionResult
from LesionSegmentationLib.scene.reference_comparison import keptReference
from LesionSegmentationLib.scene.segmentation import SEGMENT_ID
from scene.scene_case import GRIDS, SHAPE, SceneTestCase, blobs, segmentArray, vtkMatrix

TRUTH = blobs(seed=0, count=14) + np.random.default_rng(3).normal(0, 0.1, SHAPE) > 0.45


class ReferenceTestCase(SceneTestCase):
    def makeResult(self, grid="plain", name="FLAIR"):
        self.reference = self.addVolume(GRIDS[grid], name=name)
        posterior = blobs(seed=0, count=14)
        made = ProbabilityMap(posterior, Geometry(SHAPE, GRIDS[grid]), {"scale": 1, "bias": 0, "fitted_on": "nothing"})
        result = LesionResult(self.scene, self.reference, made)
        result.show(0.5, 0.5)
        return result

    def addLabelMap(self, mask, matrix, name="truth"):
        node = slicer.util.addVolumeFromArray(
            np.ascontiguousarray(mask.transpose(2, 1, 0).astype(np.uint8)), name=name, nodeClassName=LABEL_MAP
        )
        node.SetIJKToRASMatrix(vtkMatrix(matrix))
        return node

    def assertTrueFigures(self, result, truth=TRUTH):
        shown = segmentArray(result.segmentationNode, SEGMENT_ID, result.referenceNode) > 0
        expected = overlap_figures(shown, truth, result.curve.geometry.voxel_ml)
        figures = result.comparison.figures
        self.assertEqual((figures.tp, figures.fp), (expected["true_positives"], expected["false_positives"]))
        self.assertEqual((figures.dice, figures.f2), (expected["dice"], expected["f2"]))


LABEL_MAP = "vtkMRMLLabelMapVolumeNode"


class TrueFiguresTest(ReferenceTestCase):
    def test_theyAreThoseOfTheScreenOnEveryGrid(self):
        for grid in GRIDS:
            result = self.makeResult(grid, grid)
            halves = (
                TRUTH & (np.arange(SHAPE[0])[:, None, None] < 20),
                TRUTH & (np.arange(SHAPE[0]) >= 15)[:, None, None],
            )
            references = self.addLabelMap(TRUTH, GRIDS[grid]), self.addSegmentation(halves, self.reference, "truth")
            for node in references:
                with self.subTest(grid=grid, node=node.GetClassName()):
                    comparison = result.compareWith(node)
                    self.assertEqual(comparison.note, "")
                    np.testing.assert_array_equal(comparison.truth.reference.reshape(SHAPE), TRUTH)
                    for setting in ((0.5, 0.5), (0.1, 0.9, 0.02), (0.8, 0.2, 0.0, 3.0), (0.2, 0.8, 0.0, 0.0, 30)):
                        result.show(*setting)
                        self.assertTrueFigures(result)

    def test_handEditsAreCounted(self):
        result = self.makeResult("oblique")
        comparison = result.compareWith(self.addLabelMap(TRUTH, GRIDS["oblique"]))
        before = comparison.figures
        edited = segmentArray(result.segmentationNode, SEGMENT_ID, self.reference)
        edited[2:9, 3:9, 4:11] = 1 - edited[2:9, 3:9, 4:11]
        array = np.ascontiguousarray(edited.transpose(2, 1, 0))
        slicer.util.updateSegmentBinaryLabelmapFromArray(array, result.segmentationNode, SEGMENT_ID, self.reference)
        self.assertTrueFigures(result)
        self.assertNotEqual(comparison.figures, before)
        result.show(0.1, 0.9)
        self.assertTrueFigures(result)

    def test_anotherVoxelOrderOfTheSameImageIsNoResampling(self):
        for grid in ("left-handed", "oblique, left-handed, permuted"):
            result = self.makeResult(grid, grid)
            canonical, order, flips = Geometry(SHAPE, GRIDS[grid]).canonical()
            turned = to_canonical(TRUTH, order, flips)
            comparison = result.compareWith(self.addLabelMap(turned, canonical.affine))
            self.assertEqual(comparison.note, "")
            self.assertTrueFigures(result)
            np.testing.assert_array_equal(from_canonical(turned, order, flips), TRUTH)

    def test_transformsCount(self):
        """Both moved together is nothing; one moved alone is another place."""
        result = self.makeResult("oblique")
        transform = self.scene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "moved")
        matrix = np.eye(4)
        matrix[:3, 3] = (7, -3, 2)
        transform.SetMatrixTransformToParent(vtkMatrix(matrix))
        node = self.addSegmentation([TRUTH], self.reference, "truth")
        for moved in (node, result.segmentationNode, self.reference):
            moved.SetAndObserveTransformNodeID(transform.GetID())
        result.compareWith(node)
        self.assertTrueFigures(result)
        node.SetAndObserveTransformNodeID(None)
        self.assertTrue(result.comparison.update())
        self.assertIn("another grid", result.comparison.note)

    def test_anotherGridIsResampledAndSaid(self):
        result = self.makeResult("plain")
        fine = GRIDS["plain"] @ np.diag([0.5, 0.5, 0.5, 1])
        fine[:3, 3] = (GRIDS["plain"] @ [-0.25, -0.25, -0.25, 1])[:3]
        doubled = TRUTH.repeat(2, 0).repeat(2, 1).repeat(2, 2)
        comparison = result.compareWith(self.addLabelMap(doubled, fine))
        self.assertEqual(
            comparison.note,
            "truth has another grid than the image of FLAIR lesions: every voxel takes what is nearest to it.",
        )
        self.assertTrueFigures(result)

    def test_anEditedReferenceIsReadAgain(self):
        result = self.makeResult("anisotropic")
        node = self.addSegmentation([TRUTH], self.reference, "truth")
        comparison = result.compareWith(node)
        self.assertFalse(comparison.update())
        less = TRUTH & (np.arange(SHAPE[2]) < 12)
        segment = node.GetSegmentation().GetNthSegmentID(0)
        slicer.util.updateSegmentBinaryLabelmapFromArray(
            np.ascontiguousarray(less.transpose(2, 1, 0).astype(np.uint8)), node, segment, self.reference
        )
        self.assertTrue(comparison.update())
        self.assertTrueFigures(result, less)

    def test_anEmptyReferenceIsOne(self):
        result = self.makeResult()
        node = self.scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "nothing")
        node.SetReferenceImageGeometryParameterFromVolumeNode(self.reference)
        node.GetSegmentation().AddEmptySegment("none")
        comparison = result.compareWith(node)
        self.assertEqual((comparison.figures.precision, comparison.figures.recall), (0.0, None))
        self.assertEqual(comparison.lesionCounts.reference, 0)
        self.assertEqual(comparison.lesionCounts.false, len(result.lesions))

    def test_whatCannotBeComparedIsOneSentence(self):
        result = self.makeResult()
        beside = GRIDS["plain"].copy()
        beside[:3, 3] += 500
        half = GRIDS["plain"].copy()
        half[0, 3] += SHAPE[0] - 3
        corner = np.zeros(SHAPE, bool)
        corner[-2:] = True
        empty = self.scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "bare")
        for node, sentence in (
            (
                self.addLabelMap(TRUTH, beside),
                "truth lies beside the image of FLAIR lesions; choose a reference of the",
            ),
            (self.addLabelMap(corner, half), "marks nothing within"),
            (result.segmentationNode, "comes from the result itself"),
            (empty, "bare has no segment"),
            (self.scene.AddNewNodeByClass(LABEL_MAP, "void"), "void holds no image"),
        ):
            with self.subTest(sentence), self.assertRaisesRegex(InputError, sentence):
                result.compareWith(node)
            self.assertIsNone(result.comparison)
            self.assertIsNone(keptReference(result.segmentationNode))


class ColoursTest(ReferenceTestCase):
    def coloured(self):
        nodes = [n for n in slicer.util.getNodesByClass("vtkMRMLSegmentationNode") if n.GetAttribute(ATTRIBUTE)]
        self.assertLessEqual(len(nodes), 1)
        return nodes[0] if nodes else None

    def assertColours(self, result, truth=TRUTH):
        shown = segmentArray(result.segmentationNode, SEGMENT_ID, result.referenceNode) > 0
        for name, expected in ((HIT, shown & truth), (MISSED, truth & ~shown), (EXTRA, shown & ~truth)):
            found = segmentArray(self.coloured(), name, result.referenceNode)
            np.testing.assert_array_equal(found, expected, err_msg=name)

    def test_theyFollowWhatIsShown(self):
        for grid in GRIDS:
            with self.subTest(grid=grid):
                result = self.makeResult(grid, grid)
                comparison = result.compareWith(self.addLabelMap(TRUTH, GRIDS[grid]))
                self.assertIsNone(self.coloured())
                comparison.showColours()
                self.assertColours(result)
                for setting in ((0.05, 0.95), (0.9, 0.1), (0.5, 0.5, 0.1)):
                    result.show(*setting)
                    comparison.update()
                    self.assertColours(result)
                comparison.showColours(False)
                self.assertIsNone(self.coloured())

    def test_theResultIsAnOutlineMeanwhileAndTheColoursAreNotSaved(self):
        result = self.makeResult()
        display = result.segmentationNode.GetDisplayNode()
        result.compareWith(self.addLabelMap(TRUTH, GRIDS["plain"])).showColours()
        self.assertFalse(display.GetVisibility2DFill())
        self.assertTrue(display.GetVisibility2DOutline())
        self.assertEqual(list(display.GetSegmentOverrideColor(SEGMENT_ID)), [1.0, 1.0, 1.0])
        self.assertFalse(self.coloured().GetSaveWithScene())
        result.compareWith(None)
        self.assertTrue(display.GetVisibility2DFill())
        self.assertEqual(list(display.GetSegmentOverrideColor(SEGMENT_ID)), [-1.0, -1.0, -1.0])
        self.assertIsNone(self.coloured())

    def test_aNodeThatSomebodyTookOrChangedIsMadeAgain(self):
        result = self.makeResult()
        comparison = result.compareWith(self.addLabelMap(TRUTH, GRIDS["plain"]))
        comparison.showColours()
        self.scene.RemoveNode(self.coloured())
        comparison.update()
        self.assertColours(result)
        self.coloured().GetSegmentation().RemoveSegment(MISSED)
        comparison.update()
        self.assertColours(result)
        nothing = np.zeros(SHAPE[::-1], np.uint8)
        slicer.util.updateSegmentBinaryLabelmapFromArray(nothing, self.coloured(), EXTRA, self.reference)
        comparison.update()
        self.assertColours(result)

    def test_theColoursAreToldApartWithColourVisionDeficiencies(self):
        """Distances in linear light after the simulation of Machado et al. 2009 (severity 1), and brightness."""
        simulations = {
            "protan": [
                [0.152286, 1.052583, -0.204868],
                [0.114503, 0.786281, 0.099216],
                [-0.003882, -0.048116, 1.051998],
            ],
            "deutan": [
                [0.367322, 0.860646, -0.227968],
                [0.280085, 0.672501, 0.047413],
                [-0.011820, 0.042940, 0.968881],
            ],
        }
        for name, matrix in simulations.items():
            seen = [
                np.clip(np.array(matrix) @ np.array(colour) ** 2.2, 0, 1) ** (1 / 2.2) for colour in COLOURS.values()
            ]
            for one, other in ((0, 1), (0, 2), (1, 2)):
                self.assertGreater(np.linalg.norm(seen[one] - seen[other]), 0.35, (name, one, other))


class KeptChoiceTest(ReferenceTestCase):
    def test_theChoiceIsSavedWithTheScene(self):
        result = self.makeResult("oblique")
        result.compareWith(self.addLabelMap(TRUTH, GRIDS["oblique"])).showColours()
        result.show(0.25, 0.75, 0.001, 2.0, 9)
        path = str(self.temporaryFolder() / "scene.mrb")
        self.assertTrue(self.scene.WriteToMRB(path, vtk.vtkImageData()))
        self.scene.Clear(0)
        self.scene.SetURL(path)
        self.assertTrue(self.scene.ReadFromMRB(path))
        nodes = list(slicer.util.getNodesByClass("vtkMRMLSegmentationNode"))
        self.assertEqual([node.GetName() for node in nodes], ["FLAIR lesions"])
        again = LesionResult.stored(nodes[0])
        self.assertTrue(nodes[0].GetDisplayNode().GetVisibility2DFill())
        self.assertEqual(list(nodes[0].GetDisplayNode().GetSegmentOverrideColor(SEGMENT_ID)), [-1.0, -1.0, -1.0])
        self.assertEqual(again.setting, (0.25, 0.75, 0.001, 2.0, 9))
        again.compareWith(keptReference(nodes[0]))
        self.assertTrueFigures(again)
