"""Anatomical label maps: reading, tissue classes, and the way from a label map to MNI152 space."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import nibabel
import numpy as np
import SimpleITK as sitk

# FreeSurfer numbers by tissue; 501 and above are the extra-cerebral tissues of the SynthSeg training label maps.
# What those are was read off their position: they are not named in the table that comes with the maps.
TISSUES: dict[str, tuple[int, ...]] = {
    "air": (0,),
    "white_matter": (2, 41),
    "cerebellar_white_matter": (7, 46),
    "cortex": (3, 42),
    "cerebellar_cortex": (8, 47),
    "lateral_ventricle": (4, 43, 5, 44, 72),
    "third_and_fourth_ventricle": (14, 15),
    "csf": (24,),
    "thalamus": (10, 49),
    "caudate_accumbens": (11, 50, 26, 58),
    "putamen": (12, 51),
    "pallidum": (13, 52),
    "hippocampus_amygdala": (17, 53, 18, 54),
    "brain_stem": (16, 28, 60, 85, 512),
    "choroid_plexus": (31, 63, 136, 137, 163, 164),
    "vessel": (30, 62),
    "skin": (511,),
    "fat_and_muscle": (507,),
    "bone": (515,),
    "marrow": (516,),
    "soft_tissue": (502, 508, 514, 530),
    "mucosa": (509,),
    "eye": (506,),
}
NAMES = tuple(TISSUES)
INDEX = {name: index for index, name in enumerate(NAMES)}
BRAIN = tuple(INDEX[name] for name in NAMES[1:16] if name != "csf")
WHITE = tuple(INDEX[name] for name in ("white_matter", "cerebellar_white_matter", "brain_stem"))
LESION_LABELS = {25: 2, 57: 41}


@dataclass(frozen=True)
class Anatomy:
    """Tissue classes of one head without lesions.

    ``tissue``: uint8 (i, j, k), index into :data:`NAMES`, axes in nearest-RAS order. ``affine``: voxel to RAS mm.
    ``to_mni``: (4, 4), RAS mm of this head to RAS mm of MNI152.
    """

    tissue: np.ndarray
    affine: np.ndarray
    to_mni: np.ndarray
    name: str = ""

    def is_in(self, classes: tuple[int, ...]) -> np.ndarray:
        """Bool (i, j, k): voxels of the given tissue classes."""
        return lookup(classes)[self.tissue]


def lookup(classes: tuple[int, ...]) -> np.ndarray:
    """Bool table (256,) that is true for ``classes``; ``lookup(classes)[tissue]`` is much faster than ``isin``."""
    table = np.zeros(256, bool)
    table[list(classes)] = True
    return table


def tissue_from_labels(labels: np.ndarray) -> np.ndarray:
    """FreeSurfer label numbers (any integer array) to uint8 tissue classes; lesions become white matter of their side.

    Raises ValueError for a label that no class holds.
    """
    table = np.full(1024, 255, np.uint8)
    for index, numbers in enumerate(TISSUES.values()):
        table[list(numbers)] = index
    for lesion, surroundings in LESION_LABELS.items():
        table[lesion] = table[surroundings]
    tissue = table[labels]
    if (tissue == 255).any():
        unknown = sorted(int(value) for value in np.unique(labels[tissue == 255]))
        raise ValueError(f"labels without a tissue class: {unknown}")
    return tissue


def read_anatomy(path: Path | str, to_mni: np.ndarray | None = None) -> Anatomy:
    """Read a label map (NIfTI) in nearest-RAS order. ``to_mni`` defaults to matching the boxes around the brains."""
    image = nibabel.as_closest_canonical(nibabel.load(path))
    tissue = tissue_from_labels(np.asarray(image.dataobj).astype(np.int32))
    anatomy = Anatomy(tissue, image.affine, np.eye(4), Path(path).name.removesuffix(".gz").removesuffix(".nii"))
    matrix = match_boxes(anatomy) if to_mni is None else to_mni
    return Anatomy(tissue, image.affine, matrix, anatomy.name)


# The box around the cerebrum and cerebellum of the MNI152 average, RAS mm (lowest, highest corner).
MNI_BRAIN_BOX = np.array([[-71.0, -106.0, -60.0], [71.0, 72.0, 80.0]])


def match_boxes(anatomy: Anatomy) -> np.ndarray:
    """(4, 4) scaling and shift that lays the box around the brain on that of MNI152; needs no template."""
    # the brain stem runs on into the spinal cord and ends where the field of view does
    at = np.argwhere(anatomy.is_in(BRAIN) & (anatomy.tissue != INDEX["brain_stem"]))
    corners = np.stack([np.percentile(at, 0.2, axis=0), np.percentile(at, 99.8, axis=0)])
    corners = corners @ anatomy.affine[:3, :3].T + anatomy.affine[:3, 3]
    scale = (MNI_BRAIN_BOX[1] - MNI_BRAIN_BOX[0]) / (corners[1] - corners[0])
    matrix = np.diag([*scale, 1.0])
    matrix[:3, 3] = MNI_BRAIN_BOX[0] - scale * corners[0]
    return matrix


def register_to_template(anatomy: Anatomy, template: np.ndarray, template_affine: np.ndarray) -> np.ndarray:
    """(4, 4) affine from this head to the space of a brain-only T1-weighted ``template`` (i, j, k), RAS mm to RAS mm.

    Mutual information between the template and a T1-like rendering of the brain's tissue classes.
    """
    weights = np.zeros(256, np.float32)
    for name, value in T1_SKETCH.items():
        weights[INDEX[name]] = value
    fixed = _sitk(weights[anatomy.tissue], anatomy.affine)
    moving = _sitk(np.clip(template / np.percentile(template[template > 0], 99), 0, 1), template_affine)
    start = sitk.AffineTransform(3)
    flip = np.diag([-1.0, -1.0, 1.0, 1.0])
    lps = flip @ anatomy.to_mni @ flip
    start.SetMatrix(lps[:3, :3].ravel().tolist())
    start.SetTranslation(lps[:3, 3].tolist())
    method = sitk.ImageRegistrationMethod()
    method.SetMetricAsMattesMutualInformation(32)
    method.SetMetricSamplingStrategy(method.RANDOM)
    method.SetMetricSamplingPercentage(0.3, 1)
    method.SetInterpolator(sitk.sitkLinear)
    method.SetOptimizerAsGradientDescent(1.0, 120, 1e-5, 10)
    method.SetOptimizerScalesFromPhysicalShift()
    method.SetShrinkFactorsPerLevel([6, 3])
    method.SetSmoothingSigmasPerLevel([3, 1.5])
    method.SetSmoothingSigmasAreSpecifiedInPhysicalUnits(True)
    method.SetInitialTransform(start, inPlace=True)
    method.Execute(fixed, moving)
    centre = np.array(start.GetCenter())
    linear = np.array(start.GetMatrix()).reshape(3, 3)
    found = np.eye(4)
    found[:3, :3] = linear
    found[:3, 3] = np.array(start.GetTranslation()) + centre - linear @ centre
    return flip @ found @ flip


T1_SKETCH = {
    "white_matter": 1.0,
    "cerebellar_white_matter": 1.0,
    "brain_stem": 0.95,
    "cortex": 0.65,
    "cerebellar_cortex": 0.65,
    "thalamus": 0.8,
    "caudate_accumbens": 0.7,
    "putamen": 0.75,
    "pallidum": 0.9,
    "hippocampus_amygdala": 0.65,
    "lateral_ventricle": 0.2,
    "third_and_fourth_ventricle": 0.2,
    "csf": 0.15,
    "choroid_plexus": 0.4,
    "vessel": 0.3,
}


def _sitk(array: np.ndarray, affine: np.ndarray) -> sitk.Image:
    image = sitk.GetImageFromArray(np.ascontiguousarray(array.transpose(2, 1, 0), np.float32))
    matrix = np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine
    spacing = np.linalg.norm(matrix[:3, :3], axis=0)
    image.SetSpacing(spacing.tolist())
    image.SetDirection((matrix[:3, :3] / spacing).ravel().tolist())
    image.SetOrigin(matrix[:3, 3].tolist())
    return image
