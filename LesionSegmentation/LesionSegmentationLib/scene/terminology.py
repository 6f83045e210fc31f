"""The codes of what is marked: a lesion of the brain, in SNOMED CT."""

import pathlib

CONTEXT = "Segmentation category and type - Lesion Segmentation"
FILE = pathlib.Path(__file__).resolve().parents[2] / "Resources" / "LesionSegmentation.term.json"

# Context, category, type, its modifier, context of regions, region, its modifier; each a scheme, a code and a meaning.
LESION = "~".join(
    (
        CONTEXT,
        "SCT^49755003^Morphologically Altered Structure",
        "SCT^52988006^Lesion",
        "^^",
        "Anatomic codes - DICOM master list",
        "SCT^12738006^Brain",
        "^^",
    )
)


def loadTerminology(terminologiesLogic):
    """Make Lesion pickable in Slicer's terminology dialog: its own lists have no such type.

    ``terminologiesLogic``: vtkSlicerTerminologiesModuleLogic. Loading again does nothing.
    """
    if not terminologiesLogic.IsTerminologyContextLoaded(CONTEXT):
        terminologiesLogic.LoadTerminologyFromFile(str(FILE))
