"""The segmentation node: terms, grid, place in the tree, and what a saved file keeps."""

import json

import numpy as np
import slicer
import vtk

from LesionSegmentationLib.scene import terminology
from LesionSegmentationLib.scene.live import LiveSegment
from LesionSegmentationLib.scene.segmentation import (
    COLOUR,
    PROVENANCE_TAG,
    SEGMENT_ID,
    createLesionSegmentation,
    provenanceText,
    readProvenance,
)
from scene.scene_case import GRIDS, SHAPE, SceneTestCase, affine, blobs, curveOf, maskOf, segmentArray, vtkMatrix


class SegmentationTest(SceneTestCase):
    def test_oneEmptySegmentOnTheWholeGrid(self):
        for name, matrix in GRIDS.items():
            with self.subTest(name):
                reference = self.addVolume(matrix)
                node = createLesionSegmentation(self.scene, reference, "Lesions")
                segmentation = node.GetSegmentation()
                self.assertEqual(segmentation.GetNumberOfSegments(), 1)
                segment = segmentation.GetSegment(SEGMENT_ID)
                self.assertEqual((segment.GetName(), segment.GetColor()), ("Lesion", COLOUR))
                labelmap = segment.GetRepresentation("Binary labelmap")
                self.assertEqual(labelmap.GetDimensions(), SHAPE)
                there = vtk.vtkMatrix4x4()
                labelmap.GetImageToWorldMatrix(there)
                there = np.array([[there.GetElement(r, c) for c in range(4)] for r in range(4)])
                np.testing.assert_allclose(there, matrix, atol=1e-9)
                self.assertEqual(labelmap.GetScalarRange(), (0, 0))
                self.assertIs(node.GetNodeReference(node.GetReferenceImageGeometryReferenceRole()), reference)

    def test_theTermIsLesionOfTheBrain(self):
        node = createLesionSegmentation(self.scene, self.addVolume(), "Lesions")
        segment = node.GetSegmentation().GetSegment(SEGMENT_ID)
        tag = vtk.reference("")
        self.assertTrue(segment.GetTag(segment.GetTerminologyEntryTagName(), tag))
        self.assertEqual(len(str(tag).split("~")), 7)
        self.assertNotIn("|", str(tag))
        entry = slicer.vtkSlicerTerminologyEntry()
        logic = slicer.modules.terminologies.logic()
        self.assertTrue(logic.DeserializeTerminologyEntry(str(tag), entry))
        for code, value, meaning in (
            (entry.GetCategoryObject(), "49755003", "Morphologically Altered Structure"),
            (entry.GetTypeObject(), "52988006", "Lesion"),
            (self.region(entry), "12738006", "Brain"),
        ):
            self.assertEqual(
                (code.GetCodingSchemeDesignator(), code.GetCodeValue(), code.GetCodeMeaning()), ("SCT", value, meaning)
            )

    def test_theTermCanBePicked(self):
        logic = slicer.modules.terminologies.logic()
        terminology.loadTerminology(logic)
        self.assertTrue(logic.IsTerminologyContextLoaded(terminology.CONTEXT))
        category, kind = slicer.vtkSlicerTerminologyCategory(), slicer.vtkSlicerTerminologyType()
        self.assertTrue(logic.GetNthCategoryInTerminology(terminology.CONTEXT, 0, category))
        self.assertTrue(logic.GetNthTypeInTerminologyCategory(terminology.CONTEXT, category, 0, kind))
        self.assertEqual((category.GetCodeValue(), kind.GetCodeValue()), ("49755003", "52988006"))
        np.testing.assert_allclose(kind.GetRecommendedDisplayRGBValue(), np.array(COLOUR) * 255, atol=1)
        entry = slicer.vtkSlicerTerminologyEntry()
        logic.DeserializeTerminologyEntry(terminology.LESION, entry)
        self.assertTrue(logic.UpdateEntryFromLoadedTerminologies(entry, [], []))

    def test_theTermFileKeepsToTheSchema(self):
        """The schema of dcmqi, which Slicer's dialog reads, allows these keys and no others."""
        content = json.loads(terminology.FILE.read_text(encoding="utf-8"))
        self.assertEqual(content["SegmentationCategoryTypeContextName"], terminology.CONTEXT)
        code = {"CodingSchemeDesignator", "CodeValue", "CodeMeaning", "recommendedDisplayRGBValue", "3dSlicerLabel"}
        for category in content["SegmentationCodes"]["Category"]:
            self.assertLessEqual(set(category), code | {"showAnatomy", "Type"})
            for kind in category["Type"]:
                self.assertLessEqual(set(kind), code | {"Modifier"})
                self.assertLessEqual(len(kind["CodeValue"]), 16)  # DICOM SH
                self.assertLessEqual(len(kind["CodeMeaning"]), 64)  # DICOM LO

    def test_itLiesBesideTheVolume(self):
        hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(self.scene)
        patient = hierarchy.CreateSubjectItem(hierarchy.GetSceneItemID(), "Patient")
        for name in ("First", "Second"):
            study = hierarchy.CreateStudyItem(patient, name)
            reference = self.addVolume(name=f"FLAIR {name}")
            hierarchy.SetItemParent(hierarchy.GetItemByDataNode(reference), study)
            node = createLesionSegmentation(self.scene, reference, f"Lesions {name}")
            self.assertEqual(hierarchy.GetItemParent(hierarchy.GetItemByDataNode(node)), study)

    def test_itMovesWithTheVolume(self):
        reference = self.addVolume(GRIDS["oblique"])
        transform = self.scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
        transform.SetMatrixTransformToParent(vtkMatrix(affine((20, 5, 0), shape=(1, 1, 1))))
        reference.SetAndObserveTransformNodeID(transform.GetID())
        node = createLesionSegmentation(self.scene, reference, "Lesions")
        self.assertIs(node.GetParentTransformNode(), transform)
        probability = blobs()
        live = LiveSegment(node, SEGMENT_ID, curveOf(probability))
        live.show(np.flatnonzero(probability > 0.5))
        np.testing.assert_array_equal(segmentArray(node, SEGMENT_ID, reference), probability > 0.5)

    def test_aSavedFileComesBackExact(self):
        for name, matrix in GRIDS.items():
            with self.subTest(name):
                reference = self.addVolume(matrix)
                node = createLesionSegmentation(self.scene, reference, "Lesions")
                voxels = np.random.default_rng(4).permutation(int(np.prod(SHAPE)))[:500]
                live = LiveSegment(node, SEGMENT_ID, curveOf(blobs()))
                provenance = {"model": {"name": 'a|b ~ "é" {c}', "version": "1.0"}, "beta": 0.7, "alpha": None}
                live.show(voxels, {PROVENANCE_TAG: provenanceText(provenance)})
                again = self.saveAndLoad(node)
                np.testing.assert_array_equal(segmentArray(again, SEGMENT_ID, reference), maskOf(voxels))
                self.assertEqual(readProvenance(again), provenance)
                old, new = (n.GetSegmentation().GetSegment(SEGMENT_ID) for n in (node, again))
                for tag in (old.GetTerminologyEntryTagName(), PROVENANCE_TAG):
                    values = vtk.reference(""), vtk.reference("")
                    self.assertTrue(old.GetTag(tag, values[0]) and new.GetTag(tag, values[1]))
                    self.assertEqual(str(values[0]), str(values[1]))
                self.assertEqual(new.GetName(), "Lesion")
                np.testing.assert_allclose(new.GetColor(), COLOUR, atol=1e-3)

    def test_anEmptyResultIsSavedToo(self):
        reference = self.addVolume(GRIDS["oblique"])
        again = self.saveAndLoad(createLesionSegmentation(self.scene, reference, "Lesions"))
        self.assertFalse(segmentArray(again, SEGMENT_ID, reference).any())

    def test_withoutProvenanceThereIsNone(self):
        node = createLesionSegmentation(self.scene, self.addVolume(), "Lesions")
        self.assertIsNone(readProvenance(node))
        self.assertIsNone(readProvenance(node, "no such segment"))

    def saveAndLoad(self, node):
        path = self.temporaryFolder() / "lesions.seg.nrrd"
        node.AddDefaultStorageNode()
        node.GetStorageNode().SetFileName(str(path))
        self.assertTrue(node.GetStorageNode().WriteData(node))
        again = self.scene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Again")
        again.AddDefaultStorageNode()
        again.GetStorageNode().SetFileName(str(path))
        self.assertTrue(again.GetStorageNode().ReadData(again))
        return again

    @staticmethod
    def region(entry):
        """The region of a term; its accessor was renamed in Slicer 5.12."""
        return entry.GetRegionObject() if hasattr(entry, "GetRegionObject") else entry.GetAnatomicRegionObject()
