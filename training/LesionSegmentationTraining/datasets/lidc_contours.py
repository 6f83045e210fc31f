"""The outlines that the readers of LIDC-IDRI drew, from their XML files to masks."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from xml.etree import ElementTree

import cc3d
import numpy as np
from scipy import ndimage

from LesionSegmentationLib.engine.errors import InputError
from LesionSegmentationLib.engine.geometry import Geometry

# An outline may be this part of a slice off its slice.
_OFF_SLICE = 0.5
_NAMESPACE = "{*}"


@dataclass(frozen=True)
class Contour:
    """One closed outline. ``z_mm``: height of its slice (LPS and RAS agree on it); ``points``: (n, 2) integer pixels,
    column then row. ``inclusion``: False for the outline of a hole.
    """

    z_mm: float
    points: np.ndarray
    inclusion: bool


def find_readings(folder: str | Path) -> dict[str, Path]:
    """The XML file of every CT series below ``folder`` (the collection's ``LIDC-XML-only``), by series UID.

    Files about X-ray images, which have another root element, are passed over.
    """
    found = {}
    for path in sorted(Path(folder).rglob("*.xml")):
        root = _parse(path)
        series = root.findtext(f"{_NAMESPACE}ResponseHeader/{_NAMESPACE}SeriesInstanceUid")
        if root.tag.endswith("LidcReadMessage") and series:
            found[series.strip()] = path
    return found


def read_contours(path: Path) -> list[list[Contour]]:
    """The outlines in one XML file, a list per reader.

    Nodules of 3 mm and more have outlines; smaller ones are marked by a single point and are left out.
    """
    readers = []
    for session in _parse(path).iterfind(f"{_NAMESPACE}readingSession"):
        contours = []
        for roi in session.iterfind(f"{_NAMESPACE}unblindedReadNodule/{_NAMESPACE}roi"):
            try:
                points = [[int(float(edge.findtext(_NAMESPACE + axis))) for axis in ("xCoord", "yCoord")]
                          for edge in roi.iterfind(f"{_NAMESPACE}edgeMap")]  # fmt: skip
                z_mm = float(roi.findtext(f"{_NAMESPACE}imageZposition"))
            except (TypeError, ValueError) as error:
                raise InputError(f"{path.name} holds an outline without proper coordinates; fetch it again.") from error
            inclusion = (roi.findtext(f"{_NAMESPACE}inclusion") or "TRUE").strip().upper() != "FALSE"
            if len(points) > 2:
                contours.append(Contour(z_mm, np.array(points), inclusion))
        readers.append(contours)
    return readers


def nodule_mask(readers: list[list[Contour]], geometry: Geometry, agree: int, name: str) -> np.ndarray:
    """uint8 (i, j, k): the nodules that at least ``agree`` readers outlined, on the CT's grid ``geometry``.

    Outlines that touch or overlap (26-connected) are one nodule; of it those voxels count that at least half of the
    readers who outlined it have inside, or all of them where no voxel has so many. An outline is the first pixel
    outside of the nodule (Armato et al., Medical Physics 2011;38:915-931), so it does not belong to it. Raises
    InputError, naming the XML file ``name``, for an outline beside the CT.
    """
    mask = np.zeros(geometry.shape, np.uint8)
    filled = [_fill(contours, geometry, name) for contours in readers]
    corners = [corner for pieces in filled for voxels, _ in pieces for corner in (voxels.min(0), voxels.max(0))]
    if not corners:
        return mask
    low, high = np.min(corners, axis=0), np.max(corners, axis=0) + 1
    votes = np.zeros((len(readers), *(high - low)), bool)
    for reader, pieces in enumerate(filled):
        for voxels, inclusion in pieces:
            votes[(reader, *(voxels - low).T)] = inclusion
    count = votes.sum(axis=0)
    numbers, nodules = cc3d.connected_components(count > 0, connectivity=26, return_N=True)
    inside = np.zeros(count.shape, bool)
    for nodule, box in enumerate(ndimage.find_objects(numbers.astype(np.int32), nodules), 1):
        here = numbers[box] == nodule
        drawn = int(votes[(slice(None), *box)][:, here].any(axis=1).sum())
        if drawn >= agree:
            half = here & (count[box] >= math.ceil(drawn / 2))
            inside[box] |= half if half.any() else here
    mask[tuple(slice(a, b) for a, b in zip(low, high))] = inside
    return mask


def _fill(contours: Iterable[Contour], geometry: Geometry, name: str) -> list[tuple[np.ndarray, bool]]:
    """Voxels (n, 3) inside of each outline, those of holes last; the outline's own voxels belong to neither."""
    pieces = []
    along_z = geometry.affine[2, :3]
    for contour in sorted(contours, key=lambda contour: not contour.inclusion):
        k = (contour.z_mm - geometry.affine[2, 3]) / along_z[2] if abs(along_z[2]) > 1e-6 else -1.0
        top = contour.points.max(axis=0)
        beside = (contour.points < 0).any() or (top >= geometry.shape[:2]).any()
        if beside or not -_OFF_SLICE <= k <= geometry.shape[2] - 1 + _OFF_SLICE:
            raise InputError(f"{name} has an outline at z {contour.z_mm:g} mm that lies beside its CT; check the pair.")
        low = contour.points.min(axis=0)
        edge = np.zeros(top - low + 1, bool)
        edge[tuple((_closed_line(contour.points) - low).T)] = True
        # With an 8-connected line around it, the inside has no 4-connected way out.
        plane = np.argwhere(ndimage.binary_fill_holes(edge) & ~edge) + low
        if plane.size:
            slices = np.full((len(plane), 1), min(max(round(k), 0), geometry.shape[2] - 1))
            pieces.append((np.hstack([plane, slices]), contour.inclusion))
    return pieces


def _closed_line(points: np.ndarray) -> np.ndarray:
    """All pixels on the straight lines from each of ``points`` (n, 2) to the next and from the last to the first."""
    pixels = []
    for start, end in zip(points, np.roll(points, -1, axis=0)):
        steps = max(1, int(np.abs(end - start).max()))
        pixels.append(np.rint(start + (end - start) * np.arange(steps)[:, None] / steps).astype(int))
    return np.concatenate(pixels)


def _parse(path: Path) -> ElementTree.Element:
    try:
        return ElementTree.parse(path).getroot()
    except (OSError, ElementTree.ParseError) as error:
        raise InputError(f"{path.name} is not readable XML ({error}); fetch it again.") from error
