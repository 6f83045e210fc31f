"""The normalisation layer that several networks offer by name."""

from __future__ import annotations

import math

from torch import nn

GROUPS = 8


def normalisation(name: str, channels: int) -> nn.Module:
    """Return the layer called ``name`` for tensors of ``channels`` channels; it scales and shifts.

    ``instance``: each image and channel by its own mean and spread over the patch. Needs no batch, but what a voxel
    gets depends on what else lies in the tile. ``group``: the same over up to eight groups of channels. ``batch``: by
    the batch in training and by running means afterwards, so that a trained network sees a voxel alike in every tile;
    wants a batch of several patches. ``none``: nothing.

    Raises ValueError for another name.
    """
    layers = {
        "instance": lambda: nn.InstanceNorm3d(channels, affine=True),
        "group": lambda: nn.GroupNorm(math.gcd(channels, GROUPS), channels),
        "batch": lambda: nn.BatchNorm3d(channels),
        "none": nn.Identity,
    }
    if name not in layers:
        raise ValueError(f"norm is '{name}', not one of {', '.join(layers)}")
    return layers[name]()
