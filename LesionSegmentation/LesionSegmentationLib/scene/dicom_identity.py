"""Whose image a volume is, as far as DICOM tells: for a comparison, never to be shown or written."""

from typing import NamedTuple

import slicer

_FRAME_TAG, _PATIENT_TAG, _STUDY_TAG, _SERIES_TEXT_TAG = "0020,0052", "0010,0020", "0020,000d", "0008,103e"


class DicomIdentity(NamedTuple):
    """PatientID, StudyInstanceUID, FrameOfReferenceUID and SeriesDescription; "" where nothing is known."""

    patient: str = ""
    study: str = ""
    frame: str = ""
    description: str = ""


def dicomIdentity(node):
    """Return the DicomIdentity of a volume node, from the subject hierarchy and, where it is open, the database."""
    scene = node.GetScene()
    if scene is None:
        return DicomIdentity()
    constants = slicer.vtkMRMLSubjectHierarchyConstants
    hierarchy = slicer.vtkMRMLSubjectHierarchyNode.GetSubjectHierarchyNode(scene)
    item = hierarchy.GetItemByDataNode(node)
    patient = study = frame = ""
    if item:
        prefix, uid = constants.GetDICOMAttributePrefix(), constants.GetDICOMUIDName()
        patientItem = hierarchy.GetItemAncestorAtLevel(item, constants.GetDICOMLevelPatient())
        studyItem = hierarchy.GetItemAncestorAtLevel(item, constants.GetDICOMLevelStudy())
        if patientItem:
            patient = hierarchy.GetItemAttribute(patientItem, constants.GetDICOMPatientIDAttributeName())
            patient = patient or hierarchy.GetItemUID(patientItem, uid)
        if studyItem:
            study = hierarchy.GetItemUID(studyItem, uid)
            study = study or hierarchy.GetItemAttribute(studyItem, constants.GetDICOMStudyInstanceUIDAttributeName())
        frame = hierarchy.GetItemAttribute(item, constants.GetDICOMFrameOfReferenceUIDAttributeName())
        description = hierarchy.GetItemAttribute(item, prefix + "SeriesDescription")
    else:
        description = ""
    instance = (node.GetAttribute("DICOM.instanceUIDs") or "").split()
    return DicomIdentity(
        patient or _fromDatabase(instance, _PATIENT_TAG),
        study or _fromDatabase(instance, _STUDY_TAG),
        frame or _fromDatabase(instance, _FRAME_TAG),
        description or _fromDatabase(instance, _SERIES_TEXT_TAG),
    )


def _fromDatabase(instances, tag):
    """A tag of a volume's first file, "" where there is no open database or it does not know the file."""
    database = getattr(slicer, "dicomDatabase", None)
    if not instances or database is None or not database.isOpen:
        return ""
    return database.instanceValue(instances[0], tag) or ""
