"""Optimisers by name, and the published settings as data."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping

import torch

from LesionSegmentationLib.engine.errors import InputError

OPTIMISERS = {"adamw": torch.optim.AdamW, "adam": torch.optim.Adam, "sgd": torch.optim.SGD}

# Optimiser and schedule of the published works; their steps are optimiser steps.
PUBLISHED = {
    # Salehi et al. 2017, "Tversky loss function for image segmentation using 3D fully convolutional deep networks"
    "salehi": {
        "optimiser": {"name": "adam", "learning_rate": 1e-4},
        "schedule": {"name": "step", "factor": 0.9, "every": 1000},
    },
    # Hashemi et al. 2019, "Asymmetric loss functions and deep densely-connected networks for highly-imbalanced
    # medical image segmentation"; the rate of the published code
    "hashemi": {
        "optimiser": {"name": "adam", "learning_rate": 1e-3},
        "schedule": {"name": "step", "factor": 0.95, "every": 500},
    },
    # Shirokikh et al. 2020, "Universal loss reweighting to balance lesion size inequality": 100 rounds of 100 batches
    "shirokikh": {
        "optimiser": {"name": "sgd", "learning_rate": 1e-2, "momentum": 0.9, "nesterov": True},
        "schedule": {"name": "step", "factor": 0.1, "at": [8000]},
    },
}


def published(spec: str | Mapping, part: str) -> dict:
    """Return ``spec`` itself, or the ``part`` ("optimiser" or "schedule") of the published work it names.

    Raises InputError for a work that is not known, listing the known ones.
    """
    if isinstance(spec, Mapping):
        return dict(spec)
    if spec not in PUBLISHED:
        raise InputError(f"There is no published {part} '{spec}'; the known ones are {', '.join(sorted(PUBLISHED))}.")
    return dict(PUBLISHED[spec][part])


def build_optimiser(spec: str | Mapping, parameters: Iterable[torch.nn.Parameter]) -> torch.optim.Optimizer:
    """Make the optimiser of ``spec``: {"name": "adamw", "learning_rate": 1e-3, further arguments of that optimiser}.

    A bare name asks for a published setting. Raises InputError for an unknown name, an unknown argument, or a learning
    rate that is missing or not above 0.
    """
    arguments = published(spec, "optimiser")
    name = arguments.pop("name", None)
    if name not in OPTIMISERS:
        raise InputError(f"There is no optimiser '{name}'; the known ones are {', '.join(sorted(OPTIMISERS))}.")
    rate = arguments.pop("learning_rate", None)
    if not isinstance(rate, int | float) or not rate > 0:
        raise InputError(f"The optimiser '{name}' needs a learning_rate above 0, not {rate}.")
    allowed = set(inspect.signature(OPTIMISERS[name]).parameters) - {"params", "lr"}
    for argument in arguments:
        if argument not in allowed:
            raise InputError(
                f"The optimiser '{name}' has no argument '{argument}'; it has learning_rate, "
                f"{', '.join(sorted(allowed))}."
            )
    return OPTIMISERS[name](parameters, lr=float(rate), **arguments)
