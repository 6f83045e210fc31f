"""Runs a bundle whose network is a class of MONAI: ``python -m LesionSegmentationLib.adapters.monai_runtime``.

Needs torch, numpy, safetensors and MONAI. ``engine.foreign_network`` starts it and speaks with it.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch

from ..engine.errors import InputError
from ..engine.networks.adopted import AdoptedNetwork, adopt
from ..engine.networks.weights import load_weights
from .network_server import serve


def load(model: str, network: dict, weights: str) -> tuple[AdoptedNetwork, dict[str, str]]:
    """Return the trained network of the bundle called ``model`` and the versions of MONAI and torch.

    ``network``: its specification, named "monai.ClassName". ``weights``: its safetensors file. Raises InputError when
    MONAI is not there or the bundle does not fit.
    """
    try:
        import monai
        from monai.networks import nets
    except ImportError as error:
        raise InputError(
            f"The model '{model}' needs MONAI, which is not installed in {sys.executable}; "
            f"run: {sys.executable} -m pip install monai."
        ) from error
    built = load_weights(adopt(network, nets), Path(weights), model)
    return built, {"monai": monai.__version__, "torch": torch.__version__}


if __name__ == "__main__":
    serve(load)
