"""What a NIfTI file itself says, read from its raw bytes.

ITK does not tell: it reads a file that was cut short as if the rest were zeros, turns NaN and infinite voxels into
zeros, falls back to the qform when the sform is sheared, and takes the directions from the sform but the voxel size
from pixdim when the two disagree.
"""

from __future__ import annotations

import gzip
import struct
import zlib
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from .errors import InputError
from .image_checks import check_affine, check_finite, check_shape

_SAME_SIZE = 1e-3
_SAME_PLACE_MM = 0.1
_SCANNER, _ALIGNED = 1, 2
_HEADER_BYTES = 348
_FLOATS = {16: "f4", 64: "f8", 32: "c8", 1792: "c16"}
_BLOCK_BYTES = 1 << 20


@dataclass(frozen=True)
class NiftiFile:
    """A whole NIfTI-1 file as it lies on disk. ``qform``, ``sform``: (4, 4), voxel -> RAS mm.

    ``not_finite``: number of voxels that are NaN or infinite.
    """

    shape: tuple[int, ...]
    pixdim: np.ndarray
    qform_code: int
    sform_code: int
    qform: np.ndarray
    sform: np.ndarray
    not_finite: int = 0

    @property
    def taken(self) -> str:
        """Which of the two places the voxels: ITK's (and so Slicer's) rule, "qform", "sform" or "neither"."""
        if self.sform_code == _SCANNER or (self.sform_code > 0 and self.qform_code == 0):
            return "sform"
        return "qform" if self.qform_code > 0 else "neither"


def inspect_nifti(path: Path) -> NiftiFile:
    """Read ``path`` (.nii, .nii.gz) to its end. Raises InputError when it is not NIfTI-1, damaged or cut short."""
    name = path.name
    try:
        with _open(path) as stream:
            raw = stream.read(_HEADER_BYTES)
            order = _byte_order(raw, name)
            header = _parse(raw, order, name)
            return replace(header, not_finite=_read_voxels(stream, raw, order, header.shape, name))
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise InputError(f"{name} is damaged or was cut short; copy or export it again.") from error


def check_nifti(header: NiftiFile, name: str) -> tuple[str, ...]:
    """Return notes on how file ``name`` was understood. Raises InputError unless it is a finite, placed volume."""
    check_shape(header.shape, name)
    check_finite(header.not_finite, name)
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


def _disagreement(header: NiftiFile, name: str) -> tuple[str, ...]:
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


def _byte_order(raw: bytes, name: str) -> str:
    """ "<" or ">": the header begins with its own length."""
    if raw[:4] in (b"\x1c\x02\x00\x00", b"\x00\x00\x02\x1c"):
        raise InputError(f"{name} is a NIfTI-2 file, which is not supported; save it as NIfTI-1.")
    order = {b"\x5c\x01\x00\x00": "<", b"\x00\x00\x01\x5c": ">"}.get(raw[:4])
    if len(raw) < _HEADER_BYTES or order is None or raw[344:348] != b"n+1\0":
        raise InputError(f"{name} is not a NIfTI image; check the file.")
    return order


def _parse(raw: bytes, order: str, name: str) -> NiftiFile:
    def read(kind: str, offset: int) -> tuple:
        return struct.unpack_from(order + kind, raw, offset)

    dim = read("8h", 40)
    if not 1 <= dim[0] <= 7:
        raise InputError(f"{name} is not a NIfTI image (it states {dim[0]} dimensions); check the file.")
    pixdim = np.array(read("8f", 76), np.float64)
    quaternion = np.array(read("6f", 256), np.float64)
    sform = np.eye(4)
    sform[:3] = np.array(read("12f", 280)).reshape(3, 4)
    return NiftiFile(
        shape=dim[1 : dim[0] + 1],
        pixdim=pixdim[1:4],
        qform_code=read("h", 252)[0],
        sform_code=read("h", 254)[0],
        qform=_qform(quaternion[:3], quaternion[3:], pixdim[1:4], -1.0 if pixdim[0] < 0 else 1.0),
        sform=sform,
    )


def _read_voxels(stream, raw: bytes, order: str, shape: tuple[int, ...], name: str) -> int:
    """Read on to the end of the file, so that gzip checks its checksum, and count the voxels that are not finite."""
    kind, bits = struct.unpack_from(order + "2h", raw, 70)
    (offset,) = struct.unpack_from(order + "f", raw, 108)
    wanted = int(np.prod([max(n, 0) for n in shape], dtype=np.int64)) * bits // 8
    stream.read(max(0, int(offset) - _HEADER_BYTES))
    there, not_finite = 0, 0
    while block := stream.read(_BLOCK_BYTES):
        # What follows the voxels is no voxel; a value at the end of a file cut short may be in part.
        voxels = block[: max(0, wanted - there)]
        if kind in _FLOATS and len(voxels) % (bits // 8) == 0:
            values = np.frombuffer(voxels, order + _FLOATS[kind])
            not_finite += values.size - int(np.isfinite(values).sum())
        there += len(block)
    if there < wanted:
        raise InputError(
            f"{name} was cut short ({there} of {wanted} bytes of voxels are there); copy or export it again."
        )
    return not_finite


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


def _times(numbers) -> str:
    return " x ".join(f"{n:.4g}" for n in numbers)
