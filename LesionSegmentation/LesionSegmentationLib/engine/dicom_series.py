"""One volume from a folder of DICOM files."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK

from .errors import InputError
from .geometry import Geometry
from .quiet import quiet

_SERIES, _DESCRIPTION, _NUMBER = "0020|000e", "0008|103e", "0020|0011"
_POSITION, _ORIENTATION, _SPACING, _FRAMES = "0020|0032", "0020|0037", "0028|0030", "0028|0008"
# A series of fewer slices (a localizer, a screenshot) is no rival to the volume in the same folder.
_FEWEST_SLICES = 5
# Positions are often stored to a hundredth of a millimetre, directions to six digits.
_UNEVEN = 0.02
_TILT = 2e-3
_SAME_DIRECTION = 1e-4


@dataclass(frozen=True)
class _Slice:
    path: Path
    series: str
    label: str
    frames: int
    position: np.ndarray
    orientation: np.ndarray
    spacing: np.ndarray
    size: tuple[int, ...]


def read_dicom_series(folder: Path) -> tuple[np.ndarray, Geometry, list[Path], tuple[str, ...]]:
    """Read the one image series in ``folder`` (not in folders below it).

    Returns array (i, j, k; i along the rows, k along the slices), geometry, the files in slice order, and notes.
    Slices are ordered by their position along the normal. Raises InputError when there is no series, more than one,
    or one that is no volume of evenly spaced parallel slices.
    """
    name = folder.resolve().name
    slices, notes = _only_series(_read_headers(folder), name)
    slices, geometry = _stack(slices, name)
    reader = SimpleITK.ImageSeriesReader()
    reader.SetFileNames([str(s.path) for s in slices])
    try:
        with quiet():
            image = reader.Execute()
    except RuntimeError as error:
        raise InputError(f"The DICOM images in {name} cannot be decoded; export them uncompressed.") from error
    if image.GetNumberOfComponentsPerPixel() != 1:
        raise InputError(f"The DICOM images in {name} are in colour; choose the folder of a scan.")
    array = np.ascontiguousarray(SimpleITK.GetArrayViewFromImage(image).transpose(2, 1, 0))
    return array, geometry, [s.path for s in slices], notes


def _read_headers(folder: Path) -> list[_Slice]:
    found = []
    for path in sorted(p for p in folder.iterdir() if p.is_file()):
        if not is_dicom(path):
            continue
        reader = SimpleITK.ImageFileReader()
        reader.SetImageIO("GDCMImageIO")
        reader.SetFileName(str(path))
        try:
            with quiet():
                reader.ReadImageInformation()
        except RuntimeError:
            continue  # a report, a presentation state, DICOMDIR: nothing with pixels

        def tag(key: str, reader=reader) -> str:
            return reader.GetMetaData(key).strip() if reader.HasMetaDataKey(key) else ""

        def numbers(key: str, tag=tag) -> np.ndarray:
            try:
                return np.array([float(part) for part in tag(key).split("\\")])
            except ValueError:
                return np.zeros(0)

        position, orientation, spacing = numbers(_POSITION), numbers(_ORIENTATION), numbers(_SPACING)
        label = tag(_DESCRIPTION) or f"number {tag(_NUMBER) or 'unknown'}"
        frames = int(tag(_FRAMES) or 1)
        found.append(_Slice(path, tag(_SERIES), label, frames, position, orientation, spacing, reader.GetSize()[:2]))
    return found


def is_dicom(path: Path) -> bool:
    """Tell whether ``path`` begins as a DICOM file does."""
    with path.open("rb") as stream:
        return stream.read(132)[128:] == b"DICM"


def _only_series(slices: list[_Slice], name: str) -> tuple[list[_Slice], tuple[str, ...]]:
    groups = defaultdict(list)
    for entry in slices:
        groups[entry.series].append(entry)
    if not groups:
        raise InputError(f"The folder {name} holds no DICOM images; choose the folder of one series or an image file.")
    if len(groups) == 1:
        return slices, ()
    volumes = [group for group in groups.values() if len(group) >= _FEWEST_SLICES and _parallel(group)]
    if len(volumes) != 1:
        listed = ", ".join(sorted(_described(group) for group in groups.values()))
        raise InputError(
            f"The folder {name} holds {len(groups)} DICOM series ({listed}); put the wanted one in a folder of its own."
        )
    chosen = volumes[0]
    others = ", ".join(sorted(_described(group) for group in groups.values() if group is not chosen))
    return chosen, (f"In {name} the series {_described(chosen)} was taken; not a volume: {others}.",)


def _described(group: list[_Slice]) -> str:
    return f"'{group[0].label}' with {len(group)} image{'s' if len(group) > 1 else ''}"


def _parallel(group: list[_Slice]) -> bool:
    first = group[0].orientation
    placed = all(s.orientation.shape == (6,) and s.position.shape == (3,) for s in group)
    return placed and all(np.abs(s.orientation - first).max() < _SAME_DIRECTION for s in group)


def _stack(slices: list[_Slice], name: str) -> tuple[list[_Slice], Geometry]:
    """Sort the slices along their normal and return them with the grid they form."""
    if any(s.frames > 1 for s in slices):
        raise InputError(f"{name} holds an enhanced (multi-frame) DICOM image; convert it to NIfTI with dcm2niix.")
    if len(slices) < 2:
        raise InputError(f"{name} holds a single DICOM slice (2D); choose the folder of the whole series.")
    if not _parallel(slices):
        raise InputError(f"The DICOM slices in {name} are not parallel or have no position; choose another series.")
    first = slices[0]
    alike = all(s.size == first.size and s.spacing.shape == (2,) for s in slices)
    if not alike or not all(np.allclose(s.spacing, first.spacing) for s in slices):
        raise InputError(f"The DICOM slices in {name} differ in size or pixel spacing; choose another series.")
    row, column = first.orientation[:3], first.orientation[3:]
    normal = np.cross(row, column)
    slices = sorted(slices, key=lambda s: float(s.position @ normal))
    heights = np.array([s.position @ normal for s in slices])
    step = _even_step(np.diff(heights), name)
    along = (slices[-1].position - slices[0].position) / (len(slices) - 1)
    tilt = np.linalg.norm(along - normal * (along @ normal)) / step
    if tilt > _TILT:
        raise InputError(
            f"The DICOM slices in {name} are sheared against each other by {np.degrees(np.arctan(tilt)):.1f} degrees "
            "(a tilted gantry); resample the series to a grid with right angles."
        )
    lps = np.eye(4)
    # PixelSpacing gives the distance between rows first: the step along a column.
    lps[:3, :3] = np.stack([row * first.spacing[1], column * first.spacing[0], normal * step], axis=1)
    lps[:3, 3] = slices[0].position
    return slices, Geometry((*first.size, len(slices)), np.diag([-1.0, -1.0, 1.0, 1.0]) @ lps)


def _even_step(steps: np.ndarray, name: str) -> float:
    """The distance of the slices in mm; raises InputError when they repeat, are missing or are uneven."""
    usual = float(np.median(steps))
    if steps.min() < 0.01 or usual <= 0:
        raise InputError(
            f"The DICOM folder {name} holds several images at one place (echoes, phases or copies); "
            "put one volume in a folder of its own."
        )
    gaps = np.round(steps / usual) - 1
    if (gaps > 0).any() and np.allclose(steps / (gaps + 1), usual, rtol=_UNEVEN):
        missing = int(gaps.sum())
        raise InputError(
            f"The DICOM series in {name} lacks {missing} slice{'s' if missing > 1 else ''} "
            f"after slice {int(np.argmax(gaps > 0)) + 1} of {steps.size + 1}; copy or export the series again."
        )
    if np.abs(steps / usual - 1).max() > _UNEVEN:
        raise InputError(
            f"The DICOM slices in {name} are spaced unevenly, by {steps.min():.2f} to {steps.max():.2f} mm; "
            "resample the series to even slices."
        )
    return float(steps.mean())
