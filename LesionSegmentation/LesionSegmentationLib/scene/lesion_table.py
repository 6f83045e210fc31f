"""The lesion list as a table node."""

import math

import vtk

from ..engine.lesion_csv import COLUMNS, lesion_rows
from .segmentation import placeBeside

_TEXTS = ("decision", "note")
_WHOLE_NUMBERS = ("lesion", "peak_i", "peak_j", "peak_k", "voxels")
_UNITS = {"ml": "mL", "mm": "mm"}  # by the last word of the column's name; UCUM symbols


def createLesionTable(scene, referenceNode, name):
    """Add an empty lesion table beside ``referenceNode``; typed columns as in ``lesions.csv``, decision and note."""
    node = scene.AddNewNodeByClass("vtkMRMLTableNode", name)
    node.SetUseColumnTitleAsColumnHeader(True)
    node.SetLocked(True)
    for column in COLUMNS:
        array = vtk.vtkIntArray() if column in _WHOLE_NUMBERS else vtk.vtkDoubleArray()
        array.SetName(column)
        node.AddColumn(array)
        node.SetColumnTitle(column, column.replace("_", " "))
        node.SetColumnUnitLabel(column, _UNITS.get(column.rpartition("_")[2], ""))
    for column in _TEXTS:
        array = vtk.vtkStringArray()
        array.SetName(column)
        node.AddColumn(array)
    placeBeside(scene, node, referenceNode)
    return node


def updateLesionTable(tableNode, lesions):
    """Write the shown of engine Lesions into the table, one row a lesion, largest first. NaN for a missing figure."""
    rows = lesion_rows(lesions)
    texts = [(lesions.states[row["lesion"]], lesions.notes.get(row["lesion"], "")) for row in rows]
    table = tableNode.GetTable()
    wasModifying = tableNode.StartModify()
    for column in COLUMNS:
        array = table.GetColumnByName(column)
        array.SetNumberOfTuples(len(rows))
        for number, row in enumerate(rows):
            array.SetTuple1(number, math.nan if row[column] is None else row[column])
    for column, values in zip(_TEXTS, zip(*texts) if texts else ((), ())):
        array = table.GetColumnByName(column)
        array.SetNumberOfValues(len(rows))
        for number, value in enumerate(values):
            array.SetValue(number, value)
    table.Modified()
    tableNode.Modified()
    tableNode.EndModify(wasModifying)


def addLesionTable(scene, result):
    """Add a table of the lesions that a LesionResult shows now, beside its volume; returns the table node."""
    node = createLesionTable(scene, result.segmentationNode, scene.GenerateUniqueName("Lesion table"))
    updateLesionTable(node, result.lesions)
    return node
