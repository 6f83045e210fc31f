"""Where a label map lies in MNI152, the space of the lesion shapes; found once and kept."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np

from .anatomy import Anatomy, match_boxes, read_anatomy, register_to_template


def placed_anatomy(label_map: Path, template: Path | None, kept: Path) -> Anatomy:
    """Read ``label_map`` with its affine to MNI152, found once and kept in the folder ``kept``.

    ``template``: a brain-only T1-weighted image in MNI152 to register to; without one the boxes
    around the brains are laid on each other, which is coarser.
    """
    anatomy = read_anatomy(label_map)
    if template is None:
        return Anatomy(anatomy.tissue, anatomy.affine, match_boxes(anatomy), anatomy.name)
    stored = kept / f"{anatomy.name}.npy"
    if not stored.exists():
        image = nibabel.load(template)
        matrix = register_to_template(anatomy, image.get_fdata(dtype=np.float32), image.affine)
        kept.mkdir(parents=True, exist_ok=True)
        # several processes may place the same map at once: the rename makes either result whole
        part = stored.with_name(f"{anatomy.name}.{np.random.default_rng().integers(2**32)}.part.npy")
        np.save(part, matrix)
        part.replace(stored)
    return Anatomy(anatomy.tissue, anatomy.affine, np.load(stored), anatomy.name)
