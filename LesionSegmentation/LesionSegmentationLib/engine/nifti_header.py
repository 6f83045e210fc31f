"""What a NIfTI file itself says about its grid, read from the raw header.

ITK does not tell: it reads a file that was cut short as if the rest were zeros, falls back to the qform when the sform
is sheared, and takes the directions from the sform but the voxel size from pixdim when the two disagree.
"""

from __future__ import annotations

import gzip
import struct
import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .errors import InputError
from .image_checks import check_affine, check_shape

_SAME_SIZE = 1e-3
_SAME_PLACE_MM = 0.1
_SCANNER, _ALIGNED = 1, 2


@dataclass(frozen=True)
class NiftiHeader:
    """The part of a NIfTI-1 header that places the voxels. ``qform``, ``sform``: (4, 4), voxel -> RAS mm."""

    shape: tuple[int, ...]
    pixdim: np.ndarray
    qform_code: int
    sform_code: int
    qform: np.ndarray
    sform: np.ndarray
    whole_bytes: int

    @property
    def taken(self) -> str:
        """Which of the two places the voxels: ITK's (and so Slicer's) rule, "qform", "sform" or "neither"."""
        if self.sform_code == _SCANNER or (self.sform_code > 0 and self.qform_code == 0):
            return "sform"
        return "qform" if self.qform_code > 0 else "neither"


def read_nifti_header(path: Path) -> NiftiHeader:
    """Read the header of ``path`` (.nii, .nii.gz). Raises InputError when it is not NIfTI or the file is cut short."""
    name = path.name
    try:
        with _open(path) as stream:
            header = _parse(stream.read(348), name)
            size = 348 + _remaining(stream)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"{name} is damaged or was cut short; copy or export it again.") from error
    except OSError as error:
        raise InputError(f"{name} cannot be read ({error.strerror}); check its permissions.") from error
    if size < header.whole_bytes:
        raise InputError(
            f"{name} was cut short ({size} of {header.whole_bytes} bytes are there); copy or export it again."
        )
    return header


def check_nifti_header(header: NiftiHeader, name: str) -> tuple[str, ...]:
    """Return notes on how the header of file ``name`` was understood. Raises InputError when it places no grid."""
    check_shape(header.shape, name)
    if not (np.isfinite(header.pixdim).all() and (header.pixdim > 0).all()):
        raise InputError(f"{name} states a voxel size of {_times(header.pixdim)} mm; correct its header.")
    if header.taken == "neither":
        return (
            f"{name} does not say how it lies in the patient; its voxel order was taken as right to left, "
            "anterior to posterior, foot to head, so left and right may be exchanged.",
        )
    if header.qform_code > 0 and not np.isfinite(header.qform).all():
        raise InputError(f"{name} has a qform that is not finite; correct its header or export it again.")
    # A sheared sform beside a qform is usual where it leads to a template; else it places the voxels themselves.
    if header.taken == "sform" or header.sform_code in (_SCANNER, _ALIGNED):
        check_affine(header.sform, name)
    if header.taken == "sform":
        size = np.linalg.norm(header.sform[:3, :3], axis=0)
        if np.abs(size / header.pixdim - 1).max() > _SAME_SIZE:
            raise InputError(
                f"{name} states two voxel sizes, {_times(header.pixdim)} mm (pixdim) and {_times(size)} mm (sform); "
                "correct its header."
            )
    return _disagreement(header, name)


def _disagreement(header: NiftiHeader, name: str) -> tuple[str, ...]:
    if header.qform_code == 0 or header.sform_code == 0:
        return ()
    corners = np.array(list(np.ndindex(2, 2, 2))) * (np.array(header.shape[:3]) - 1)
    corners = np.c_[corners, np.ones(8)]
    apart = np.linalg.norm(corners @ (header.qform - header.sform).T, axis=1).max()
    # Not finite counts as disagreeing, hence the negation.
    if not apart > _SAME_PLACE_MM and np.isfinite(apart):
        return ()
    other = "sform" if header.taken == "qform" else "qform"
    much = f" by up to {apart:.1f} mm" if np.isfinite(apart) else ""
    return (
        f"{name} has a qform and an sform that disagree{much}; the {header.taken} was taken, as 3D Slicer "
        f"does, and the {other} ignored.",
    )


def _parse(raw: bytes, name: str) -> NiftiHeader:
    order = {348: "<", 1543569408: ">"}.get(int.from_bytes(raw[:4], "little"))
    if raw[:4] in (b"\x1c\x02\x00\x00", b"\x00\x00\x02\x1c"):
        raise InputError(f"{name} is a NIfTI-2 file, which is not supported; save it as NIfTI-1.")
    if len(raw) < 348 or order is None or raw[344:348] != b"n+1\0":
        raise InputError(f"{name} is not a NIfTI image; check the file.")

    def read(kind: str, offset: int) -> tuple:
        return struct.unpack_from(order + kind, raw, offset)

    dim = read("8h", 40)
    if not 1 <= dim[0] <= 7:
        raise InputError(f"{name} is not a NIfTI image (it states {dim[0]} dimensions); check the file.")
    shape = dim[1 : dim[0] + 1]
    pixdim = np.array(read("8f", 76), np.float64)
    (bits,) = read("h", 72)
    (offset,) = read("f", 108)
    quaternion = np.array(read("6f", 256), np.float64)
    sform = np.eye(4)
    sform[:3] = np.array(read("12f", 280)).reshape(3, 4)
    return NiftiHeader(
        shape=shape,
        pixdim=pixdim[1:4],
        qform_code=read("h", 252)[0],
        sform_code=read("h", 254)[0],
        qform=_qform(quaternion[:3], quaternion[3:], pixdim[1:4], -1.0 if pixdim[0] < 0 else 1.0),
        sform=sform,
        whole_bytes=int(offset) + int(np.prod([max(n, 0) for n in shape], dtype=np.int64)) * bits // 8,
    )


def _qform(bcd: np.ndarray, offset: np.ndarray, pixdim: np.ndarray, qfac: float) -> np.ndarray:
    """The affine of NIfTI's method 2 (nifti1.h): unit quaternion (a, b, c, d), voxel sizes, handedness of k."""
    b, c, d = bcd
    a = np.sqrt(max(0.0, 1 - b * b - c * c - d * d))
    if a == 0 and (length := np.linalg.norm(bcd)) > 0:
        b, c, d = bcd / length
    rotation = np.array(
        [
            [a * a + b * b - c * c - d * d, 2 * (b * c - a * d), 2 * (b * d + a * c)],
            [2 * (b * c + a * d), a * a + c * c - b * b - d * d, 2 * (c * d - a * b)],
            [2 * (b * d - a * c), 2 * (c * d + a * b), a * a + d * d - b * b - c * c],
        ]
    )
    affine = np.eye(4)
    affine[:3, :3] = rotation * pixdim * (1, 1, qfac)
    affine[:3, 3] = offset
    return affine


def _open(path: Path):
    with path.open("rb") as stream:
        packed = stream.read(2) == b"\x1f\x8b"
    return gzip.open(path) if packed else path.open("rb")


def _remaining(stream) -> int:
    """Read to the end, so that gzip checks its own checksum, and return the number of bytes."""
    total = 0
    while block := stream.read(1 << 20):
        total += len(block)
    return total


def _times(numbers) -> str:
    return " x ".join(f"{n:.4g}" for n in numbers)
