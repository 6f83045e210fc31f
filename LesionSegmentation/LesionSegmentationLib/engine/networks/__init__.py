"""Networks by name: what a bundle's ``network`` entry may ask for.

Every network takes ``(batch, channel, i, j, k)`` float tensors whose last three sizes are multiples of
``network.multiple`` and returns logits ``(batch, 1, i, j, k)`` of the lesion class.
"""

from __future__ import annotations

from importlib import import_module

from ..errors import InputError

# Module and class of each network. torch is imported when one is built, so that bundles can be listed without it.
NETWORKS = {"unet": ("unet", "UNet"), "fc_densenet": ("fc_densenet", "FCDenseNet")}


def build_network(specification: dict):
    """Return the untrained network that ``specification`` describes.

    ``specification`` holds ``name`` (a key of ``NETWORKS``) and that network's keyword arguments.
    Raises InputError for an unknown name or an argument that the network does not have.
    """
    arguments = dict(specification)
    name = arguments.pop("name", None)
    if name not in NETWORKS:
        raise InputError(f"The network '{name}' is unknown; the known ones are {', '.join(sorted(NETWORKS))}.")
    module, network = NETWORKS[name]
    try:
        return getattr(import_module(f".{module}", __name__), network)(**arguments)
    except (TypeError, ValueError) as error:
        raise InputError(f"The network '{name}' cannot be built from {arguments}: {error}.") from error
