"""A reference segmentation of the scene with its volumes, as a case of a case table."""

import csv
import os
import re
import shutil
import uuid
from pathlib import Path

import numpy as np

from ..engine.csv_table import write_table
from ..engine.errors import InputError
from ..engine.training_settings import table_channels
from ..engine.volume import write_volume
from .reference_mask import referenceMask
from .volumes import volumeFromNode, volumeGeometry

SPLITS = ("", "train", "validate", "calibrate", "test")


def addTrainingCase(table, nodes, segmentationNode, patient, split=""):
    """Write a case into the folder of the case table ``table`` (.csv) and a row of it to the table; returns its id.

    ``nodes``: {channel: volume node}; the table's first channel, or the first of ``nodes`` for a new table, is the
    reference, on whose grid the mask is written: all segments of ``segmentationNode`` together (see referenceMask).
    ``patient``: a name of your own, the same for all time points of a patient (nothing of a DICOM header is written).
    ``split``: one of SPLITS.

    Raises InputError, and leaves the table as it was, for what cannot be a case.
    """
    table = Path(table)
    if table.suffix.lower() != ".csv":
        raise InputError("Choose a case table whose name ends in .csv; it is made when it is not there.")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", patient):
        raise InputError("Give the patient a name of letters, digits, dots and hyphens, none that identifies anybody.")
    if split not in SPLITS:
        raise InputError(f"The split '{split}' is unknown; the known ones are {', '.join(SPLITS[1:])}.")
    nodes = {channel: node for channel, node in nodes.items() if node is not None}
    rows = _rowsOf(table) if table.exists() else []
    channels = list(dict.fromkeys([*(table_channels(table) if table.exists() else []), *nodes]))
    if not channels or channels[0] not in nodes:
        needed = channels[0].upper() if channels else "reference"
        raise InputError(f"Choose the {needed} volume of the case; every case of the table needs it.")
    other = {row["split"] for row in rows if row.get("patient") == patient and row.get("split", "") != split}
    if other:
        raise InputError(f"Patient {patient} is in the split '{other.pop()}' already; a patient has one split only.")
    if segmentationNode is None:
        raise InputError("Choose the reference segmentation of the case.")
    referenceNode = nodes[channels[0]]
    mask, _note = referenceMask(segmentationNode, volumeGeometry(referenceNode), referenceNode.GetName())
    taken = {row["id"] for row in rows}
    name = next(name for n in range(1, len(rows) + 2) if (name := f"{patient}-{n}") not in taken)
    _writeCase(table.parent / name, nodes, mask.astype(np.uint8), referenceNode)
    row = {"id": name, "patient": patient, "split": split, "mask": f"{name}/mask.nii.gz"}
    row |= {channel: f"{name}/{channel}.nii.gz" for channel in nodes}
    columns = ["id", "patient", "split", *channels, "mask"]
    columns += [column for column in (rows[0] if rows else ()) if column not in columns]
    _writeTable(table, columns, [*rows, row])
    return name


def _rowsOf(table):
    with table.open(newline="", encoding="utf-8-sig") as stream:
        text = stream.read()
    return list(csv.DictReader(text.splitlines(), delimiter=";" if ";" in text.partition("\n")[0] else ","))


def _writeCase(folder, nodes, mask, referenceNode):
    """Write the files of a case into ``folder``, which appears whole."""
    partial = folder.with_name(f".unfinished-{uuid.uuid4().hex}")
    try:
        partial.mkdir(parents=True)
        for channel, node in nodes.items():
            volume = volumeFromNode(node)
            write_volume(partial / f"{channel}.nii.gz", volume.array.astype(np.float32), volume.geometry)
        write_volume(partial / "mask.nii.gz", mask, volumeGeometry(referenceNode))
        if folder.exists():
            raise InputError(f"The folder '{folder.name}' beside the table is in the way; give another patient name.")
        os.replace(partial, folder)
    except OSError as error:
        raise InputError(f"The folder {folder.parent} cannot be written to ({error.strerror}).") from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _writeTable(table, columns, rows):
    partial = table.with_name(f".unfinished-{uuid.uuid4().hex}.csv")
    try:
        write_table(partial, columns, rows)
        os.replace(partial, table)
    except OSError as error:
        raise InputError(f"The case table {table} cannot be written ({error.strerror}).") from error
    finally:
        partial.unlink(missing_ok=True)
