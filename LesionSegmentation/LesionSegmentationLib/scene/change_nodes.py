"""The segmentation and the table that show what changed."""

import math

import vtk

from ..engine.change_table import COLUMNS, change_rows
from ..engine.lesion_changes import CLASSES
from .change_classes import COLOURS
from .class_segments import addClassSegments, sharedLabelmap
from .follow_up_run import CHANGES_ATTRIBUTE
from .segmentation import FILL_OPACITY, OUTLINE_OPACITY, referenceGrid
from .terminology import LESION

_TEXTS = ("change", "grouping")
_WHOLE_NUMBERS = ("number", "earlier_lesions", "later_lesions")
_UNITS = {"ml": "mL", "mm": "mm", "percent": "%"}  # by the last word of the column's name; UCUM symbols


def createChangeSegmentation(scene, volumeNode, name):
    """Add a segmentation on the grid of ``volumeNode`` with an empty segment a class, whose ID is the class; hidden.

    Their values in the labelmap that they share are 1 to 5, in the order of CLASSES.
    """
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", name)
    node.SetAttribute(CHANGES_ATTRIBUTE, "1")
    node.SetReferenceImageGeometryParameterFromVolumeNode(volumeNode)
    addClassSegments(node, referenceGrid(node), {name: (name.capitalize(), COLOURS[name]) for name in CLASSES})
    for name in CLASSES:
        segment = node.GetSegmentation().GetSegment(name)
        segment.SetTag(segment.GetTerminologyEntryTagName(), LESION)
    node.CreateDefaultDisplayNodes()
    display = node.GetDisplayNode()
    display.SetOpacity2DFill(FILL_OPACITY)
    display.SetOpacity2DOutline(OUTLINE_OPACITY)
    node.SetDisplayVisibility(False)
    return node


def labelmapOf(segmentationNode):
    """Return the labelmap that the segments share, or None where somebody took one away or gave it another."""
    return sharedLabelmap(segmentationNode, CLASSES)


def createChangeTable(scene, name):
    """Add an empty table of changes; typed columns as in ``changes.csv``."""
    node = scene.AddNewNodeByClass("vtkMRMLTableNode", name)
    node.SetUseColumnTitleAsColumnHeader(True)
    node.SetLocked(True)
    for column in COLUMNS:
        if column in _TEXTS:
            array = vtk.vtkStringArray()
        else:
            array = vtk.vtkIntArray() if column in _WHOLE_NUMBERS else vtk.vtkDoubleArray()
        array.SetName(column)
        node.AddColumn(array)
        node.SetColumnTitle(column, column.replace("_", " "))
        node.SetColumnUnitLabel(column, _UNITS.get(column.rpartition("_")[2], ""))
    return node


def updateChangeTable(tableNode, followUp):
    """Write an engine FollowUp into the table, one row a change. Where a figure has no value: NaN."""
    rows = change_rows(followUp)
    table = tableNode.GetTable()
    wasModifying = tableNode.StartModify()
    for column in COLUMNS:
        array = table.GetColumnByName(column)
        array.SetNumberOfValues(len(rows))
        for number, row in enumerate(rows):
            value = row[column]
            array.SetValue(number, math.nan if value is None else value)
    table.Modified()
    tableNode.Modified()
    tableNode.EndModify(wasModifying)
