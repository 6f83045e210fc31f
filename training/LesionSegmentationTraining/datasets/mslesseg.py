"""MSLesSeg: 75 patients with one to four time points, in MNI space, brain only.

As published (Guarnera et al., Scientific Data 2025;12:920; the same names lie in the public repository
srozenblum/YOLO-MSLesSeg): ``train/P1/T1/P1_T1_FLAIR.nii.gz``, ``P1_T1_T1.nii.gz``, ``P1_T1_T2.nii.gz`` and
``P1_T1_MASK.nii.gz``, where the T1 after the patient is the first time point; ``test/P54/P54_FLAIR.nii.gz`` and so on,
one time point each. Also read: a folder per patient, ``mslesseg-P14/time1_flair.nii.gz``, ``time1_t1``, ``time1_t2``,
``time1_mask``.
"""

from __future__ import annotations

import re
from pathlib import Path

from .case_files import CaseFiles
from .found_cases import FoundCases, first_of

_PUBLISHED = re.compile(r"(P\d+)(?:_T(\d+))?_FLAIR\.nii(?:\.gz)?")
_PER_PATIENT = re.compile(r"time(\d+)_flair\.nii(?:\.gz)?")


def read(folder: str | Path) -> list[CaseFiles]:
    """The cases below ``folder``; channels flair, t1 and t2. Those below a folder ``test`` have the split "test"."""
    found = FoundCases("mslesseg", folder)
    for flair in sorted(found.folder.rglob("*.nii*")):
        where, split = flair.parent, _split(flair, found.folder)
        if match := _PUBLISHED.fullmatch(flair.name):
            patient, time = match.groups()
            stem = flair.name[: flair.name.index("_FLAIR")]
            channels = {"t1": first_of(where, f"{stem}_T1.nii.gz"), "t2": first_of(where, f"{stem}_T2.nii.gz")}
            mask = first_of(where, f"{stem}_MASK.nii.gz")
        elif (match := _PER_PATIENT.fullmatch(flair.name)) and where.name.startswith("mslesseg-"):
            patient, time = where.name.removeprefix("mslesseg-"), match[1]
            names = ("t1", "t2", "mask")
            t1, t2, mask = (first_of(where, f"time{time}_{name}.nii.gz") for name in names)
            channels = {"t1": t1, "t2": t2}
        else:
            continue
        id = patient if time is None else f"{patient}_T{time}"
        found.add(id, patient, {"flair": flair, **channels}, mask, split=split)
    return found.finish("train/P1/T1/P1_T1_FLAIR.nii.gz and P1_T1_MASK.nii.gz")


def _split(file: Path, folder: Path) -> str | None:
    return "test" if "test" in file.relative_to(folder).parts or folder.name == "test" else None
