"""What is said about a choice of volumes before the run: grids, identities, contrasts, and what is no image at all."""

import unittest
from unittest import mock

import numpy as np
import slicer

from real_data import REAL_DATA
from scene.scene_case import GRIDS, SHAPE, SceneTestCase, affine, vtkMatrix
from slicer_stand_ins.boot import bootScene

bootScene()  # gives slicer.i18n

from LesionSegmentationLib.engine import tissue_contrast  # noqa: E402
from LesionSegmentationLib.scene import study_check  # noqa: E402
from LesionSegmentationLib.scene.dicom_identity import dicomIdentity  # noqa: E402
from LesionSegmentationLib.scene.study_check import StudyCheck  # noqa: E402
from LesionSegmentationLib.scene.volume_text import geometryText  # noqa: E402
from LesionSegmentationLib.scene.volumes import volumeTexts  # noqa: E402

STUDY = REAL_DATA / "raw-study"


class StudyCheckTest(SceneTestCase):
    def check(self, reference="flair", **nodes):
        return StudyCheck().of(nodes, reference)

    def test_equalGridsNeedNoWord(self):
        findings = self.check(flair=self.addVolume(), t1=self.addVolume(name="T1"))
        self.assertEqual(findings, study_check.Findings())

    def test_otherGridsAreAccepted(self):
        flair = self.addVolume(GRIDS["plain"], name="F")
        for name, matrix in GRIDS.items():
            if name != "plain" and name != "anisotropic":
                findings = self.check(flair=flair, t1=self.addVolume(matrix, name="T"))
                self.assertEqual(findings.refusal, "")
                self.assertEqual(findings.notes, ("T lies on another grid than F and is resampled to it by geometry.",))

    def test_theReferenceCanBeAnyChannel(self):
        flair, t1 = self.addVolume(affine(), name="F"), self.addVolume(GRIDS["oblique"], name="T")
        self.assertIn("F lies on another grid than T", self.check("t1", flair=flair, t1=t1).notes[0])

    def test_volumesOfOtherPlacesAreRefused(self):
        far = affine()
        far[0, 3] += 30  # of 40 mm
        findings = self.check(flair=self.addVolume(affine(), name="F"), t1=self.addVolume(far, name="T"))
        self.assertRegex(findings.refusal, r"^The T1 volume T covers only 2\d% of the field of view of F: .*\.$")
        with self.assertRaisesRegex(ValueError, "covers only"):
            findings.refuse()

    def test_aParentTransformCounts(self):
        flair, t1 = self.addVolume(name="F"), self.addVolume(name="T")
        transform = self.scene.AddNewNodeByClass("vtkMRMLLinearTransformNode")
        check = StudyCheck()
        t1.SetAndObserveTransformNodeID(transform.GetID())
        self.assertEqual(check.of({"flair": flair, "t1": t1}, "flair").notes, ())
        moved = np.eye(4)
        moved[2, 3] = 100
        transform.SetMatrixTransformToParent(vtkMatrix(moved))
        self.assertIn("covers only 0%", check.of({"flair": flair, "t1": t1}, "flair").refusal)

    def test_oneVolumeInTwoSlotsIsRefused(self):
        flair = self.addVolume()
        self.assertIn("is chosen as FLAIR and as T1", self.check(flair=flair, t1=flair).refusal)

    def test_labelsAreNoImage(self):
        structures = (np.indices(SHAPE) // 12 * np.array([49, 7, 1]).reshape(3, 1, 1, 1)).sum(0).astype(np.int16)
        self.assertGreater(np.unique(structures).size, 30)
        labels = self.addVolume(array=structures, name="aseg")
        self.assertIn("aseg looks like a map of labelled structures", self.check(flair=labels).refusal)
        mask = self.addVolume(array=(structures > 60).astype(np.uint8), name="mask")
        self.assertIn("mask looks like a mask", self.check(flair=mask).refusal)
        labelMap = self.scene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "labels")
        self.assertIn("labels is a label map, not an image", self.check(flair=labelMap).refusal)
        empty = self.scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "empty")
        self.assertIn("empty holds no image", self.check(flair=empty).refusal)

    def test_voxelsAreLookedAtOnceUntilTheyChange(self):
        node, check = self.addVolume(), StudyCheck()
        with mock.patch.object(tissue_contrast, "looks_like", return_value="t1") as looks:
            for _ in range(3):
                findings = check.of({"flair": node}, "flair")
            self.assertEqual(looks.call_count, 1)
            slicer.util.arrayFromVolume(node)[:] += 1
            slicer.util.arrayFromVolumeModified(node)
            check.of({"flair": node}, "flair")
            self.assertEqual(looks.call_count, 2)
        self.assertEqual(
            findings.serious,
            ("The FLAIR volume FLAIR looks like a T1 image: check that the right one is chosen.",),
        )
        self.assertEqual(findings.warnings, findings.serious)

    @unittest.skipUnless(STUDY.is_dir(), "no real scans beside the repository")
    def test_realScansInTheWrongSlots(self):
        load = slicer.modules.volumes.logic().AddArchetypeVolume
        flair, t1, t2 = (load(str(STUDY / f"{name}.nii.gz"), name) for name in ("flair", "t1w", "t2w"))
        self.assertEqual(self.check(flair=flair, t1=t1, t2=t2).warnings, ())
        self.assertEqual(len(self.check(flair=flair, t1=t1, t2=t2).notes), 2)  # as acquired: three grids
        swapped = self.check(flair=t1, t1=flair).serious
        self.assertIn("The FLAIR volume t1w looks like a T1 image", swapped[0])
        self.assertIn("The T1 volume flair looks like a FLAIR image", swapped[1])
        self.assertIn("The FLAIR volume t2w looks like a T2 image", self.check(flair=t2).serious[0])
        # A contrast that nobody wrote a rule for is no reason to warn.
        self.assertEqual(self.check("pd", pd=t2).warnings, ())


class IdentityTest(SceneTestCase):
    def addDicomVolume(self, name, patient="", study="", frame="", description=""):
        """A volume below a study below a patient of the subject hierarchy, as DICOM import leaves them."""
        node = self.addVolume(name=name)
        names = slicer.vtkMRMLSubjectHierarchyConstants
        hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(self.scene)
        top = hierarchy.GetSceneItemID()
        patientItem = hierarchy.CreateSubjectItem(top, f"patient of {name}")
        hierarchy.SetItemAttribute(patientItem, names.GetDICOMPatientIDAttributeName(), patient)
        studyItem = hierarchy.CreateStudyItem(patientItem, f"study of {name}")
        hierarchy.SetItemUID(studyItem, names.GetDICOMUIDName(), study)
        item = hierarchy.GetItemByDataNode(node)
        hierarchy.SetItemParent(item, studyItem)
        hierarchy.SetItemAttribute(item, names.GetDICOMFrameOfReferenceUIDAttributeName(), frame)
        hierarchy.SetItemAttribute(item, "DICOM.SeriesDescription", description)
        return node

    def warnings(self, flair, t1):
        findings = StudyCheck().of({"flair": flair, "t1": t1}, "flair")
        self.assertEqual(findings.refusal, "")
        return findings.warnings, findings.serious

    def test_theSameExaminationNeedsNoWord(self):
        nodes = [self.addDicomVolume(name, "id", "1.2", "1.2.3") for name in "FT"]
        self.assertEqual(self.warnings(*nodes), ((), ()))

    def test_anotherPatientIsSerious(self):
        nodes = self.addDicomVolume("F", "secret-1", "1.2", "1"), self.addDicomVolume("T", "secret-2", "1.3", "2")
        warnings, serious = self.warnings(*nodes)
        self.assertEqual(serious, ("T and F are of different patients (PatientID differs).",))
        self.assertEqual(warnings, serious)  # the rest follows from it
        self.assertNotIn("secret", "".join(warnings))

    def test_anotherStudyAndFrameAreSaid(self):
        nodes = self.addDicomVolume("F", "id", "1.2", "1"), self.addDicomVolume("T", "id", "1.3", "2")
        warnings, serious = self.warnings(*nodes)
        self.assertEqual(serious, ())
        self.assertIn("different examinations (StudyInstanceUID differs)", warnings[0])
        self.assertIn("may not be aligned (FrameOfReferenceUID differs)", warnings[1])

    def test_whatIsNotKnownIsNotCompared(self):
        nodes = self.addDicomVolume("F", "id", "1.2", "1"), self.addVolume(name="T")
        self.assertEqual(self.warnings(*nodes), ((), ()))

    def test_theDatabaseKnowsWhatTheSceneDoesNot(self):
        tags = {
            "uid-f": {"0010,0020": "one", "0020,000d": "1.2", "0020,0052": "1", "0008,103e": "ax dark fluid"},
            "uid-t": {"0010,0020": "two"},
        }
        database = mock.Mock(isOpen=True, instanceValue=lambda uid, tag: tags[uid].get(tag, ""))
        nodes = self.addVolume(name="F"), self.addVolume(name="T")
        for node, uid in zip(nodes, tags):
            node.SetAttribute("DICOM.instanceUIDs", f"{uid} another")
        with mock.patch.object(slicer, "dicomDatabase", database, create=True):
            self.assertEqual(dicomIdentity(nodes[0]), ("one", "1.2", "1", "ax dark fluid"))
            self.assertEqual(len(self.warnings(*nodes)[1]), 1)
            database.isOpen = False
            self.assertEqual(dicomIdentity(nodes[0]), ("", "", "", ""))

    def test_namesAndDescriptionsAreWhatChannelsAreGuessedFrom(self):
        node = self.addDicomVolume("7: unknown", description="t2_space_dark-fluid FLAIR")
        plain, hidden = self.addVolume(name="T1"), self.addVolume(name="hidden")
        hidden.SetHideFromEditors(True)
        self.scene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode", "labels")
        self.assertEqual(
            volumeTexts(self.scene),
            {node.GetID(): ("7: unknown", "t2_space_dark-fluid FLAIR"), plain.GetID(): ("T1", "")},
        )


class GeometryTextTest(SceneTestCase):
    def test_aVolumeInWords(self):
        text = geometryText(self.addVolume(affine(spacing=(0.5, 0.5, 3)), name="ax FLAIR"))
        self.assertEqual(
            text.splitlines(),
            [
                "ax FLAIR",
                "Size: 40 x 36 x 28 voxels",
                "Spacing: 0.50 x 0.50 x 3.00 mm",
                "Orientation: axial slices, RAS",
                "Field of view: 20 x 18 x 84 mm",
            ],
        )

    def test_orientationsAreThoseOfThePatient(self):
        for matrix, says in (
            (affine(signs=(-1, -1, 1), spacing=(1, 1, 3)), "axial slices, LPS"),
            (affine(order=(1, 2, 0), spacing=(3, 1, 1)), "sagittal slices, ASR"),
            (affine(order=(0, 2, 1), spacing=(1, 3, 1)), "coronal slices, RSA"),
            (affine((10, 0, 0), (1, 1, 3)), "axial slices, RAS, oblique by 10 degrees"),
            (affine(), "axial slices, RAS"),
        ):
            self.assertIn(f"Orientation: {says}\n", geometryText(self.addVolume(matrix)))

    def test_withoutImageItSaysSo(self):
        empty = self.scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", "empty")
        self.assertEqual(geometryText(empty), "empty holds no image; load its file again or choose another volume.")
