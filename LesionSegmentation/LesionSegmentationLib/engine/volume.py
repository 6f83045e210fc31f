"""Image files in, image files out."""

from __future__ import annotations

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK

from .errors import InputError
from .geometry import Geometry

# ITK thinks in LPS, we in RAS: the first two world axes point the other way.
_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


@dataclass(frozen=True, eq=False)
class Volume:
    """One image: ``array`` (i, j, k), C-contiguous, on ``geometry``.

    ``name``: base name of the file or folder. ``notes``: sentences a person should read. ``sha256``: of the file as it
    lies on disk (for a DICOM series of its files' checksums in sorted order), None when the image was not read.
    """

    array: np.ndarray
    geometry: Geometry
    name: str
    notes: tuple[str, ...] = ()
    sha256: str | None = None

    def __post_init__(self):
        if self.array.shape != self.geometry.shape:
            raise InputError(f"{self.name} has {self.array.shape} voxels but a grid of {self.geometry.shape}.")
        object.__setattr__(self, "array", np.ascontiguousarray(self.array))


def read_volume(path: str | Path) -> Volume:
    """Read a NIfTI, NRRD or MHA file or a DICOM folder. Raises InputError for anything that is not a usable image."""
    path = Path(path)
    image = SimpleITK.ReadImage(str(path))
    return Volume(*from_sitk(image), path.name)


def read_mask(path: str | Path) -> Volume:
    """Read a mask: uint8, 0 or 1. Raises InputError for other values."""
    volume = read_volume(path)
    return Volume((volume.array > 0).astype(np.uint8), volume.geometry, volume.name, volume.notes, volume.sha256)


def write_volume(path: str | Path, array: np.ndarray, geometry: Geometry) -> None:
    """Write ``array`` (i, j, k; uint8, int16 or float32) on ``geometry``; the suffix of ``path`` decides the format.

    Written under another name in the same folder and renamed when whole. Raises InputError when that is not possible.
    """
    path = Path(path)
    handle, partial = tempfile.mkstemp(prefix=".unfinished-", suffix="".join(path.suffixes[-2:]), dir=path.parent)
    os.close(handle)
    SimpleITK.WriteImage(to_sitk(Volume(array, geometry, path.name)), partial, useCompression=True)
    os.replace(partial, path)


def to_sitk(volume: Volume) -> SimpleITK.Image:
    """Return ``volume`` as a SimpleITK image (LPS) with the same voxel order."""
    image = SimpleITK.GetImageFromArray(volume.array.transpose(2, 1, 0))
    affine = _LPS_TO_RAS @ volume.geometry.affine
    spacing = volume.geometry.spacing
    image.SetSpacing(spacing.tolist())
    image.SetOrigin(affine[:3, 3].tolist())
    image.SetDirection((affine[:3, :3] / spacing).ravel().tolist())
    return image


def from_sitk(image: SimpleITK.Image) -> tuple[np.ndarray, Geometry]:
    """Return array (i, j, k), C-contiguous, and geometry (RAS) of a three-dimensional SimpleITK image."""
    array = np.ascontiguousarray(SimpleITK.GetArrayViewFromImage(image).transpose(2, 1, 0))
    affine = np.eye(4)
    affine[:3, :3] = np.array(image.GetDirection()).reshape(3, 3) * np.array(image.GetSpacing())
    affine[:3, 3] = image.GetOrigin()
    return array, Geometry(image.GetSize(), _LPS_TO_RAS @ affine)
