"""MSSEG 2016: 53 MS patients of four centres, consensus of seven raters.

The challenge is described in Commowick et al., Scientific Reports 2018;8:13650, and NeuroImage 2021;244:118589. As
handed out since (the names are those that public loaders of the data use): ``Training/Center_01/Patient_01/`` and
``Testing/...`` with ``Preprocessed_Data/FLAIR_preprocessed.nii.gz`` (also T1_, T2_, GADO_, DP_),
``Raw_Data/FLAIR.nii.gz`` (T1, T2, GADO, DP) and ``Masks/Consensus.nii.gz``, ``ManualSegmentation_1.nii.gz`` to ``_7``
and ``Brain_Mask.nii.gz``. In 2016 itself, masks beside the images, below ``Pre-processed training dataset``:
``TrainingDataset_MSSEG/01016SACH/FLAIR_preprocessed.nii.gz``, and below ``Unprocessed training dataset``:
``TrainingDataset_MSSEG/01016SACH/3DFLAIR.nii.gz`` (3DT1, T2, 3DT1GADO, DP). Both are read. Masks lie on the FLAIR's
grid, raw or preprocessed.
"""

from __future__ import annotations

from pathlib import Path

from LesionSegmentationLib.engine.errors import InputError

from .case_files import CaseFiles
from .found_cases import FoundCases, first_of

_NAMES = {"flair": ("FLAIR",), "t1": ("T1",), "t1c": ("GADO", "T1_GADO"), "t2": ("T2",), "pd": ("DP", "PD")}
_RAW_2016 = {"flair": ("3DFLAIR",), "t1": ("3DT1",), "t1c": ("3DT1GADO",), "t2": ("T2",), "pd": ("DP",)}
_RATERS = range(1, 8)
_FOLDERS = {"preprocessed": "Preprocessed_Data", "raw": "Raw_Data"}


def read(folder: str | Path, images: str = "preprocessed") -> list[CaseFiles]:
    """The cases below ``folder``; channels flair, t1, t1c, t2 and pd; every rater's own mask in ``other_masks``.

    ``images``: "preprocessed" (denoised, registered to the FLAIR, brain only, bias-corrected) or "raw". Cases below
    ``Testing`` have the split "test".
    """
    if images not in _FOLDERS:
        raise InputError(f"MSSEG 2016 has no images '{images}'; choose preprocessed or raw.")
    found = FoundCases("msseg2016", folder)
    for where in sorted({path.parent for path in found.folder.rglob("*.nii*")}):
        channels = _channels(where, images)
        if channels["flair"] is None:
            continue
        patient = where.parent if where.name == _FOLDERS[images] else where
        masks = patient / "Masks" if (patient / "Masks").is_dir() else patient
        parts = (found.folder.absolute() / patient.relative_to(found.folder)).parts
        named = [part for part in parts[-3:] if part.startswith(("Training", "Testing", "Center_", "Patient_"))]
        id = "_".join(named) if any(part.startswith("Patient_") for part in named) else patient.name
        raters = {f"rater{n}": first_of(masks, f"ManualSegmentation_{n}.nii.gz") for n in _RATERS}
        consensus = first_of(masks, "Consensus.nii.gz")
        found.add(id, id, channels, consensus, other_masks=raters, split="test" if "Testing" in named else None)
    return found.finish("Training/Center_01/Patient_01/Preprocessed_Data/FLAIR_preprocessed.nii.gz")


def _channels(where: Path, images: str) -> dict[str, Path | None]:
    if images == "preprocessed":
        names = {c: [f"{name}_preprocessed.nii.gz" for name in options] for c, options in _NAMES.items()}
    else:
        names = _NAMES if where.name == _FOLDERS["raw"] else _RAW_2016
        names = {channel: [f"{name}.nii.gz" for name in options] for channel, options in names.items()}
    return {channel: first_of(where, *options) for channel, options in names.items()}
