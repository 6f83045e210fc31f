"""What an image and a mask have to be: their size, their grid and the values of their voxels."""

from __future__ import annotations

import numpy as np

from .errors import InputError

# A scan has hundreds of grey values; masks and label maps of lesions or tissues have a handful of whole numbers.
_HANDFUL = 8
# A map of many structures has whole numbers, no more kinds than this, and neighbours in a structure are equal.
_MOST_LABELS = 1000
_EQUAL_NEIGHBOURS = 0.8
# Cosine between two axes. ITK refuses a NIfTI sform beyond a limit measured between 1e-4 and 5e-4.
_RIGHT_ANGLE = 2e-4


def check_shape(shape: tuple[int, ...], name: str) -> None:
    """Raise InputError unless ``shape`` of file ``name`` is that of one volume; axes of length one may follow."""
    listed = " x ".join(str(n) for n in shape)
    if not shape or min(shape) < 1:
        raise InputError(f"{name} holds no voxels (its size is {listed}); export it again.")
    if any(n > 1 for n in shape[3:]):
        raise InputError(f"{name} has more than three dimensions ({listed}); choose or export one of its volumes.")
    if len(shape) < 3 or min(shape[:3]) < 2:
        raise InputError(f"{name} is a single 2D slice ({listed}); choose the whole volume or the DICOM folder.")


def check_finite(not_finite: int, name: str) -> None:
    """Raise InputError when file ``name`` holds voxels that are ``not_finite``."""
    if not_finite:
        plural = "s that are not numbers" if not_finite > 1 else " that is not a number"
        raise InputError(f"{name} holds {not_finite} voxel{plural} (NaN or infinite); export it again.")


def check_affine(affine: np.ndarray, name: str) -> None:
    """Raise InputError unless the ``affine`` (4, 4) of file ``name`` is finite, not singular and without shear."""
    axes = affine[:3, :3]
    size = np.linalg.norm(axes, axis=0)
    if not np.isfinite(affine).all() or not (size > 0).all() or abs(np.linalg.det(axes / size)) < 1e-3:
        raise InputError(f"{name} has a singular affine, which gives its voxels no place in space; export it again.")
    cosine = np.abs((axes / size).T @ (axes / size) - np.eye(3)).max()
    if cosine > _RIGHT_ANGLE:
        angle = np.degrees(np.arccos(min(cosine, 1)))
        raise InputError(
            f"{name} has a sheared affine (axes at {angle:.1f} instead of 90 degrees); resample it to a grid with "
            "right angles."
        )


def check_image(array: np.ndarray, name: str) -> None:
    """Raise InputError unless ``array`` (i, j, k) of file ``name`` can be a scan: finite, and more than a mask."""
    low, high = _range(array, name)
    if low == high:
        raise InputError(f"All voxels of {name} have the value {low:g}; check that the right file was exported.")
    values = _distinct(array)
    if values is not None and (values == np.round(values)).all():
        listed = ", ".join(f"{v:g}" for v in values)
        raise InputError(f"{name} looks like a mask, not an image: it holds only the values {listed}; choose the scan.")
    if _is_label_map(array):
        raise InputError(
            f"{name} looks like a map of labelled structures, not an image: nearly every voxel has the value of its "
            "neighbours; choose the scan."
        )


def as_mask(array: np.ndarray, name: str) -> np.ndarray:
    """Return ``array`` (i, j, k) of file ``name`` as uint8; raise InputError for values other than 0 and 1."""
    _range(array, name)
    mask = array == 1
    odd = array[~mask & (array != 0)]
    if odd.size:
        values = np.unique(odd)
        listed = ", ".join(f"{v:g}" for v in values[:3]) + (", ..." if values.size > 3 else "")
        kind = "an image, not a mask" if values.size > _HANDFUL else "not a mask of one structure"
        raise InputError(f"{name} is {kind}: it holds values other than 0 and 1 ({listed}); choose a 0/1 mask.")
    return mask.astype(np.uint8)


def _range(array: np.ndarray, name: str) -> tuple[float, float]:
    low, high = float(array.min()), float(array.max())
    if not (np.isfinite(low) and np.isfinite(high)):
        check_finite(int(array.size - np.isfinite(array).sum()), name)
    return low, high


def _distinct(array: np.ndarray) -> np.ndarray | None:
    """The distinct values when they are a handful, else None. A sparse look first: sorting all voxels is slow."""
    flat = array.reshape(-1)
    if np.unique(flat[:: max(1, flat.size // 10_000)]).size > _HANDFUL:
        return None
    values = np.unique(flat)
    return values if values.size <= _HANDFUL else None


def _is_label_map(array: np.ndarray) -> bool:
    """Whether the voxels that are not background are a few kinds of whole numbers in pieces of one value each."""
    flat = array.reshape(-1)
    sample = flat[:: max(1, flat.size // 10_000)]
    if not (sample == np.round(sample)).all() or np.unique(sample).size > _MOST_LABELS:
        return False
    values, counts = np.unique(sample, return_counts=True)
    background = values[counts.argmax()]
    equal = pairs = 0
    for axis in range(3):
        # Every fourth plane across another axis will do.
        planes = tuple(slice(None, None, 4) if other == (axis + 1) % 3 else slice(None) for other in range(3))
        moved = np.moveaxis(array[planes], axis, 0)
        inside = (moved[1:] != background) & (moved[:-1] != background)
        pairs += int(inside.sum())
        equal += int((inside & (moved[1:] == moved[:-1])).sum())
    return pairs > 0 and equal > _EQUAL_NEIGHBOURS * pairs
