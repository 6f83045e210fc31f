"""The operating curve as a table: about what every setting would give, for spreadsheets and plots."""

from __future__ import annotations

from pathlib import Path

from .csv_table import write_table
from .operating_curve import OperatingCurve

# log2(beta / alpha) from -6 to 6; the middle row is alpha = beta.
STEPS = [step / 5 for step in range(-30, 31)]
COLUMNS = (
    "alpha",
    "beta",
    "rho",
    "threshold",
    "voxels",
    "volume_ml",
    "expected_tp_voxels",
    "expected_fp_voxels",
    "expected_fn_voxels",
    "expected_precision",
    "expected_recall",
    "expected_dice",
    "expected_f2",
)


def curve_rows(curve: OperatingCurve, withheld: bool = False) -> list[dict]:
    """Return one row a setting, keys ``COLUMNS``, alpha + beta = 1, rho = beta / alpha rising.

    The figures are those of the bare operating points: no minimum lesion volume acts on them. None where undefined; so
    is ``threshold``, a probability, where a setting cuts another score, and all that is expected where it is
    ``withheld``.
    """
    rows = []
    for step in STEPS:
        rho = 2.0**step
        point = curve.at(1 / (1 + rho), rho / (1 + rho))
        figures = point.figures
        values = (figures.tp, figures.fp, figures.fn, figures.precision, figures.recall, figures.dice, figures.f2)
        cells = (point.alpha, point.beta, rho, point.probability_threshold, point.count, figures.volume_ml, *values)
        row = dict(zip(COLUMNS, cells, strict=True))
        rows.append({name: None if withheld and name.startswith("expected") else cell for name, cell in row.items()})
    return rows


def write_curve(path: Path, curve: OperatingCurve, withheld: bool = False) -> None:
    """Write :func:`curve_rows` to ``path``; figures that are undefined or withheld are empty cells."""
    rows = ({name: _cell(value) for name, value in row.items()} for row in curve_rows(curve, withheld))
    write_table(path, COLUMNS, rows)


def _cell(value: float | int | None) -> str | int | None:
    return value if value is None or isinstance(value, int) else f"{value:.9g}"
