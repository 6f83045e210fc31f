"""What a result needs to be slid again after the scene was saved and opened: kept with its segmentation node.

The probability (and the score of a conditioned head) are volume nodes that the segmentation node refers to; what made
them, and what a person decided on the lesions, are attributes of it. So every study of a scene has its own.
"""

import json

import numpy as np
import slicer.util

from ..engine.conditioned_score import ConditionedScore
from ..engine.decisions import Decisions
from ..engine.errors import InputError
from ..engine.probability_map import ProbabilityMap
from .segmentation import placeBeside
from .volumes import volumeGeometry

ROLE = "LesionSegmentation.Role"  # attribute of the volume nodes
PROBABILITY, SCORE = "LesionSegmentation.Probability", "LesionSegmentation.Score"  # references and values of ROLE
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
    volumes = [(PROBABILITY, f"{name} lesion probability", probabilityMap.array)]
    if score is not None:
        volumes.append((SCORE, f"{name} lesion score", score.array))
    for role, title, array in volumes:
        node = _addVolume(scene, referenceNode, scene.GenerateUniqueName(title), array)
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
            score = ConditionedScore(_arrayOf(scoreNode), *rho)
        return ProbabilityMap(
            _arrayOf(node), volumeGeometry(node), entry["calibration"], entry["floor"], entry["provenance"], score
        )
    except (KeyError, TypeError, json.JSONDecodeError) as error:
        raise InputError(f"What is stored with {name} is damaged; segment the study again.") from error


def storeDecisions(segmentationNode, decisions):
    """Keep engine Decisions with the segmentation node."""
    segmentationNode.SetAttribute(DECISIONS, json.dumps(decisions.to_dict()))
    segmentationNode.StorableModified()  # attributes are saved with the scene: it has to be offered for saving


def storedDecisions(segmentationNode):
    """Return the Decisions kept with the segmentation node, none where none were made. InputError when damaged."""
    text = segmentationNode.GetAttribute(DECISIONS)
    if not text:
        return Decisions()
    try:
        return Decisions.from_dict(json.loads(text))
    except ValueError as error:
        raise InputError(
            f"The decisions on the lesions of {segmentationNode.GetName()} are damaged and cannot be read."
        ) from error


def _addVolume(scene, referenceNode, name, array):
    """Add ``array`` (i, j, k) as a scalar volume that lies where the reference volume lies."""
    node = scene.AddNewNodeByClass("vtkMRMLScalarVolumeNode", name)
    node.CopyOrientation(referenceNode)
    node.SetAndObserveTransformNodeID(referenceNode.GetTransformNodeID())
    slicer.util.updateVolumeFromArray(node, np.ascontiguousarray(array.transpose(2, 1, 0)))
    node.CreateDefaultDisplayNodes()
    placeBeside(scene, node, referenceNode)
    return node


def _arrayOf(node):
    """The voxels of a volume node, float32 (i, j, k)."""
    if node.GetImageData() is None:
        raise InputError(f"{node.GetName()} holds no image any more; segment the study again.")
    return np.ascontiguousarray(slicer.util.arrayFromVolume(node).transpose(2, 1, 0), np.float32)
