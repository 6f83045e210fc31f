"""A study chosen by one of its volumes, as from the right-click menu."""

import slicer

from ..scene.study_choice import textsBeside
from .channel_guess import channelOf, guessChannel

CHANNELS = ("flair", "t1", "t2")  # those the panel always has; others only where the volume's own name tells one


def chooseStudyOf(volumeNode, parameters):
    """Choose ``volumeNode`` and the volumes beside it in ``parameters``, the vtkMRMLScriptedModuleNode of the module.

    It becomes the channel that its name tells, FLAIR where it tells none; of the others those whose names tell theirs.
    What was chosen before goes, as it may be of another patient. Returns {channel: node}.
    """
    texts = textsBeside(volumeNode)
    chosen = {channelOf(texts.pop(volumeNode.GetID())): volumeNode}
    for channel in CHANNELS:
        chosen.setdefault(channel, slicer.mrmlScene.GetNodeByID(guessChannel(channel, texts) or ""))
    wasModifying = parameters.StartModify()
    for channel, node in chosen.items():
        parameters.SetNodeReferenceID(f"{channel}Volume", None if node is None else node.GetID())
    parameters.EndModify(wasModifying)
    return {channel: node for channel, node in chosen.items() if node is not None}
