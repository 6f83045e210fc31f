"""A real bundle that needs no training: what is clearly brighter than its surroundings gets a high probability.

Its network is the engine's own U-Net with one level whose weights are written down: instance norm turns intensities
into standard scores, and the head answers 4 (score - 2.5).
"""

from pathlib import Path

import torch

from LesionSegmentationLib.engine.bundle import Bundle, write_bundle
from LesionSegmentationLib.engine.networks import build_network

NETWORK = {"name": "unet", "in_channels": 2, "features": [1], "convolutions": 1, "stem": "full"}


def bright_description(**changes) -> dict:
    """Return the bundle's description, with entries replaced by ``changes``."""
    return {
        "name": "bright",
        "version": "1.0.0",
        "title": "Bright spots (for tests)",
        "task": "Bright spots in any image",
        "licence": "Apache-2.0",
        "channels": [{"name": "flair", "required": True}, {"name": "t1", "required": False}],
        "network": NETWORK,
        "plan": {"spacing_mm": [1, 1, 1], "spacing_tolerance": 0.15, "tile": None},
        "calibration": {"scale": 1.0, "bias": 0.0, "error": 0.05, "fitted_on": "nothing: written down for tests"},
        "floor": [[0.25, 0.3], [4.0, 0.05]],
        "training": {"loss": "none", "alpha": None, "beta": None, "data": "none"},
        **changes,
    }


def write_bright_model(folder: Path, **changes) -> Bundle:
    """Write the bundle into ``folder`` (not there yet) and return it."""
    network = build_network(NETWORK)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
        network.encoder[0][0].weight[0, 0, 1, 1, 1] = 1.0
        network.encoder[0][1].weight.fill_(1.0)
        network.head.weight.fill_(4.0)
        network.head.bias.fill_(-10.0)
    description = bright_description(**{"name": folder.name, **changes})
    return write_bundle(folder, description, network.state_dict(), "# Bright spots, for tests\n")


def write_conditioned_model(folder: Path, **changes) -> Bundle:
    """Write a bundle with a conditioned head into ``folder`` (not there yet) and return it.

    With u and v the standard scores of a voxel and of its neighbour along the first axis: a = 3 u - 6, s = softplus(v),
    posterior logit 4 u - 9.
    """
    specification = {**NETWORK, "features": [2], "outputs": 3}
    network = build_network(specification)
    with torch.no_grad():
        for parameter in network.parameters():
            parameter.zero_()
        network.encoder[0][0].weight[0, 0, 1, 1, 1] = 1.0
        network.encoder[0][0].weight[1, 0, 0, 1, 1] = 1.0
        network.encoder[0][1].weight.fill_(1.0)
        head = network.head.weight[:, :, 0, 0, 0]
        head[0, 0], head[1, 1], head[2, 0] = 3.0, 1.0, 4.0
        network.head.bias.copy_(torch.tensor([-6.0, 0.0, -9.0]))
    score = {"kind": "conditioned", "rho": [0.1, 10.0]}
    conditioned = {"name": folder.name, "network": specification, "floor": [], "score": score}
    description = bright_description(**{**conditioned, **changes})
    return write_bundle(folder, description, network.state_dict(), "# Bright spots at a setting, for tests\n")
