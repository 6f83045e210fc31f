"""The lesion table as a file: one row a lesion, largest first, positions in RAS millimetres."""

from __future__ import annotations

from pathlib import Path

from .csv_table import write_table
from .lesions import Lesion, Lesions

COLUMNS = (
    "lesion",
    "peak_i",
    "peak_j",
    "peak_k",
    "voxels",
    "volume_ml",
    "diameter_mm",
    "equivalent_diameter_mm",
    "mean_probability",
    "highest_probability",
    "centroid_right_mm",
    "centroid_anterior_mm",
    "centroid_superior_mm",
    "appears_at_beta",
)


def lesion_rows(lesions: Lesions) -> list[dict]:
    """Return one row a lesion, keys ``COLUMNS``, largest first; numbers rounded to what they can mean."""
    return [dict(zip(COLUMNS, _cells(lesion), strict=True)) for lesion in lesions.rows]


def write_lesions(path: Path, lesions: Lesions) -> None:
    """Write :func:`lesion_rows` to ``path``; without any lesion the header stands alone."""
    write_table(path, COLUMNS, lesion_rows(lesions))


def _cells(lesion: Lesion) -> tuple:
    return (
        lesion.id,
        *lesion.peak,
        lesion.voxels,
        round(lesion.volume_ml, 6),
        round(lesion.diameter_mm, 2),
        round(lesion.equivalent_diameter_mm, 2),
        round(lesion.mean_probability, 4),
        round(lesion.highest_probability, 4),
        *(round(position, 2) for position in lesion.centroid_ras),
        None if lesion.appears_at_beta is None else round(lesion.appears_at_beta, 4),
    )
