"""From volume nodes to a segmentation node, through the engine and through the worker process."""

import time
import unittest
from pathlib import Path

import numpy as np
import slicer

try:
    import torch  # noqa: F401
except ImportError as error:
    raise unittest.SkipTest("torch is not installed in this Slicer") from error

from bright_model import write_bright_model
from LesionSegmentationLib.engine.agreement import agreement
from LesionSegmentationLib.engine.bundle import find_bundle
from LesionSegmentationLib.engine.lesions import find_lesions
from LesionSegmentationLib.engine.operating_curve import OperatingCurve
from LesionSegmentationLib.engine.process import process
from LesionSegmentationLib.engine.study import read_study
from LesionSegmentationLib.engine.volume import Volume, read_mask, read_volume
from LesionSegmentationLib.engine.worker_client import WorkerClient
from LesionSegmentationLib.scene.lesion_result import LesionResult
from LesionSegmentationLib.scene.segmentation import readProvenance
from LesionSegmentationLib.scene.segmentation_run import SegmentationRun
from LesionSegmentationLib.scene.volumes import studyFromNodes, volumeFromNode
from scene.scene_case import GRIDS, SceneTestCase, segmentArray

PATIENCE_SECONDS = 600
PATIENT = Path(__file__).resolve().parents[3] / "shared" / "data" / "ms-real" / "mslesseg-P14"


def head(shape=(56, 50, 44)):
    """A ball of noise with three bright cubes in it, float32 (i, j, k)."""
    rng = np.random.default_rng(7)
    centre = (np.array(shape) - 1) / 2
    grid = np.stack(np.meshgrid(*[np.arange(n) for n in shape], indexing="ij"), -1)
    inside = (((grid - centre) / (centre * 0.9)) ** 2).sum(-1) < 1
    image = np.where(inside, 100 + rng.normal(0, 4, shape), rng.normal(0, 1, shape))
    for i, j, k, half in ((20, 24, 26, 2), (34, 30, 24, 3), (28, 20, 34, 1)):
        image[i - half : i + half + 1, j - half : j + half + 1, k - half : k + half + 1] = 210
    return image.astype(np.float32)


def segmentHere(scene, nodes, model, alpha=0.5, beta=0.5):
    """The whole job in this process; returns the LesionResult."""
    study = studyFromNodes(nodes)
    result = LesionResult(scene, nodes[study.reference], process(study, find_bundle(str(model)), "cpu"))
    result.show(alpha, beta)
    return result


class WholeJobTest(SceneTestCase):
    def setUp(self):
        super().setUp()
        self.model = self.temporaryFolder() / "bright"
        write_bright_model(self.model)

    def test_inThisProcess(self):
        flair = self.addVolume(GRIDS["left-handed"], head())
        result = segmentHere(self.scene, {"flair": flair, "t1": None}, self.model, 0.4, 0.6)
        self.assertGreaterEqual(len(result.lesions), 3)
        self.assertShown(result, flair)
        provenance = readProvenance(result.segmentationNode)
        self.assertEqual((provenance["model"]["name"], provenance["beta"]), ("bright", 0.6))
        self.assertIn("not a medical device", provenance["notice"])

    def test_inTheWorkerItIsTheSame(self):
        flair = self.addVolume(GRIDS["oblique"], head())
        here = segmentHere(self.scene, {"flair": flair}, self.model, 0.4, 0.6)
        with WorkerClient() as worker:
            result = self.inWorker(worker, {"flair": flair}, self.model)
        result.show(0.4, 0.6)
        np.testing.assert_array_equal(result.lesions.mask(), here.lesions.mask())
        self.assertShown(result, flair)
        self.assertNotEqual(result.segmentationNode.GetName(), here.segmentationNode.GetName())

    def test_everyMoveIsShown(self):
        flair = self.addVolume(GRIDS["oblique, left-handed, permuted"], head())
        result = segmentHere(self.scene, {"flair": flair}, self.model)
        for beta in (0.05, 0.9, 0.3, 0.97):
            result.show(1 - beta, beta, minimumVolumeMl=0.02)
            self.assertShown(result, flair)

    @unittest.skipUnless(PATIENT.is_dir(), f"the real case {PATIENT.name} is not beside the repository")
    def test_aRealPatient(self):
        paths = {"flair": PATIENT / "time2_flair.nii.gz", "t1": PATIENT / "time2_t1.nii.gz"}
        load = slicer.modules.volumes.logic().AddArchetypeVolume
        nodes = {channel: load(str(path), channel.upper()) for channel, path in paths.items()}
        with WorkerClient() as worker:
            result = self.inWorker(worker, nodes, "ms-flair")
        for beta in (0.3, 0.5, 0.8):
            result.show(1 - beta, beta)
            self.assertShown(result, nodes["flair"])
        result.show(0.5, 0.5)

        # Slicer turns left-handed files: the same head in another voxel order has to give the same lesions.
        study = read_study(paths)
        curve = OperatingCurve.of(process(study, find_bundle("ms-flair"), "cpu"))
        fromFiles = find_lesions(curve, curve.at(0.5, 0.5)).mask()
        grid = read_volume(paths["flair"]).geometry
        onFileGrid = inOrderOf(grid, result.lesions.mask(), volumeFromNode(nodes["flair"]).geometry)
        self.assertLessEqual((onFileGrid != fromFiles).sum(), 0.001 * fromFiles.sum())

        gold = read_mask(PATIENT / "time2_mask.nii.gz")
        figures = agreement(Volume(onFileGrid, grid, "shown"), gold)
        self.assertGreaterEqual(figures["dice"], 0.45)

    def inWorker(self, worker, nodes, model):
        run = SegmentationRun(worker, nodes, model, "cpu")
        end = time.monotonic() + PATIENCE_SECONDS
        while run.state == "running":
            self.assertLess(time.monotonic(), end, "the run did not end")
            run.poll()
            time.sleep(0.02)
        run.raiseFailure()
        return LesionResult(self.scene, run.referenceNode, run.probabilityMap)

    def assertShown(self, result, reference):
        shown = segmentArray(result.segmentationNode, result.segmentId, reference)
        np.testing.assert_array_equal(shown, result.lesions.mask())
        self.assertTrue(shown.any())


def inOrderOf(grid, mask, geometry):
    """Return ``mask`` (i, j, k) on ``geometry`` in the voxel order of ``grid``, whose voxels lie at the same places."""
    place = geometry.voxel(grid.world(np.stack(np.unravel_index(np.arange(mask.size), grid.shape), axis=1)))
    return mask[tuple(np.rint(place).astype(int).T)].reshape(grid.shape)
