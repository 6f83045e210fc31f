"""LUNA16, lung nodules in CT: 888 scans of LIDC-IDRI.

Setio et al., Medical Image Analysis 2017;42:1-13 (luna16.grand-challenge.org): ``subset0`` to ``subset9`` with
``<series UID>.mhd`` and ``.raw``; ``annotations.csv`` (also in ``CSVFILES``): seriesuid, coordX, coordY, coordZ,
diameter_mm, in mm of the world as MetaImage has it (LPS), nodules of at least 3 mm that three of four readers marked;
``seg-lungs-LUNA16`` (lungs, not read). There are no nodule masks: they are made here, as balls from the csv, or from
the outlines in the XML files of LIDC-IDRI (``LIDC-XML-only``).
"""

from __future__ import annotations

import csv
import hashlib
import logging
from collections import defaultdict
from pathlib import Path

import numpy as np
import SimpleITK

from LesionSegmentationLib.engine.errors import InputError
from LesionSegmentationLib.engine.geometry import Geometry
from LesionSegmentationLib.engine.quiet import quiet
from LesionSegmentationLib.engine.volume import write_volume

from .case_files import CaseFiles
from .found_cases import FoundCases
from .lidc_contours import find_readings, nodule_mask, read_contours

_log = logging.getLogger(__name__)
_COLUMNS = ("seriesuid", "coordX", "coordY", "coordZ", "diameter_mm")
# Shirokikh et al. 2020 (arXiv 2007.10033) tested on these subsets.
_TESTED = ("subset8", "subset9")


def read(
    folder: str | Path,
    masks: str | Path | None = None,
    xml: str | Path | None = None,
    readers: int = 3,
    published_test: bool = False,
) -> list[CaseFiles]:
    """The cases below ``folder``, channel ct. A scan without nodules is a case too, with an empty mask.

    ``masks``: folder that the masks are written to (needed); a mask that is there already and was made from the same
    annotations is used again. ``xml``: folder of the LIDC-IDRI XML files, for masks of the outlines of at least
    ``readers`` readers instead of balls; a scan without such a file is skipped. ``published_test``: give the subsets 8
    and 9, which Shirokikh et al. 2020 tested on, the split "test". A patient is taken to be a scan: the data do not say
    which of the scans are of one person (eight persons of LIDC-IDRI have two).
    """
    found = FoundCases("luna16", folder)
    if masks is None:
        raise InputError("LUNA16 has no masks of its nodules; name a folder for those that are made (option masks).")
    scans = sorted(found.folder.glob("**/subset[0-9]*/*.mhd"))
    nodules = _annotations(found.folder) if xml is None and scans else {}
    readings = {} if xml is None else find_readings(xml)
    masks = Path(masks)
    for number, scan in enumerate(scans, 1):
        split = "test" if published_test and scan.parent.name in _TESTED else None
        if xml is None:
            mask = _balls(scan, nodules.get(scan.stem, []), masks)
        else:
            mask = _outlines(scan, readings[scan.stem], readers, masks) if scan.stem in readings else None
        found.add(scan.stem, scan.stem, {"ct": scan}, mask, split=split)
        _log.info("luna16: mask %d of %d", number, len(scans))
    return found.finish("subset0/<series UID>.mhd and annotations.csv")


def ball_mask(balls: np.ndarray, geometry: Geometry) -> np.ndarray:
    """uint8 (i, j, k): the voxels whose centres lie in one of ``balls`` (n, 4: RAS centre and diameter, mm).

    A ball between the voxel centres is one voxel, the nearest one.
    """
    mask = np.zeros(geometry.shape, np.uint8)
    for *centre, diameter in balls:
        middle = geometry.voxel(np.array([centre]))[0]
        # How far a ball reaches along each voxel axis: right angles between the axes, which every CT here has.
        reach = diameter / 2 / geometry.spacing
        low = np.maximum(np.floor(middle - reach).astype(int), 0)
        high = np.minimum(np.ceil(middle + reach).astype(int) + 1, geometry.shape)
        if (low < high).all():
            box = tuple(slice(a, b) for a, b in zip(low, high))
            offset = np.meshgrid(*(np.arange(a, b) for a, b in zip(low, high)), indexing="ij", sparse=True)
            squared = sum(((o - m) * s) ** 2 for o, m, s in zip(offset, middle, geometry.spacing))
            mask[box] |= squared <= (diameter / 2) ** 2
            mask[tuple(np.clip(np.rint(middle).astype(int), 0, np.array(geometry.shape) - 1))] = 1
    return mask


def _annotations(folder: Path) -> dict[str, list[tuple[float, ...]]]:
    """(x, y, z, diameter) per series, LPS mm."""
    path = next(iter(sorted(folder.rglob("annotations.csv"))), None)
    if path is None:
        raise InputError(f"{folder} holds no annotations.csv; put LUNA16's beside the subsets, or name the XML folder.")
    with path.open(newline="", encoding="utf-8-sig") as stream:
        rows = list(csv.DictReader(stream))
    nodules = defaultdict(list)
    for line, row in enumerate(rows, 2):
        try:
            nodules[row[_COLUMNS[0]]].append(tuple(float(row[column]) for column in _COLUMNS[1:]))
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"Line {line} of {path.name} does not hold {', '.join(_COLUMNS)}; fetch the file again."
            ) from error
    return nodules


def _balls(scan: Path, nodules: list[tuple[float, ...]], masks: Path) -> Path:
    path = masks / f"{scan.stem}_balls_{_digest(repr(nodules).encode())}.nii.gz"
    if not path.is_file():
        geometry = _grid(scan)
        ras = np.array(nodules).reshape(-1, 4) * (-1, -1, 1, 1)
        outside = [row for row in ras if not ball_mask(row[None], geometry).any()]
        if outside:
            raise InputError(f"annotations.csv has a nodule of {scan.stem} that lies beside the CT; check the pair.")
        _write(path, ball_mask(ras, geometry), geometry)
    return path


def _outlines(scan: Path, reading: Path, readers: int, masks: Path) -> Path:
    path = masks / f"{scan.stem}_readers{readers}_{_digest(reading.read_bytes())}.nii.gz"
    if not path.is_file():
        geometry = _grid(scan)
        _write(path, nodule_mask(read_contours(reading), geometry, readers, reading.name), geometry)
    return path


def _grid(scan: Path) -> Geometry:
    """The CT's grid, from its header alone."""
    reader = SimpleITK.ImageFileReader()
    reader.SetImageIO("MetaImageIO")
    reader.SetFileName(str(scan))
    try:
        with quiet():
            reader.ReadImageInformation()
    except RuntimeError as error:
        raise InputError(f"{scan.name} is not a readable image, or it is damaged; check the file.") from error
    affine = np.eye(4)
    affine[:3, :3] = np.array(reader.GetDirection()).reshape(3, 3) * np.array(reader.GetSpacing())
    affine[:3, 3] = reader.GetOrigin()
    return Geometry(reader.GetSize(), np.diag([-1.0, -1.0, 1.0, 1.0]) @ affine)


def _write(path: Path, mask: np.ndarray, geometry: Geometry) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_volume(path, mask, geometry)


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()[:8]
