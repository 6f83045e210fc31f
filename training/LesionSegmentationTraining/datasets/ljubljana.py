"""Ljubljana: 30 MS patients with a consensus of three raters, and 20 with two studies and the lesion changes.

Lesjak et al., Neuroinformatics 2018;16:51-63 and 2016;14:403-420, as laid out in the public repository
muschellij2/open_ms_data. Cross-sectional: ``cross_sectional/coregistered_resampled/patient01/FLAIR.nii.gz``, ``T1W``,
``T1WKS`` (post-contrast), ``T2W``, ``consensus_gt.nii.gz``, ``brainmask.nii.gz``, the same in ``coregistered`` and
``raw``, some with the prefix ``patient01_``; ``MNI/patient01/FLAIR_N4_noneck_..._regtoMNI.nii.gz`` with
``GOLD_STANDARD_N4_noneck_...``. Longitudinal: ``longitudinal/coregistered/patient01/study1_FLAIR.nii.gz`` (T1W, T2W,
study2) and ``gt.nii.gz``, as first published with the prefix ``patient1_`` and the suffix reg (``study1_FLAIRreg``).
Also read: a folder per patient, ``ljubljana-07/flair.nii.gz``, t1, t1post, t2 and ``mask.nii.gz``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from .case_files import CaseFiles
from .found_cases import FoundCases, first_of

_FOLDER = re.compile(r"(?:patient|ljubljana-)(\d+)")
_CHANNELS = {"flair": "FLAIR", "t1": "T1W", "t1c": "T1WKS", "t2": "T2W"}
_MNI = "_N4_noneck_reduced_winsor_regtoFLAIR_brain_N4_regtoMNI.nii.gz"
_MNI_MASK = "GOLD_STANDARD_N4_noneck_reduced_winsor_regtoFLAIR_regtoMNI.nii.gz"
_MNI_CHANNELS = {"flair": "FLAIR", "t1": "T1", "t1c": "T1POST", "t2": "T2"}
_OWN_CHANNELS = {"flair": "flair", "t1": "t1", "t1c": "t1post", "t2": "t2"}
# Where a patient's images lie in several folders, the first of these is taken.
_VERSIONS = ("coregistered_resampled", "coregistered", "MNI", "raw")


def read(folder: str | Path, version: str | None = None, changes: bool = False) -> list[CaseFiles]:
    """The cases below ``folder``; channels flair, t1, t1c and t2.

    ``version``: the folder of images to take ("coregistered_resampled", "coregistered", "MNI", "raw"); by default a
    patient's first of these. ``changes``: read the longitudinal patients instead, as the follow-up study with the mask
    of what *changed* since the first: lesions that did not change are not in it, so it is no lesion mask.
    """
    found = FoundCases("ljubljana", folder)
    taken: dict[str, tuple[int, _Patient]] = {}
    for where in sorted(path for path in [found.folder, *found.folder.rglob("*")] if path.is_dir()):
        match = _FOLDER.fullmatch(where.name)
        if not match or (version is not None and where.parent.name != version):
            continue
        patient = _patient(where)
        id = f"ljubljana_{patient.kind}_{int(match[1]):02d}"
        rank = _VERSIONS.index(where.parent.name) if where.parent.name in _VERSIONS else len(_VERSIONS)
        if patient.channels["flair"] and (id not in taken or rank < taken[id][0]):
            taken[id] = (rank, patient)
    for id, (_, patient) in sorted(taken.items()):
        if patient.kind == ("changes" if changes else "cross"):
            found.add(id, id, patient.channels, patient.mask)
        else:
            found.skip(id, "no mask of changes" if changes else "a mask of changes only (option changes)")
    return found.finish("cross_sectional/coregistered_resampled/patient01/FLAIR.nii.gz and consensus_gt.nii.gz")


@dataclass(frozen=True)
class _Patient:
    kind: str  # "cross" or "changes"
    channels: dict[str, Path | None]
    mask: Path | None


def _patient(where: Path) -> _Patient:
    def either(name: str) -> Path | None:
        return first_of(where, f"{name}.nii.gz", f"{where.name}_{name}.nii.gz")

    follow_up = {c: either(f"study2_{n}") or either(f"study2_{n}reg") for c, n in _CHANNELS.items()}
    if follow_up["flair"]:
        return _Patient("changes", follow_up, either("gt"))
    if mask := first_of(where, _MNI_MASK):
        return _Patient("cross", {c: first_of(where, n + _MNI) for c, n in _MNI_CHANNELS.items()}, mask)
    if where.name.startswith("ljubljana-"):
        return _Patient("cross", {c: either(n) for c, n in _OWN_CHANNELS.items()}, either("mask"))
    return _Patient("cross", {c: either(n) for c, n in _CHANNELS.items()}, either("consensus_gt"))
