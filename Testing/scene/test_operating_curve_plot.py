"""The operating curve as plot nodes: the numbers of the engine, made once, never twice."""

import numpy as np
import slicer
import slicer.util

from LesionSegmentationLib.engine.conditioned_score import ConditionedScore
from LesionSegmentationLib.engine.errors import InputError
from LesionSegmentationLib.engine.geometry import Geometry
from LesionSegmentationLib.engine.probability_map import ProbabilityMap
from LesionSegmentationLib.scene.lesion_result import LesionResult
from LesionSegmentationLib.scene.operating_curve_plot import OperatingCurvePlot
from scene.scene_case import GRIDS, SHAPE, SceneTestCase, blobs


class OperatingCurvePlotTest(SceneTestCase):
    def makeResult(self, seed=0, calibrated=True, score=None):
        reference = self.addVolume(GRIDS["oblique"], name=f"FLAIR {seed}")
        calibration = {"scale": 1, "bias": 0, "fitted_on": "nothing" if calibrated else None}
        made = ProbabilityMap(blobs(seed=seed), Geometry(SHAPE, GRIDS["oblique"]), calibration, score=score)
        result = LesionResult(self.scene, reference, made)
        result.show(0.5, 0.5)
        return result

    def addReference(self, result):
        node = self.scene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "truth")
        node.CopyOrientation(result.referenceNode)
        truth = blobs(seed=0) > 0.4
        slicer.util.updateVolumeFromArray(node, np.ascontiguousarray(truth.transpose(2, 1, 0).astype(np.uint8)))
        return node, truth

    def rows(self, node):
        table = node.GetTable()
        return np.array(
            [
                [table.GetValue(row, column).ToDouble() for column in range(table.GetNumberOfColumns())]
                for row in range(table.GetNumberOfRows())
            ]
        )

    def series(self, plot):
        return [
            plot.chartNode.GetNthPlotSeriesNode(n).GetName() for n in range(plot.chartNode.GetNumberOfPlotSeriesNodes())
        ]

    def nodeCount(self):
        return sum(
            self.scene.GetNumberOfNodesByClass(f"vtkMRML{name}Node") for name in ("Table", "PlotSeries", "PlotChart")
        )

    def test_itShowsTheFiguresOfTheEngine(self):
        result = self.makeResult()
        plot = OperatingCurvePlot(self.scene)
        plot.setResult(result)
        rows = self.rows(plot.curveTable)
        self.assertGreater(len(rows), 40)
        for beta, recall, precision, *_ in rows[::7]:
            figures = result.curve.at(1 - beta, beta).figures
            self.assertAlmostEqual(recall, figures.recall)
            self.assertAlmostEqual(precision, figures.precision)
        self.assertTrue((np.diff(rows[:, 1]) >= 0).all())
        self.assertEqual(self.series(plot), ["Expected, every size", "Shown now"])

    def test_aMoveSetsThePointAlone(self):
        result = self.makeResult()
        plot = OperatingCurvePlot(self.scene)
        plot.setResult(result)
        curve = plot.curveTable.GetTable().GetMTime()
        for setting in ((0.2, 0.8), (0.9, 0.1), (0.5, 0.5, 0.05)):
            result.show(*setting)
            plot.update()
            figures = result.lesions.figures
            np.testing.assert_allclose(self.rows(plot.pointTable), [[figures.recall, figures.precision]])
        self.assertEqual(plot.curveTable.GetTable().GetMTime(), curve)
        result.show(0.5, 0.5, 99.0)
        plot.update()
        self.assertEqual(len(self.rows(plot.pointTable)), 0)

    def test_aReferenceAddsTheTrueCurve(self):
        result = self.makeResult()
        node, truth = self.addReference(result)
        result.compareWith(node)
        plot = OperatingCurvePlot(self.scene)
        plot.setResult(result)
        self.assertEqual(self.series(plot), ["Expected, every size", "True, every size", "Shown now"])
        for beta, _recall, _precision, recall, precision in self.rows(plot.curveTable)[::9]:
            mask = result.curve.mask(result.curve.at(1 - beta, beta)) > 0
            self.assertAlmostEqual(recall, (mask & truth).sum() / truth.sum())
            self.assertAlmostEqual(precision, (mask & truth).sum() / mask.sum())
        self.assertEqual(len(self.rows(plot.pointTable)), 2)
        result.compareWith(None)
        plot.setResult(result)
        self.assertEqual(self.series(plot), ["Expected, every size", "Shown now"])

    def test_anotherResultIsShownInTheSameNodes(self):
        first = OperatingCurvePlot(self.scene)
        first.setResult(self.makeResult(0))
        before, count = self.rows(first.curveTable), self.nodeCount()
        second = OperatingCurvePlot(self.scene)
        second.setResult(self.makeResult(1))
        self.assertIs(second.chartNode, first.chartNode)
        self.assertEqual(self.nodeCount(), count)
        self.assertFalse(np.array_equal(self.rows(first.curveTable), before))
        self.assertIn("FLAIR 1 lesions", second.chartNode.GetTitle())
        second.setResult(None)
        self.assertEqual(len(self.rows(second.curveTable)) + len(self.rows(second.pointTable)), 0)
        self.scene.RemoveNode(second.pointTable)
        self.assertFalse(second.inScene)
        third = OperatingCurvePlot(self.scene)
        third.setResult(self.makeResult(2))
        self.assertEqual(self.nodeCount(), count)

    def test_anUncalibratedModelHasATrueCurveOnly(self):
        result = self.makeResult(calibrated=False)
        plot = OperatingCurvePlot(self.scene)
        with self.assertRaisesRegex(InputError, "not calibrated"):
            plot.setResult(result)
        self.assertEqual(len(self.rows(plot.curveTable)), 0)
        result.compareWith(self.addReference(result)[0])
        plot.setResult(result)
        self.assertEqual(self.series(plot), ["True, every size", "Shown now"])
        self.assertEqual(len(self.rows(plot.pointTable)), 1)

    def test_aConditionedScoreHasACurveToo(self):
        score = ConditionedScore(np.log(blobs(seed=4) / (1 - blobs(seed=4))), 0.1, 10.0)
        plot = OperatingCurvePlot(self.scene)
        plot.setResult(self.makeResult(score=score))
        rows = self.rows(plot.curveTable)
        self.assertTrue(np.isfinite(rows).all() and len(rows))
