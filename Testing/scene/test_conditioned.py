"""A conditioned model in the scene: the segment is the network's own set at every position of the slider."""

import time
import unittest

import numpy as np

try:
    import torch  # noqa: F401
except ImportError as error:
    raise unittest.SkipTest("torch is not installed in this Slicer") from error

from bright_model import write_conditioned_model
from LesionSegmentationLib.engine.bundle import load_bundle
from LesionSegmentationLib.engine.conditioned_score import ConditionedScore
from LesionSegmentationLib.engine.geometry import Geometry
from LesionSegmentationLib.engine.probability_map import ProbabilityMap
from LesionSegmentationLib.engine.process import process
from LesionSegmentationLib.engine.worker_client import WorkerClient
from LesionSegmentationLib.scene.lesion_result import LesionResult
from LesionSegmentationLib.scene.segmentation import readProvenance
from LesionSegmentationLib.scene.segmentation_run import SegmentationRun
from LesionSegmentationLib.scene.volumes import studyFromNodes
from scene.scene_case import GRIDS, SHAPE, SceneTestCase, blobs, segmentArray

PATIENCE_SECONDS = 300


class ConditionedTest(SceneTestCase):
    def test_theSegmentIsTheSetOfTheNetwork(self):
        a = np.log(blobs(seed=1) / (1 - blobs(seed=1))).astype(np.float32)
        s = np.random.default_rng(5).uniform(0.2, 3, SHAPE).astype(np.float32)
        for name, matrix in GRIDS.items():
            reference = self.addVolume(matrix, name=name)
            score = ConditionedScore.of_maps(a, s, (0.1, 10.0))
            result = LesionResult(
                self.scene, reference, ProbabilityMap(blobs(seed=2), Geometry(SHAPE, matrix), score=score)
            )
            for rho in (0.1, 2.0, 0.5, 10.0, 40.0, 0.0):
                with self.subTest(grid=name, rho=rho):
                    result.show(1.0, rho)
                    logit = a + s * np.log(np.float64(min(max(rho, 0.1), 10.0)))
                    shown = segmentArray(result.segmentationNode, result.segmentId, reference)
                    clear = np.abs(logit) > 1e-4
                    np.testing.assert_array_equal(shown[clear], (logit > 0)[clear])
                    self.assertTrue(shown.any())
                    self.assertIsNone(readProvenance(result.segmentationNode)["threshold"])
                    self.assertAlmostEqual(
                        result.lesions.figures.tp, blobs(seed=2)[shown > 0].sum(dtype=float), delta=1e-2
                    )

    def test_theWorkerHandsOverBothVolumes(self):
        image = np.where(blobs(seed=3) > 0.5, 200, 100).astype(np.float32)
        image += np.random.default_rng(1).normal(0, 4, SHAPE).astype(np.float32)
        image[:4] = 0
        flair = self.addVolume(GRIDS["left-handed"], image)
        model = write_conditioned_model(self.temporaryFolder() / "conditioned").folder
        with WorkerClient() as worker:
            run = SegmentationRun(worker, {"flair": flair}, model, "cpu")
            end = time.monotonic() + PATIENCE_SECONDS
            while run.state == "running":
                self.assertLess(time.monotonic(), end, "the run did not end")
                run.poll()
                time.sleep(0.02)
        run.raiseFailure()
        direct = process(studyFromNodes({"flair": flair}), load_bundle(model), device="cpu")
        np.testing.assert_allclose(run.probabilityMap.score.array, direct.score.array, rtol=1e-4, atol=1e-4)
        result = LesionResult(self.scene, flair, run.probabilityMap, run.tree)
        self.assertIs(result.curve.tree, run.tree)
        result.show(0.4, 0.6)
        shown = segmentArray(result.segmentationNode, result.segmentId, flair)
        np.testing.assert_array_equal(shown, result.lesions.mask())
        self.assertTrue(shown.any())
