"""Make the synthetic sample patient: one fixed seed, an ordinary FLAIR and T1, the true mask beside them.

python -m LesionSegmentationTraining.synthetic.make_sample --data DATA --output FOLDER
"""

from __future__ import annotations

import argparse
from pathlib import Path

import nibabel
import numpy as np

from .lesion_shapes import read_lesion_shapes
from .patient import synthesise
from .placement import placed_anatomy

# A seed whose patient looks ordinary.
SEED, LABEL_MAP, LOAD_ML = 14, 3, 9.0


def main(arguments: list[str] | None = None) -> None:
    """Run the command with ``arguments``, those of the process when None; see the module's description."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True, help="folder with label-maps, lesion-shapes and ms-real")
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--cache", type=Path, required=True, help="where found alignments are kept")
    options = parser.parse_args(arguments)
    shapes = read_lesion_shapes(options.data / "lesion-shapes" / "ljubljana-masks.npz")
    label_map = options.data / "label-maps" / f"training_seg_{LABEL_MAP:02d}.nii.gz"
    template = options.data / "ms-real" / "mslesseg-P14" / "time1_t1.nii.gz"
    anatomy = placed_anatomy(label_map, template, options.cache)
    patient = synthesise(SEED, anatomy, shapes, load_ml=LOAD_ML, stripped=True, ordinary=True)
    affine = np.eye(4)
    affine[:3, 3] = -np.array(patient.mask.shape) / 2
    options.output.mkdir(parents=True, exist_ok=True)
    for name in ("flair", "t1"):
        array = patient.images[name]
        # 0 to 400 is enough steps for the noise there is, and compresses well
        whole = np.round(array * (200 / np.median(array[array > 0.3]))).clip(0, 800).astype(np.int16)
        _write(options.output / f"{name}.nii.gz", whole, affine)
    _write(options.output / "mask.nii.gz", patient.mask, affine)


def _write(path: Path, array: np.ndarray, affine: np.ndarray) -> None:
    image = nibabel.Nifti1Image(array, affine)
    image.header.set_xyzt_units("mm")
    image.set_qform(affine, 1)
    image.set_sform(affine, 1)
    nibabel.save(image, path)


if __name__ == "__main__":
    main()
