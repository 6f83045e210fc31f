"""A network class of somebody else's library, made to keep the engine's convention.

Knows no library: who calls :func:`adopt` imports it and hands its module over. So training, and the process that runs
such a bundle, build the same network from the same specification.
"""

from __future__ import annotations

import copy
import difflib
import inspect
from types import ModuleType

import torch
from torch import nn

from ..errors import InputError

MULTIPLES = (1, 2, 4, 8, 16, 32)
# What libraries call these arguments.
_INPUT = ("in_channels", "n_input_channels")
_OUTPUT = ("out_channels", "num_classes")
_SET_HERE = {"spatial_dims": 3, "pretrained": False}


class AdoptedNetwork(nn.Module):
    """``network`` with one tensor (B, 1, i, j, k) of logits as its answer.

    ``in_channels``, ``multiple``: as of every network here. ``bias_of``: name of the layer in ``network`` whose bias is
    added last, None where there is none.
    """

    def __init__(self, network: nn.Module, in_channels: int, multiple: int, bias_of: str | None = None):
        super().__init__()
        self.network = network
        self.in_channels = in_channels
        self.multiple = multiple
        self._bias_of = bias_of

    @property
    def output_bias(self) -> nn.Parameter | None:
        """What is added to the logits last; None where that is not known."""
        return None if self._bias_of is None else self.network.get_submodule(self._bias_of).bias

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        size = tuple(image.shape[2:])
        logits = main_logits(self.network(image), size)
        if logits is None:
            raise ValueError(f"{type(self.network).__name__} gave no logits of the size {size} of the patch")
        return logits


def adopt(specification: dict, library: ModuleType) -> AdoptedNetwork:
    """Return the untrained network that ``specification`` describes.

    ``specification``: ``name`` ("library.ClassName"), ``in_channels``, optionally ``multiple`` (found by trial
    otherwise), and the class's own arguments. The class is told that it works in 3D, with that many channels in and one
    out, and not to fetch trained weights. ``library``: the module that has the class.

    Raises InputError for an unknown class (close names are listed), an argument that the class does not have, and a
    class that does not give one logit per voxel.
    """
    arguments = dict(specification)
    name = arguments.pop("name")
    in_channels = arguments.pop("in_channels", None)
    multiple = arguments.pop("multiple", None)
    for key, value in (("in_channels", in_channels), ("multiple", multiple)):
        if not (key == "multiple" and value is None) and (type(value) is not int or value < 1):
            raise InputError(f"The network '{name}' needs '{key}' as a whole number above 0, not {value}.")
    network_class = _class_called(name, library)
    arguments = _completed(arguments, network_class, name, in_channels)
    try:
        network = network_class(**arguments)
    except Exception as error:
        raise InputError(f"The network '{name}' cannot be built from {arguments}: {_in_one_line(error)}.") from error
    found, bias_of = _tried(network, name, in_channels, multiple, arguments.get("img_size"))
    return AdoptedNetwork(network, in_channels, found, bias_of)


def main_logits(answer, size) -> torch.Tensor | None:
    """Return the tensor (B, 1, *size) in a network's ``answer``, None where there is none.

    Deep supervision is left out: of a stack (B, heads, 1, *size) the first is the network's own answer, of a list (or
    nested lists) the last that has the full size; losses and lower resolutions are passed over.
    """
    if isinstance(answer, dict):
        answer = list(answer.values())
    if isinstance(answer, (list, tuple)):
        found = [main_logits(one, size) for one in answer]
        return next((one for one in reversed(found) if one is not None), None)
    if not isinstance(answer, torch.Tensor):
        return None
    if answer.ndim == len(size) + 3:
        answer = answer[:, 0]
    fits = answer.ndim == len(size) + 2 and answer.shape[1] == 1 and answer.shape[2:] == torch.Size(size)
    return answer if fits else None


def network_classes(library: ModuleType) -> list[str]:
    """Return the names in ``library`` of network classes that take channels in and out."""
    return sorted(name for name, found in vars(library).items() if _is_network(found))


def _is_network(found) -> bool:
    if not (inspect.isclass(found) and issubclass(found, nn.Module)):
        return False
    parameters = inspect.signature(found).parameters
    return any(key in parameters for key in _INPUT) and any(key in parameters for key in _OUTPUT)


def _class_called(name: str, library: ModuleType) -> type[nn.Module]:
    package, _, class_name = name.partition(".")
    found = getattr(library, class_name, None)
    if _is_network(found):
        return found
    known = network_classes(library)
    # A library may have one class under several spellings: the class's own name comes first.
    own = [one for one in known if getattr(library, one).__name__ == one]
    close = difflib.get_close_matches(class_name.lower(), [one.lower() for one in own], n=5, cutoff=0.5)
    names = [f"{package}.{one}" for word in close for one in own if one.lower() == word]
    listed = f"close to it are {', '.join(names)}" if names else f"there are {', '.join(own)}"
    raise InputError(f"The network '{name}' is unknown, or no network from channels to classes; {listed}.")


def _completed(arguments: dict, network_class: type, name: str, in_channels: int) -> dict:
    """Return ``arguments`` with what is fixed here, under the names that the class uses."""
    parameters = inspect.signature(network_class).parameters
    takes_all = any(parameter.kind is parameter.VAR_KEYWORD for parameter in parameters.values())
    unknown = [key for key in arguments if key not in parameters]
    if unknown and not takes_all:
        raise InputError(
            f"The network '{name}' has no '{', '.join(unknown)}'; it takes {', '.join(key for key in parameters)}."
        )
    fixed = {key: value for key, value in _SET_HERE.items() if key in parameters}
    fixed[next(key for key in _INPUT if key in parameters)] = in_channels
    fixed[next(key for key in _OUTPUT if key in parameters)] = 1
    for key, value in fixed.items():
        if arguments.get(key, value) != value:
            raise InputError(f"The network '{name}' is used with {key} = {value} here; leave '{key}' out.")
    return {**arguments, **fixed}


def _tried(network: nn.Module, name: str, in_channels: int, multiple: int | None, image_size) -> tuple[int, str | None]:
    """Return the multiple and the layer whose bias comes last, from runs on nothing but shapes (device "meta")."""
    trial = copy.deepcopy(network).to("meta").eval()
    multiples = [multiple] if multiple else MULTIPLES
    # Once, as the thinnest image may be; three times: were something larger needed, an even number would not show it.
    sizes = [(one, (3 * one, one, one)) for one in multiples]
    if image_size is not None:  # made for one size of patch, the only one there is to try
        edges = (image_size,) * 3 if isinstance(image_size, int) else tuple(image_size)
        sizes = [(max(edges), edges)]
    ran: list[str] = []
    for layer_name, layer in trial.named_modules():
        if isinstance(layer, (nn.Conv3d, nn.ConvTranspose3d)) and layer.bias is not None and layer.out_channels == 1:
            layer.register_forward_hook(lambda *_, called=layer_name: ran.append(called))
    reason = "the size of its answer differs from that of the patch"
    for found, size in sizes:
        ran.clear()
        try:
            with torch.no_grad():
                answer = main_logits(trial(torch.zeros(1, in_channels, *size, device="meta")), size)
        except Exception as error:
            reason = _in_one_line(error)
            continue
        if answer is not None:
            return found, ran[-1] if ran else None
    raise InputError(
        f"The network '{name}' gives no logit for every voxel of a patch, with sizes that are multiples of "
        f"{', '.join(str(one) for one in dict(sizes))} ({reason}); change its settings or state its 'multiple'."
    )


def _in_one_line(error: Exception) -> str:
    words = str(error).strip().split("\n")[0]
    return f"{type(error).__name__}: {words}"[:300].rstrip(".:")
