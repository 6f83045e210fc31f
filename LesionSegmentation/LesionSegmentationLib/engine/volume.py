"""Image files in, image files out."""

from __future__ import annotations

import os
import uuid
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import SimpleITK

from .checksum import sha256_of, sha256_of_all
from .dicom_series import is_dicom, read_dicom_series
from .errors import InputError
from .geometry import Geometry
from .image_checks import as_mask, check_affine, check_image, check_shape
from .metaimage_file import metaimage_files
from .nifti_file import check_nifti, inspect_nifti
from .quiet import quiet

# Naming ITK's reader keeps the other readers from trying their hand at the file.
_FORMATS = {
    ".nii.gz": "NiftiImageIO",
    ".nii": "NiftiImageIO",
    ".nrrd": "NrrdImageIO",
    ".mha": "MetaImageIO",
    ".mhd": "MetaImageIO",
}
_WRITTEN = (".nii.gz", ".nii", ".nrrd", ".mha")
# ITK thinks in LPS, we in RAS: the first two world axes point the other way.
_LPS_TO_RAS = np.diag([-1.0, -1.0, 1.0, 1.0])


@dataclass(frozen=True, eq=False)
class Volume:
    """One image: ``array`` (i, j, k), C-contiguous, on ``geometry``.

    ``name``: base name of the file or folder. ``notes``: sentences a person should read. ``sha256``: of the file as it
    lies on disk (of several files, as in a DICOM folder: of their checksums in sorted order), None when not read.
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


def read_volume(path: str | Path, name: str | None = None) -> Volume:
    """Read a scan: a NIfTI-1, NRRD or MetaImage file or a DICOM folder; values and voxel order as stored.

    ``name``: what a person calls it, in sentences and in the provenance; that of the file when None. Raises InputError,
    one sentence that names the file and the mend, for anything that is not a usable 3D image.
    """
    volume = _read(Path(path))
    check_image(volume.array, name or volume.name)
    return volume if name is None else replace(volume, name=name)


def read_mask(path: str | Path) -> Volume:
    """Read a mask as uint8, 0 and 1, from the same formats; it may be empty. Raises InputError for other values."""
    volume = _read(Path(path))
    return Volume(as_mask(volume.array, volume.name), volume.geometry, volume.name, volume.notes, volume.sha256)


def read_labels(path: str | Path) -> Volume:
    """Read an image of labels from the same formats, values as stored. Raises InputError when it is not readable."""
    return _read(Path(path))


def write_volume(path: str | Path, array: np.ndarray, geometry: Geometry) -> None:
    """Write ``array`` (i, j, k; uint8, int16, float32) on ``geometry`` as .nii.gz, .nii, .nrrd or .mha.

    Data type and voxel order are kept. The file is written under another name in the same folder and renamed when it
    is whole. Raises InputError when the folder cannot be written to or the suffix is none of these.
    """
    path = Path(path)
    suffix = next((s for s in _WRITTEN if path.name.lower().endswith(s)), None)
    if suffix is None:
        raise InputError(f"{path.name} cannot be written: its name must end in {', '.join(_WRITTEN)}.")
    image = to_sitk(Volume(array, geometry, path.name))
    partial = path.with_name(f".unfinished-{uuid.uuid4().hex}{suffix}")
    try:
        with quiet():
            SimpleITK.WriteImage(image, str(partial), useCompression=True)
        if suffix in (".nii", ".nii.gz"):
            inspect_nifti(partial)  # ITK does not notice a full disk; this reads to the end
        os.replace(partial, path)
    except (RuntimeError, OSError, InputError) as error:
        raise InputError(
            f"{path.name} cannot be written to the folder '{path.parent.name}'; check its permissions and free space."
        ) from error
    finally:
        partial.unlink(missing_ok=True)


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


def _read(path: Path) -> Volume:
    # What the person typed, not what a link points to.
    name = Path(os.path.abspath(path)).name
    if not path.exists():
        raise InputError(f"{name} was not found in the folder '{path.resolve().parent}'; check the path.")
    try:
        if path.is_dir():
            array, geometry, files, notes = read_dicom_series(path)
            return Volume(array, geometry, name, notes, sha256_of_all(files))
        image, notes = _read_file(path, name)
        array, geometry = from_sitk(image)
        check_affine(geometry.affine, name)
        files = metaimage_files(path) if name.lower().endswith(".mhd") else [path]
        return Volume(array, geometry, name, notes, sha256_of_all(files) if len(files) > 1 else sha256_of(path))
    except OSError as error:
        raise InputError(f"{name} cannot be read ({error.strerror or error}); check its permissions.") from error


def _read_file(path: Path, name: str) -> tuple[SimpleITK.Image, tuple[str, ...]]:
    file_format = next((io for suffix, io in _FORMATS.items() if name.lower().endswith(suffix)), None)
    if file_format is None and is_dicom(path):
        raise InputError(f"{name} is a single DICOM slice (2D); choose the folder of the whole series.")
    if file_format is None:
        raise InputError(f"{name} is not a NIfTI, NRRD or MHA image nor a DICOM folder; choose one of these.")
    notes = check_nifti(inspect_nifti(path), name) if file_format == "NiftiImageIO" else ()
    if file_format == "MetaImageIO":
        metaimage_files(path)
    reader = SimpleITK.ImageFileReader()
    reader.SetImageIO(file_format)
    reader.SetFileName(str(path))
    try:
        with quiet():
            reader.ReadImageInformation()
            check_shape(reader.GetSize(), name)
            image = reader.Execute()
    except RuntimeError as error:
        raise InputError(f"{name} is not a readable image, or it is damaged; check the file.") from error
    # An axis of length one may follow the three; to_array has no use for it.
    while image.GetDimension() > 3:
        image = image[..., 0]
    if image.GetNumberOfComponentsPerPixel() != 1 or "complex" in image.GetPixelIDTypeAsString():
        raise InputError(f"{name} holds colours, vectors or complex numbers; choose a grey-value image.")
    return image, notes
