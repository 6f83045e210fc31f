"""The lesion list as a table node."""

import math

import vtk

from ..engine.lesion_csv import COLUMNS, lesion_rows
from .segmentation import placeBeside

_WHOLE_NUMBERS = ("lesion", "peak_i", "peak_j", "peak_k", "voxels")
_UNITS = {"ml": "mL", "mm": "mm"}  # by the last word of the column's name; UCUM symbols


def createLesionTable(scene, referenceNode, name):
    """Add an empty lesion table beside ``referenceNode``; typed columns as in ``lesions.csv``."""
    node = scene.AddNewNodeByClass("vtkMRMLTableNode", name)
    node.SetUseColumnTitleAsColumnHeader(True)
    node.SetLocked(True)
    for column in COLUMNS:
        array = vtk.vtkIntArray() if column in _WHOLE_NUMBERS else vtk.vtkDoubleArray()
        array.SetName(column)
        node.AddColumn(array)
        node.SetColumnTitle(column, column.replace("_", " "))
        node.SetColumnUnitLabel(column, _UNITS.get(column.rpartition("_")[2], ""))
    placeBeside(scene, node, referenceNode)
    return node


def updateLesionTable(tableNode, lesions):
    """Write engine Lesions into the table, one row a lesion, largest first. Where a figure has no value: NaN."""
    rows = lesion_rows(lesions)
    table = tableNode.GetTable()
    wasModifying = tableNode.StartModify()
    for column in COLUMNS:
        array = table.GetColumnByName(column)
        array.SetNumberOfTuples(len(rows))
        for number, row in enumerate(rows):
            array.SetTuple1(number, math.nan if row[column] is None else row[column])
    table.Modified()
    tableNode.Modified()
    tableNode.EndModify(wasModifying)
