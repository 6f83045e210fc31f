"""The changes between two time points as rows, for files and table nodes."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from .csv_table import write_table
from .follow_up import FollowUp
from .rigid_transform import moved_points

COLUMNS = (
    "number",
    "change",
    "grouping",
    "earlier_lesions",
    "later_lesions",
    "earlier_ml",
    "later_ml",
    "change_ml",
    "change_percent",
    "halfway_right_mm",
    "halfway_anterior_mm",
    "halfway_superior_mm",
    "earlier_right_mm",
    "earlier_anterior_mm",
    "earlier_superior_mm",
    "later_right_mm",
    "later_anterior_mm",
    "later_superior_mm",
)


def change_rows(follow_up: FollowUp) -> list[dict]:
    """Return one row a change, keys ``COLUMNS``, in the order of ``changes``; rounded; None where undefined.

    The centre of each is given in the halfway space and where it lies in either study, RAS in mm.
    """
    centres = np.array([change.centroid_ras for change in follow_up.changes]).reshape(-1, 3)
    places = [centres] + [moved_points(np.linalg.inv(matrix), centres) for matrix in follow_up.pair.to_halfway]
    rows = []
    for number, change in enumerate(follow_up.changes):
        percent = change.change_percent
        cells = (
            change.number,
            change.change,
            change.grouping,
            change.earlier_lesions,
            change.later_lesions,
            round(change.earlier_ml, 6),
            round(change.later_ml, 6),
            round(change.change_ml, 6),
            None if percent is None else round(percent, 2),
            *(round(float(position), 2) for place in places for position in place[number]),
        )
        rows.append(dict(zip(COLUMNS, cells, strict=True)))
    return rows


def write_changes(path: Path, follow_up: FollowUp) -> None:
    """Write :func:`change_rows` to ``path``; without any lesion the header stands alone."""
    write_table(path, COLUMNS, change_rows(follow_up))
