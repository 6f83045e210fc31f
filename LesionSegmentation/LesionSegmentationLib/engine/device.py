"""Where the network runs."""

from __future__ import annotations

import torch

from .errors import InputError
from .free_memory import free_gpu_memory


def choose_device(name: str = "auto") -> torch.device:
    """Return the device called ``auto`` (the GPU when there is one), ``cpu``, ``cuda`` or ``cuda:N``.

    Raises InputError for a name that is none of these or a GPU that is not there.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    kind, _, index = name.partition(":")
    if kind not in ("cpu", "cuda") or (index and (kind == "cpu" or not index.isdigit())):
        raise InputError(f"The device '{name}' is unknown; use auto, cpu, cuda or cuda:N.")
    if kind == "cuda" and int(index or 0) >= torch.cuda.device_count():
        raise InputError(
            f"The device '{name}' is not there: torch sees {torch.cuda.device_count()} CUDA GPUs. Use cpu."
        )
    return torch.device(name)


def describe_devices() -> list[dict]:
    """Return the devices at hand: ``name`` for :func:`choose_device` and ``text`` for a person."""
    free = free_gpu_memory() if torch.cuda.device_count() else {}
    devices = []
    for index in range(torch.cuda.device_count()):
        # Asking torch for the free memory would open the GPU, which takes some and fails where another program owns it.
        properties = torch.cuda.get_device_properties(index)
        room = free.get(str(getattr(properties, "uuid", "")).removeprefix("GPU-"))
        memory = f"{properties.total_memory / 2**30:.0f} GB" if room is None else f"{room:.0f} GB free"
        devices.append({"name": f"cuda:{index}", "text": f"CUDA, {properties.name}, {memory}"})
    threads = torch.get_num_threads()
    devices.append({"name": "cpu", "text": f"CPU, {threads} thread{'s' if threads > 1 else ''}"})
    return devices
