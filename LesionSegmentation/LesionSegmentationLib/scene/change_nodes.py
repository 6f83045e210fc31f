"""The segmentation and the table that show what changed."""

import math

import slicer
import vtk

from ..engine.change_table import COLUMNS, change_rows
from ..engine.lesion_changes import CLASSES
from .change_classes import COLOURS
from .follow_up_run import CHANGES_ATTRIBUTE
from .segmentation import FILL_OPACITY, LABELMAP, OUTLINE_OPACITY, referenceGrid
from .terminology import LESION

_TEXTS = ("change", "grouping")
_WHOLE_NUMBERS = ("number", "earlier_lesions", "later_lesions")
_UNITS = {"ml": "mL", "mm": "mm", "percent": "%"}  # by the last word of the column's name; UCUM symbols


def createChangeSegmentation(scene, volumeNode, name):
    """Add a segmentation on the grid of ``volumeNode`` with an empty segment a class, whose ID is the class; hidden.

    The segments share one labelmap, with the values 1 to 5 in the order of CLASSES, as no voxel is in two of them.
    """
    node = scene.AddNewNodeByClass("vtkMRMLSegmentationNode", name)
    node.SetAttribute(CHANGES_ATTRIBUTE, "1")
    node.SetReferenceImageGeometryParameterFromVolumeNode(volumeNode)
    labelmap = slicer.vtkOrientedImageData()
    labelmap.DeepCopy(referenceGrid(node))
    labelmap.AllocateScalars(vtk.VTK_UNSIGNED_CHAR, 1)
    labelmap.GetPointData().GetScalars().Fill(0)
    for value, change in enumerate(CLASSES, start=1):
        segment = slicer.vtkSegment()
        segment.SetName(change.capitalize())
        segment.SetColor(*COLOURS[change])
        segment.SetTag(segment.GetTerminologyEntryTagName(), LESION)
        segment.AddRepresentation(LABELMAP, labelmap)
        segment.SetLabelValue(value)
        node.GetSegmentation().AddSegment(segment, change)
    node.CreateDefaultDisplayNodes()
    display = node.GetDisplayNode()
    display.SetOpacity2DFill(FILL_OPACITY)
    display.SetOpacity2DOutline(OUTLINE_OPACITY)
    node.SetDisplayVisibility(False)
    return node


def labelmapOf(segmentationNode):
    """Return the labelmap that the segments share, or None where somebody took the first segment away."""
    segment = segmentationNode.GetSegmentation().GetSegment(CLASSES[0])
    return None if segment is None else segment.GetRepresentation(LABELMAP)


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
