"""Networks by name: what a bundle's ``network`` entry may ask for.

Every network takes ``(batch, channel, i, j, k)`` float tensors whose last three sizes are multiples of
``network.multiple`` and returns logits ``(batch, 1, i, j, k)`` of the lesion class. Where ``network.outputs`` is 3 it
returns the three maps of a conditioned head instead (see ``conditioned_score``). ``network.in_channels`` is the number
of channels it takes; ``network.output_bias`` is the parameter that is added last, by which training may start from the
rarity of lesions.
"""

from __future__ import annotations

from importlib import import_module

from ..errors import InputError
from .presets import PRESETS

# Module and class of each network. torch is imported when one is built, so that bundles can be listed without it.
NETWORKS = {
    "unet": ("unet", "UNet"),
    "residual_unet": ("residual_unet", "ResidualUNet"),
    "salehi_unet": ("salehi_unet", "SalehiUNet"),
    "additive_unet": ("additive_unet", "AdditiveUNet"),
    "fc_densenet": ("fc_densenet", "FCDenseNet"),
}


def known_networks() -> list[str]:
    """Return the names that :func:`build_network` takes: networks and presets, in alphabetical order."""
    return sorted([*NETWORKS, *PRESETS])


def resolve_network(specification: dict) -> dict:
    """Return ``specification`` with a preset's name replaced by its network and settings, those given on top.

    Raises InputError for an unknown name.
    """
    name = specification.get("name")
    if name not in known_networks():
        raise InputError(f"The network '{name}' is unknown; the known ones are {', '.join(known_networks())}.")
    if name not in PRESETS:
        return dict(specification)
    return {**PRESETS[name], **{key: value for key, value in specification.items() if key != "name"}}


def build_network(specification: dict):
    """Return the untrained network that ``specification`` describes.

    ``specification`` holds ``name`` (one of :func:`known_networks`) and that network's keyword arguments; for a preset
    (see ``presets``) those given replace its own. Raises InputError for an unknown name or an argument that the network
    does not have.
    """
    arguments = resolve_network(specification)
    name = arguments.pop("name")
    module, network = NETWORKS[name]
    try:
        return getattr(import_module(f".{module}", __name__), network)(**arguments)
    except (TypeError, ValueError) as error:
        raise InputError(f"The network '{name}' cannot be built from {arguments}: {error}.") from error
