"""Networks for training, by name: the engine's own, and any of MONAI's."""

from __future__ import annotations

from torch import nn

from LesionSegmentationLib.engine.errors import InputError
from LesionSegmentationLib.engine.networks import build_network, known_networks

MONAI = "monai."


def build_training_network(specification: dict) -> nn.Module:
    """Return the untrained network that ``specification`` describes: image (B, C, i, j, k) to logits (B, 1, i, j, k).

    ``{"name": "fc_densenet_hashemi", "in_channels": 2}``: a network or preset of the engine, see ``engine.networks``.
    ``{"name": "monai.SegResNet", "in_channels": 2, "init_filters": 16}``: a class of ``monai.networks.nets`` with its
    own arguments; dimensions and the one output channel are set here. What the sizes of a patch have to be a multiple
    of is found by trial unless ``multiple`` states it. Its bundle needs ``"runtime": "monai"``.

    The network has ``in_channels``, ``multiple`` and ``output_bias`` (the parameter added last, or None). Raises
    InputError for an unknown name (close ones are listed) and for arguments that the network does not have.
    """
    name = specification.get("name")
    if isinstance(name, str) and name.startswith(MONAI):
        return _monai_network(specification)
    if name not in known_networks():
        raise InputError(
            f"The network '{name}' is unknown; the known ones are {', '.join(known_networks())}, "
            "and monai.ClassName for a class of monai.networks.nets."
        )
    return build_network(specification)


def runtime_of(specification: dict) -> str:
    """Return the ``runtime`` that a bundle of this network states: "engine" or "monai"."""
    return "monai" if specification["name"].startswith(MONAI) else "engine"


def _monai_network(specification: dict) -> nn.Module:
    from LesionSegmentationLib.engine.networks.adopted import adopt

    try:
        from monai.networks import nets
    except ImportError as error:
        raise InputError(
            f"The network '{specification['name']}' needs MONAI, which is not installed; pip install monai."
        ) from error
    return adopt(specification, nets)
