"""ISBI 2015 longitudinal MS challenge: 5 training patients with 4 or 5 time points, two raters.

Described in Carass et al., NeuroImage 2017;148:77-102, and on the challenge's site (iacl.ece.jhu.edu/MSChallenge):
``training01/preprocessed/training01_01_flair_pp.nii`` (also mprage, t2, pd), ``masks/training01_01_mask1.nii`` and
``_mask2.nii`` beside it, patient and time point numbered from 01; ``orig/training01_01_mprage.nii.gz`` are the scans as
acquired. The masks lie on the grid of the preprocessed images (1 mm, rigidly in MNI space, brain only), so only these
are read. The test patients (``test01``) come without masks.
"""

from __future__ import annotations

import re
from pathlib import Path

from LesionSegmentationLib.engine.errors import InputError

from .case_files import CaseFiles
from .found_cases import FoundCases, first_of

_FLAIR = re.compile(r"((?:training|test)\d+)_(\d+)_flair_pp\.nii(?:\.gz)?")
_NAMES = {"flair": "flair", "t1": "mprage", "t2": "t2", "pd": "pd"}


def read(folder: str | Path, rater: int = 1) -> list[CaseFiles]:
    """The cases below ``folder``; channels flair, t1, t2 and pd. ``rater``: whose masks count, 1 or 2.

    The other rater's mask is in ``other_masks``.
    """
    if rater not in (1, 2):
        raise InputError(f"ISBI 2015 has no rater {rater}; choose 1 or 2.")
    found = FoundCases("isbi2015", folder)
    for flair in sorted(found.folder.rglob("*_flair_pp.nii*")):
        match = _FLAIR.fullmatch(flair.name)
        if not match:
            continue
        patient, time = match.groups()
        case = f"{patient}_{time}"
        channels = {c: first_of(flair.parent, f"{case}_{name}_pp.nii") for c, name in _NAMES.items()}
        masks = flair.parent.parent / "masks" if flair.parent.name == "preprocessed" else flair.parent
        drawn = {n: first_of(masks, f"{case}_mask{n}.nii") for n in (1, 2)}
        found.add(case, patient, channels, drawn[rater], other_masks={f"rater{3 - rater}": drawn[3 - rater]})
    return found.finish("training01/preprocessed/training01_01_flair_pp.nii and masks/training01_01_mask1.nii")
