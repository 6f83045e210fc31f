"""Cases as a table that a person can write: CSV or JSON."""

from __future__ import annotations

import csv
import io
import json
import os
import uuid
from pathlib import Path

from LesionSegmentationLib.engine.errors import InputError

from .case_files import CaseFiles, check_files, check_ids
from .splits import check_splits

_RATER = "mask:"
_FIXED = ("id", "patient", "split", "mask", "mask_values", "lesion_values")
_ROW = {"id", "patient", "split", "channels", "mask", "mask_values", "lesion_values", "other_masks"}


def read_case_table(path: str | Path) -> list[CaseFiles]:
    """Read a .csv or .json case table; its paths are relative to the table's own folder, or absolute.

    CSV (commas or semicolons), columns: ``id``, ``mask``, one for every channel in the order of the channels (an empty
    cell: the case lacks it), and where wanted ``patient`` (default: the id), ``split``, ``mask_values`` and
    ``lesion_values`` (such as "0 1 2", by default "0 1" and "1") and ``mask:NAME`` for a further rater. JSON: a list of
    objects with the fields of CaseFiles.

    Raises InputError for a missing column, an id that occurs twice, files that do not exist (all of them at once), an
    unknown split, a patient in two splits, and a mask without declared values.
    """
    path = Path(path)
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(
            f"The case table {path} cannot be read ({error}); check the path and that it is text."
        ) from error
    rows = _json_rows(text, path.name) if _format(path) == "json" else _csv_rows(text, path.name)
    return cases_from_rows(rows, path.parent, path.name)


def cases_from_rows(rows: list[dict], folder: str | Path, source: str) -> list[CaseFiles]:
    """Turn ``rows``, each with the fields of CaseFiles (paths below ``folder``), into checked cases.

    ``source`` names the rows' origin in errors. Raises InputError as :func:`read_case_table` does.
    """
    cases = [_case(row, Path(folder), source, number) for number, row in enumerate(rows, 1)]
    if not cases:
        raise InputError(f"{source} holds no case; write one row for every case.")
    check_ids(cases, source)
    check_splits(cases)
    check_files(cases, source)
    return cases


def write_case_table(path: str | Path, cases: list[CaseFiles]) -> None:
    """Write ``cases`` as .csv or .json, paths relative to the table's folder; the file appears whole."""
    path = Path(path)
    text = _as_json(cases, path.parent) if _format(path) == "json" else _as_csv(cases, path.parent)
    partial = path.with_name(f".unfinished-{uuid.uuid4().hex}{path.suffix}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        partial.write_text(text, encoding="utf-8")
        os.replace(partial, path)
    except OSError as error:
        raise InputError(f"The case table {path} cannot be written ({error}); check the folder.") from error
    finally:
        partial.unlink(missing_ok=True)


def _format(path: Path) -> str:
    suffix = path.suffix.lower().lstrip(".")
    if suffix not in ("csv", "json"):
        raise InputError(f"{path.name} is no case table; its name must end in .csv or .json.")
    return suffix


def _json_rows(text: str, name: str) -> list[dict]:
    try:
        rows = json.loads(text)
    except ValueError as error:
        raise InputError(f"{name} is not valid JSON ({error}); correct it.") from error
    if not isinstance(rows, list):
        raise InputError(f"{name} must be a list of cases, each an object with id, channels and mask.")
    return rows


def _csv_rows(text: str, name: str) -> list[dict]:
    first = text.partition("\n")[0]
    delimiter = ";" if first.count(";") > first.count(",") else ","  # spreadsheets write one or the other
    table = csv.DictReader(io.StringIO(text), delimiter=delimiter, skipinitialspace=True)
    columns = [column.strip() for column in table.fieldnames or []]
    table.fieldnames = columns
    missing = [column for column in ("id", "mask") if column not in columns]
    if missing:
        raise InputError(f"{name} has no column {' and no column '.join(missing)}; add it to the first line.")
    if len(set(columns)) < len(columns):
        raise InputError(f"{name} has a column twice ({', '.join(columns)}); give every column one name.")
    channels = [column for column in columns if column not in _FIXED and not column.startswith(_RATER)]
    if not channels:
        raise InputError(f"{name} has no column of a channel; add one for every image, such as flair.")
    rows = []
    for number, cells in enumerate(table, 1):
        if None in cells or None in cells.values():
            raise InputError(f"Row {number} of {name} has not as many cells as the first line; correct it.")
        cells = {column: cell.strip() for column, cell in cells.items()}
        row = {key: cells[key] for key in ("id", "patient", "split", "mask") if cells.get(key)}
        for key in ("mask_values", "lesion_values"):
            if key in cells:
                row[key] = cells[key].split()
        row["channels"] = {channel: cells[channel] for channel in channels if cells[channel]}
        raters = [column for column in columns if column.startswith(_RATER) and cells[column]]
        row["other_masks"] = {column.removeprefix(_RATER): cells[column] for column in raters}
        rows.append(row)
    return rows


def _case(row: dict, folder: Path, source: str, number: int) -> CaseFiles:
    if not isinstance(row, dict):
        raise InputError(f"Row {number} of {source} is not an object with id, channels and mask.")
    unknown = sorted(row.keys() - _ROW)
    if unknown:
        raise InputError(
            f"Row {number} of {source} has the unknown entry {', '.join(unknown)}; known are {', '.join(sorted(_ROW))}."
        )
    for key, kind in {"id": str, "mask": str, "channels": dict}.items():
        if not row.get(key):
            raise InputError(f"Row {number} of {source} has no {key}; add it.")
        if not isinstance(row[key], kind):
            raise InputError(f"The {key} in row {number} of {source} must be {'text' if kind is str else 'an object'}.")
    try:
        if "lesion_values" in row and "mask_values" not in row:
            row = {**row, "mask_values": ()}
        return CaseFiles(
            id=row["id"],
            patient=str(row.get("patient") or row["id"]),
            channels={channel: folder / file for channel, file in row["channels"].items()},
            mask=folder / row["mask"],
            split=row.get("split") or None,
            mask_values=_whole(row.get("mask_values", (0, 1))),
            lesion_values=_whole(row.get("lesion_values", (1,))),
            other_masks={rater: folder / file for rater, file in (row.get("other_masks") or {}).items()},
        )
    except InputError as error:
        raise InputError(f"Row {number} of {source}: {error}") from error
    except (TypeError, ValueError, AttributeError) as error:
        raise InputError(
            f"Row {number} of {source} cannot be understood ({error}); values of a mask are whole numbers (0 1 2), "
            "files are paths."
        ) from error


def _whole(values: list) -> tuple[int, ...]:
    numbers = tuple(int(value) for value in values)
    if any(float(value) != number for value, number in zip(values, numbers)):
        raise ValueError(f"{values} are no whole numbers")
    return numbers


def _as_json(cases: list[CaseFiles], folder: Path) -> str:
    rows = []
    for case in cases:
        row = {"id": case.id, "patient": case.patient, "split": case.split}
        row["channels"] = {channel: _relative(file, folder) for channel, file in case.channels.items()}
        row["mask"] = _relative(case.mask, folder)
        row["mask_values"], row["lesion_values"] = list(case.mask_values), list(case.lesion_values)
        row["other_masks"] = {rater: _relative(file, folder) for rater, file in case.other_masks.items()}
        rows.append(row)
    return json.dumps(rows, indent=1, ensure_ascii=False) + "\n"


def _as_csv(cases: list[CaseFiles], folder: Path) -> str:
    channels = _in_order([list(case.channels) for case in cases])
    raters = _in_order([list(case.other_masks) for case in cases])
    columns = [
        "id",
        "patient",
        "split",
        *channels,
        "mask",
        "mask_values",
        "lesion_values",
        *(_RATER + r for r in raters),
    ]
    text = io.StringIO()
    table = csv.DictWriter(text, columns, restval="", lineterminator="\n")
    table.writeheader()
    for case in cases:
        row = {"id": case.id, "patient": case.patient, "split": case.split or ""}
        row |= {channel: _relative(file, folder) for channel, file in case.channels.items()}
        row |= {"mask": _relative(case.mask, folder)}
        row |= {"mask_values": " ".join(map(str, case.mask_values))}
        row |= {"lesion_values": " ".join(map(str, case.lesion_values))}
        row |= {_RATER + rater: _relative(file, folder) for rater, file in case.other_masks.items()}
        table.writerow(row)
    return text.getvalue()


def _in_order(lists: list[list[str]]) -> list[str]:
    """One order that agrees with each of ``lists``. Raises InputError where there is none: a CSV table has only one."""
    order: list[str] = []
    rest = [names for names in lists if names]
    while rest:
        first = next((n[0] for n in rest if all(n[0] not in other[1:] for other in rest)), None)
        if first is None:
            raise InputError(
                "The cases have their channels in different orders; write a .json table, which keeps them."
            )
        order.append(first)
        rest = [names for names in (n[1:] if n[0] == first else n for n in rest) if names]
    return order


def _relative(file: Path, folder: Path) -> str:
    try:
        return Path(os.path.relpath(file, folder)).as_posix()
    except ValueError:  # another drive of Windows: no relative path leads there
        return Path(os.path.abspath(file)).as_posix()
