"""A study and its reference segmentation as a case of a case table: on whose grid, and what is refused."""

import csv

import numpy as np

from LesionSegmentationLib.engine.errors import InputError
from LesionSegmentationLib.engine.geometry import Geometry
from LesionSegmentationLib.engine.volume import read_mask, read_volume
from LesionSegmentationLib.scene.training_case import addTrainingCase
from scene.scene_case import GRIDS, SHAPE, SceneTestCase, blobs

TRUTH = blobs(seed=2) > 0.5
PARTS = TRUTH & (np.arange(SHAPE[0]) < 18)[:, None, None], TRUTH & (np.arange(SHAPE[0]) >= 18)[:, None, None]


class TrainingCaseTest(SceneTestCase):
    def setUp(self):
        super().setUp()
        self.table = self.temporaryFolder() / "cases.csv"

    def rows(self):
        return list(csv.DictReader(self.table.read_text(encoding="utf-8").splitlines()))

    def test_allSegmentsTogetherLieOnTheGridOfTheReference(self):
        for number, (grid, matrix) in enumerate(GRIDS.items()):
            with self.subTest(grid=grid):
                volume = self.addVolume(matrix)
                lesions = self.addSegmentation(PARTS, volume, "lesions")
                name = addTrainingCase(self.table, {"flair": volume}, lesions, f"p{number}", "test")
                row = self.rows()[-1]
                self.assertEqual((row["id"], row["patient"], row["split"]), (name, f"p{number}", "test"))
                mask = read_mask(self.table.parent / row["mask"])
                self.assertTrue(mask.geometry.same_grid(read_volume(self.table.parent / row["flair"]).geometry))
                there = mask.geometry.world(np.argwhere(mask.array > 0))
                marked = np.zeros(SHAPE, bool)
                marked[tuple(np.rint(Geometry(SHAPE, matrix).voxel(there)).astype(int).T)] = True
                np.testing.assert_array_equal(marked, TRUTH)

    def test_anEmptySegmentIsACaseWithoutLesion(self):
        volume = self.addVolume(GRIDS["oblique"])
        node = self.scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "none")
        node.SetReferenceImageGeometryParameterFromVolumeNode(volume)
        node.GetSegmentation().AddEmptySegment("Lesion")
        name = addTrainingCase(self.table, {"flair": volume}, node, "healthy")
        self.assertFalse(read_mask(self.table.parent / name / "mask.nii.gz").array.any())

    def test_whatIsNoCaseLeavesTheTableAsItWas(self):
        volume = self.addVolume()
        good = self.addSegmentation(PARTS, volume, "lesions")
        addTrainingCase(self.table, {"flair": volume}, good, "one", "train")
        before = self.table.read_bytes()
        elsewhere = self.addVolume(GRIDS["plain"] + np.array([[0, 0, 0, 500], [0] * 4, [0] * 4, [0] * 4]), name="far")
        bare = self.scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "bare")
        for segmentation, patient, split, sentence in (
            (None, "two", "", "Choose the reference segmentation"),
            (bare, "two", "", "bare has no segment"),
            (self.addSegmentation(PARTS, elsewhere, "other"), "two", "", "other lies beside FLAIR"),
            (good, "Doe, J", "", "Give the patient a name"),
            (good, "one", "test", "in the split 'train' already"),
        ):
            with self.subTest(sentence), self.assertRaisesRegex(InputError, sentence):
                addTrainingCase(self.table, {"flair": volume}, segmentation, patient, split)
            self.assertEqual(self.table.read_bytes(), before)
        self.assertEqual(sorted(path.name for path in self.table.parent.iterdir()), ["cases.csv", "one-1"])
