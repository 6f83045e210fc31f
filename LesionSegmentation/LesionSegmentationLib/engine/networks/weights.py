"""Putting the weights of a file into a network."""

from __future__ import annotations

from pathlib import Path

from ..errors import InputError


def load_weights(network, file: Path, model: str):
    """Load the safetensors ``file`` into ``network`` and return it in evaluation mode, float32, on the CPU.

    ``model``: its name for a person. Raises InputError when the weights are those of another network.
    """
    from safetensors.torch import load_file

    weights = load_file(str(file))
    try:
        network.load_state_dict(
            {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in weights.items()}
        )
    except RuntimeError as error:
        raise InputError(
            f"The weights of bundle '{model}' do not fit its network; the bundle is damaged, install it again."
        ) from error
    return network.float().eval()
