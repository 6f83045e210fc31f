"""LiTS, liver tumours in CT: 131 scans with liver (1) and tumour (2).

Described in Bilic et al., Medical Image Analysis 2023;84:102680. As handed out: ``Training Batch 1/volume-0.nii`` and
``segmentation-0.nii`` up to 27, ``Training Batch 2`` the rest up to 130; copies keep volumes and segmentations in
folders of their own, and pack them (.nii.gz). The test volumes (``test-volume-0.nii``) come without masks.
"""

from __future__ import annotations

import re
from pathlib import Path

from .case_files import CaseFiles
from .found_cases import FoundCases

_FILE = re.compile(r"(volume|segmentation)-(\d+)\.nii(?:\.gz)?")
# Shirokikh et al. 2020 (arXiv 2007.10033) tested on the scans 0 to 27.
_TESTED = range(28)


def read(folder: str | Path, published_test: bool = False) -> list[CaseFiles]:
    """The cases below ``folder``, channel ct; tumour is lesion, liver is background.

    ``published_test``: give the scans that Shirokikh et al. 2020 tested on (0 to 27) the split "test".
    """
    found = FoundCases("lits", folder)
    files: dict[str, dict[int, Path]] = {"volume": {}, "segmentation": {}}
    for path in sorted(found.folder.rglob("*.nii*")):
        if match := _FILE.fullmatch(path.name):
            files[match[1]].setdefault(int(match[2]), path)
    for number, volume in sorted(files["volume"].items()):
        split = "test" if published_test and number in _TESTED else None
        id = f"lits_{number:03d}"
        mask = files["segmentation"].get(number)
        found.add(id, id, {"ct": volume}, mask, split=split, mask_values=(0, 1, 2), lesion_values=(2,))
    return found.finish("Training Batch 1/volume-0.nii and segmentation-0.nii")
