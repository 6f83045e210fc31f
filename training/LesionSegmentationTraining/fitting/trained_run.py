"""What a checkpoint holds for whoever uses the trained network."""

from __future__ import annotations

import pickle
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from LesionSegmentationLib.engine.errors import InputError

# Under this prefix a checkpoint's ``state_dict`` holds the averaged weights (the plain ones where ema is 0).
PREFIX = "network."


@dataclass(frozen=True)
class TrainedRun:
    """A run up to a checkpoint.

    ``network_spec``: what ``build_training_network`` takes. ``weights``: averaged, by the network's own names.
    ``hyper_parameters``: all arguments of SegmentationModule and CaseDataModule in one dict (network, loss, optimiser,
    schedule, ema, initial_logit, seed, caches, patch, batch, sampler, ...). ``step``: optimiser steps done.
    """

    network_spec: dict
    weights: dict[str, torch.Tensor]
    hyper_parameters: dict[str, Any]
    step: int

    @property
    def loss(self) -> dict:
        """The loss it was trained with."""
        return self.hyper_parameters["loss"]

    @property
    def patch(self) -> tuple[int, int, int]:
        """Voxels per axis of the patches it learnt from."""
        patch = self.hyper_parameters["patch"]
        return (patch,) * 3 if isinstance(patch, int) else tuple(patch)

    @property
    def runtime(self) -> dict:
        """The entry of a bundle's description that says what runs the network: nothing for the project's own."""
        from ..networks import runtime_of

        runtime = runtime_of(self.network_spec)
        return {} if runtime == "engine" else {"runtime": runtime}

    def network(self) -> torch.nn.Module:
        """The network with the averaged weights, ready for inference on the CPU."""
        from ..networks import build_training_network

        network = build_training_network(self.network_spec)
        network.load_state_dict(self.weights)
        return network.eval()


def load_run(checkpoint: str | Path) -> TrainedRun:
    """Read a checkpoint that ``fit`` wrote, executing nothing from it.

    Raises InputError when the file is missing, damaged, or no checkpoint of this package.
    """
    path = Path(checkpoint)
    if not path.is_file():
        raise InputError(f"There is no checkpoint {path}; give the last.ckpt or best.ckpt of a run's folder.")
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        settings = {**state.get("datamodule_hyper_parameters", {}), **state["hyper_parameters"]}
        weights = {
            name.removeprefix(PREFIX): value for name, value in state["state_dict"].items() if name.startswith(PREFIX)
        }
        settings = {name: value for name, value in settings.items() if not name.startswith("_")}
        return TrainedRun(settings["network"], weights, settings, int(state["global_step"]))
    except (pickle.UnpicklingError, RuntimeError, EOFError, KeyError, AttributeError, TypeError) as error:
        raise InputError(f"{path} is damaged or no checkpoint of this package; train again or take another.") from error
