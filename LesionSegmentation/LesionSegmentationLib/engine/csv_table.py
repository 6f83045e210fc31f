"""Tables of the results as .csv files: UTF-8, a header, commas, an empty cell where a value is not defined."""

from __future__ import annotations

import csv
from collections.abc import Iterable, Sequence
from pathlib import Path


def write_table(path: Path, columns: Sequence[str], rows: Iterable[dict]) -> None:
    """Write ``rows``, dictionaries by column, below a header to ``path``; without any row the header stands alone.

    None, and a column that a row has not, are empty cells. OSError when the file cannot be written.
    """
    with path.open("w", newline="", encoding="utf-8") as stream:
        table = csv.DictWriter(stream, columns)
        table.writeheader()
        table.writerows(rows)
