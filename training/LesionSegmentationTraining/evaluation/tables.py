"""Figures as files: CSV for spreadsheets, JSON for programs, Markdown for people."""

from __future__ import annotations

import csv
import io
import json
import os
import uuid
from collections.abc import Sequence
from pathlib import Path

from LesionSegmentationLib.engine.errors import InputError

# What a person reads first, with its title and form.
COLUMNS = {
    "dice": ("Dice", "{:.3f}"),
    "expected_dice": ("(expected)", "{:.3f}"),
    "precision": ("PPV", "{:.3f}"),
    "recall": ("sensitivity", "{:.3f}"),
    "f2": ("F2", "{:.3f}"),
    "lesion_tpr": ("LTPR", "{:.3f}"),
    "lesion_fdr": ("LFPR", "{:.3f}"),
    "lesion_f1": ("lesion F1", "{:.3f}"),
    "volume_error": ("VD", "{:.3f}"),
    "assd_mm": ("ASSD mm", "{:.2f}"),
    "hd95_mm": ("HD95 mm", "{:.1f}"),
    "prediction_ml": ("marked ml", "{:.2f}"),
    "reference_ml": ("true ml", "{:.2f}"),
}


def write_text(path: Path, text: str) -> None:
    """Write ``text`` beside ``path`` and rename it. Raises InputError where that fails."""
    partial = path.with_name(f".unfinished-{uuid.uuid4().hex}")
    try:
        partial.write_text(text, encoding="utf-8")
        os.replace(partial, path)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise InputError(f"{path.name} cannot be written ({reason}); check the output folder.") from error
    finally:
        partial.unlink(missing_ok=True)


def write_json(path: Path, value) -> None:
    """Write ``value`` as JSON; None becomes null. Raises ValueError for NaN and infinity, which JSON does not know."""
    write_text(path, json.dumps(value, indent=1, ensure_ascii=False, allow_nan=False) + "\n")


def write_csv(path: Path, rows: Sequence[dict]) -> None:
    """Write ``rows`` with one column for every key, in the order in which they come; None becomes an empty cell."""
    text = io.StringIO()
    names = list(dict.fromkeys(name for row in rows for name in row))
    table = csv.DictWriter(text, names, restval="", lineterminator="\n")
    table.writeheader()
    table.writerows(rows)
    write_text(path, text.getvalue())


def markdown_table(rows: Sequence[dict], first: str) -> str:
    """Return ``rows`` as a Markdown table: the column ``first``, then those of COLUMNS that any row has."""
    shown = [name for name in COLUMNS if any(name in row for row in rows)]
    titles = [first, *(COLUMNS[name][0] for name in shown)]
    lines = ["| " + " | ".join(titles) + " |", "|" + "---|" * len(titles)]
    for row in rows:
        cells = [_cell(row.get(name), COLUMNS[name][1]) for name in shown]
        lines.append("| " + " | ".join([str(row[first]).replace("|", "\\|"), *cells]) + " |")
    return "\n".join(lines)


def summary_rows(summary: dict[str, dict]) -> list[dict]:
    """Return the rows mean, median and, where there is one, 95% interval of a ``summarise`` for a Markdown table."""
    rows = [{"over patients": name, **{k: v[name] for k, v in summary.items()}} for name in ("mean", "median")]
    if any(entry["interval"] for entry in summary.values()):
        for name, end in (("95% from", 0), ("95% to", 1)):
            ends = {key: entry["interval"] and entry["interval"][end] for key, entry in summary.items()}
            rows.append({"over patients": name, **ends})
    return rows


def _cell(value: float | None, form: str) -> str:
    return "-" if value is None else form.format(value)
