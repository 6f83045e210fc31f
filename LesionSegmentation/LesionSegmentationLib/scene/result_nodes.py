"""What a result needs to be slid again after the scene was saved and opened: kept with its segmentation node.

The probability (and the score of a conditioned head) are volume nodes that the segmentation node refers to; what made
them, and what a person decided on the lesions, are attributes of it. So every study of a scene has its own.
"""

import json

import numpy as np
import slicer.util
import vtk

from ..engine.conditioned_score import ConditionedScore
from ..engine.decisions import Decisions
from ..engine.errors import InputError
from ..engine.geometry import Geometry
from ..engine.probability_map import ProbabilityMap
from .segmentation import ROLE, placeBeside, referenceGrid
from .volumes import volumeGeometry

PROBABILITY, SCORE = "LesionSegmentation.Probability", "LesionSegmentation.Score"  # references, and values of ROLE
MAP, DECISIONS = "LesionSegmentation.ProbabilityMap", "LesionSegmentation.Decisions"  # attributes, JSON


def storeMap(scene, segmentationNode, referenceNode, probabilityMap):
    """Keep an engine ProbabilityMap with the segmentation node; adds one volume node, two with a score."""
    name, score = referenceNode.GetName(), probabilityMap.score
    entry = {
        "calibration": probabilityMap.calibration,
        "floor": probabilityMap.floor,
        "provenance": probabilityMap.provenance,
        "rho": None if score is None else [score.lowest, score.highest],
    }
    volumes = [(PROBABILITY, f"{name} lesion probability", probabilityMap.array, (0.0, 1.0))]
    if score is not None:
        window = float(score.array.min()), float(score.array.max())
        volumes.append((SCORE, f"{name} lesion score", score.array, window))
    for role, title, array, window in volumes:
        node = _addVolume(scene, referenceNode, scene.GenerateUniqueName(title), array, window)
        node.SetAttribute(ROLE, role)
        segmentationNode.SetNodeReferenceID(role, node.GetID())
    segmentationNode.SetAttribute(MAP, json.dumps(entry, sort_keys=True, allow_nan=False))


def holdsResult(segmentationNode):
    """Whether a segmentation node was made by this module and can tell of what."""
    return segmentationNode.GetAttribute(MAP) is not None


def storedMap(segmentationNode):
    """Return the ProbabilityMap kept with the segmentation node. Raises InputError where it is gone or damaged."""
    name = segmentationNode.GetName()
    node = segmentationNode.GetNodeReference(PROBABILITY)
    if not holdsResult(segmentationNode) or node is None:
        raise InputError(f"The lesion probability of {name} is not in the scene any more; segment the study again.")
    try:
        entry = json.loads(segmentationNode.GetAttribute(MAP))
        score, rho = None, entry["rho"]
        if rho is not None:
            scoreNode = segmentationNode.GetNodeReference(SCORE)
            if scoreNode is None:
                raise InputError(f"The lesion score of {name} is not in the scene any more; segment the study again.")
            score = ConditionedScore(_onGridOf(segmentationNode, scoreNode), *rho)
        array = _onGridOf(segmentationNode, node)
        toWorld = volumeGeometry(node).affine @ np.linalg.inv(_matrixOf(node))
        geometry = Geometry(array.shape, toWorld @ _gridMatrix(segmentationNode))
        return ProbabilityMap(array, geometry, entry["calibration"], entry["floor"], entry["provenance"], score)
    except (KeyError, TypeError, json.JSONDecodeError) as error:
        raise InputError(f"What is stored with {name} is damaged; segment the study again.") from error


def storeDecisions(segmentationNode, decisions):
    """Keep engine Decisions with the segmentation node.

    Peaks are stored as places, RAS in mm before any transform of the volume: Slicer may turn the axes of a volume when
    it reads it, and then voxel indices name other voxels.
    """
    affine = _gridMatrix(segmentationNode)
    entry = decisions.to_dict()
    for known in entry["decisions"] + entry["notes"]:
        known["peak"] = (affine @ [*known["peak"], 1.0])[:3].tolist()
    segmentationNode.SetAttribute(DECISIONS, json.dumps(entry))
    segmentationNode.StorableModified()  # attributes are saved with the scene: it has to be offered for saving


def storedDecisions(segmentationNode):
    """Return the Decisions kept with the segmentation node, none where none were made. InputError when damaged."""
    text = segmentationNode.GetAttribute(DECISIONS)
    if not text:
        return Decisions()
    affine = _gridMatrix(segmentationNode)
    try:
        entry = json.loads(text)
        for known in entry["decisions"] + entry["notes"]:
            known["peak"] = np.rint(np.linalg.solve(affine, [*known["peak"], 1.0]))[:3].tolist()
        return Decisions.from_dict(entry)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"The decisions on the lesions of {segmentationNode.GetName()} are damaged and cannot be read."
        ) from error


def _addVolume(scene, referenceNode, name, array, window):
    """Add ``array`` (i, j, k) as a scalar volume that lies where the reference volume lies.

    ``window``: the values that are drawn black and white.
    """
    node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)
    node.CopyOrientation(referenceNode)
    node.SetAndObserveTransformNodeID(referenceNode.GetTransformNodeID())
    node.CreateDefaultDisplayNodes()  # before there are voxels: Slicer would search all of them for a window
    node.GetDisplayNode().AutoWindowLevelOff()
    node.GetDisplayNode().SetWindowLevelMinMax(*window)
    slicer.util.updateVolumeFromArray(node, array.transpose(2, 1, 0))
    placeBeside(scene, node, referenceNode)
    return node


def _onGridOf(segmentationNode, node):
    """The voxels of a volume node in the order of the segmentation's grid, float32 (i, j, k).

    Slicer turns left-handed volumes when it reads them, and segmentations not.
    """
    if node.GetImageData() is None:
        raise InputError(f"{node.GetName()} holds no image any more; segment the study again.")
    array = slicer.util.arrayFromVolume(node).transpose(2, 1, 0)
    shape = referenceGrid(segmentationNode).GetDimensions()
    there = np.linalg.inv(_matrixOf(node)) @ _gridMatrix(segmentationNode)  # voxel of the grid -> voxel of the volume
    turn = np.rint(there[:3, :3]).astype(int)
    order = tuple(np.abs(turn).argmax(axis=0).tolist())
    array = array.transpose(order) if sorted(order) == [0, 1, 2] else array
    first = np.rint(there[:3, 3])
    ends = np.abs(first - np.where(turn.sum(axis=1) < 0, np.array(node.GetImageData().GetDimensions()) - 1, 0))
    if array.shape != shape or np.abs(there[:3, :3] - turn).max() > 1e-3 or ends.max() > 0:
        raise InputError(
            f"{node.GetName()} has another grid than {segmentationNode.GetName()}; segment the study again."
        )
    flips = tuple(slice(None, None, -1) if turn[axis].sum() < 0 else slice(None) for axis in order)
    return np.ascontiguousarray(array[flips], np.float32)


def _gridMatrix(segmentationNode):
    """Voxel (i, j, k) -> RAS of the grid of a segmentation node, before any transform of the node, (4, 4)."""
    matrix = vtk.vtkMatrix4x4()
    referenceGrid(segmentationNode).GetImageToWorldMatrix(matrix)
    return _arrayOf(matrix)


def _matrixOf(node):
    """Voxel (i, j, k) -> RAS of a volume node, before any transform of the node, (4, 4)."""
    matrix = vtk.vtkMatrix4x4()
    node.GetIJKToRASMatrix(matrix)
    return _arrayOf(matrix)


def _arrayOf(matrix):
    return np.array([[matrix.GetElement(row, column) for column in range(4)] for row in range(4)])
