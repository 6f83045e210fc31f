"""Changes of brightness, sharpness and noise: MONAI's transforms where they suit, on tensors of any device.

Ours besides those that MONAI lacks (see ``artefacts``): noise and bias field, which MONAI draws with numpy on the CPU
also for a tensor on a GPU, and smoothing, which darkens the rim of a patch there since zeros are taken in.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields

import numpy as np
import torch

from LesionSegmentationLib.engine.errors import InputError

from . import artefacts
from .spatial import Spatial

BRIGHTEST = 5.0

# MONAI's transforms by our name: class, and arguments that suit standardised images (0 air, 1 tissue)
MONAI = {
    "contrast": ("RandAdjustContrast", {"gamma": (0.7, 1.4)}),
    "scale": ("RandScaleIntensity", {"factors": 0.2}),
    "gibbs": ("RandGibbsNoise", {"alpha": (0.0, 0.5)}),
    "histogram_shift": ("RandHistogramShift", {"num_control_points": (4, 8)}),
    "spikes": ("RandKSpaceSpikeNoise", {}),
    "low_resolution": ("RandSimulateLowResolution", {"zoom_range": (0.5, 1.0)}),
}
OWN = {
    "bias_field": artefacts.bias_field,
    "gaussian_noise": artefacts.gaussian_noise,
    "rician_noise": artefacts.rician_noise,
    "smooth": artefacts.smooth,
    "thick_slices": artefacts.thick_slices,
    "motion": artefacts.motion,
    "ghosts": artefacts.ghosts,
}

PRESETS = {
    "none": {"spatial": {"degrees": 0.0, "scale": 1.0, "stretch": 1.0, "mirrored": 0.0}, "steps": []},
    "mri": {
        "spatial": {},
        "steps": [
            {"name": "thick_slices", "probability": 0.3},
            {"name": "smooth", "probability": 0.2},
            {"name": "motion", "probability": 0.05},
            {"name": "ghosts", "probability": 0.05},
            {"name": "bias_field", "probability": 0.3},
            {"name": "contrast", "probability": 0.5},
            {"name": "scale", "probability": 0.7},
            {"name": "gaussian_noise", "probability": 0.3},
            {"name": "rician_noise", "probability": 0.1},
        ],
        "channel_dropout": 0.5,
        "stripped": 0.5,
    },
}


@dataclass(frozen=True)
class Step:
    """One change: the ``name`` of a transform, how often it happens, and its own arguments."""

    name: str
    probability: float
    arguments: dict = field(default_factory=dict)


@dataclass(frozen=True)
class Augmentation:
    """What is drawn for a patch. Called with one image (C, i, j, k) and its seed; answers the changed image.

    ``channel_dropout``: share of patches in which a channel is zero, as for a study that lacks it; drawn for each
    channel but the first, so that every combination is seen.
    ``stripped``: share of patches that show the brain alone, of cases whose brain mask is in the cache.
    Voxels that are exactly zero in the input, beyond a stripped head, stay zero; the result lies in [0, 5].
    """

    spatial: Spatial
    steps: tuple[Step, ...] = ()
    channel_dropout: float = 0.0
    stripped: float = 0.0

    def __call__(self, image: torch.Tensor, seed: int) -> torch.Tensor:
        random = np.random.RandomState(seed % 2**32)
        dropped = [n > 0 and random.rand() < self.channel_dropout for n in range(len(image))]
        return torch.cat(
            [torch.zeros_like(channel) if gone else self._change(channel, random)
             for gone, channel in zip(dropped, image.split(1))]
        )  # fmt: skip

    def _change(self, channel: torch.Tensor, random: np.random.RandomState) -> torch.Tensor:
        drawn = [step for step in self.steps if random.rand() < step.probability]
        empty = channel == 0
        if not drawn or bool(empty.all()):
            return channel
        for step in drawn:
            channel = _apply(step, channel, random).clamp(0, BRIGHTEST)
        return torch.where(empty, torch.zeros_like(channel), channel)


def build_augmentation(spec: dict | None) -> Augmentation:
    """Make what ``spec`` describes: {"preset": "mri"}, or {"spatial": {...}, "steps": [...], "channel_dropout": p,
    "stripped": p}.

    Entries beside ``preset`` replace those of the preset. A step is {"name", "probability", its arguments}. None is the
    preset "none". Raises InputError for an unknown preset, entry, step or argument.
    """
    spec = dict(spec or {"preset": "none"})
    preset = spec.pop("preset", "none")
    if preset not in PRESETS:
        raise InputError(f"The augmentation '{preset}' is unknown; the known ones are {', '.join(sorted(PRESETS))}.")
    spec = {**PRESETS[preset], **spec}
    _check_keys("augmentation", spec, ("spatial", "steps", "channel_dropout", "stripped"))
    _check_keys("spatial augmentation", spec["spatial"], [entry.name for entry in fields(Spatial)])
    shares = {key: float(spec[key]) for key in ("channel_dropout", "stripped") if key in spec}
    return Augmentation(Spatial(**spec["spatial"]), tuple(_step(step) for step in spec["steps"]), **shares)


def _step(spec: dict) -> Step:
    arguments = dict(spec)
    name, probability = arguments.pop("name", None), arguments.pop("probability", 1.0)
    known = sorted([*MONAI, *OWN])
    if name not in known:
        raise InputError(f"The augmentation step '{name}' is unknown; the known ones are {', '.join(known)}.")
    step = Step(name, float(probability), arguments)
    try:
        _apply(step, torch.linspace(0, 1, 512).reshape(1, 8, 8, 8), np.random.RandomState(0))
    except TypeError as error:
        raise InputError(f"The augmentation step '{name}' cannot be made from {arguments}: {error}.") from error
    return step


def _apply(step: Step, channel: torch.Tensor, random: np.random.RandomState) -> torch.Tensor:
    if step.name in OWN:
        return OWN[step.name](channel, random, **step.arguments)
    transform = _monai(step)
    transform.set_random_state(state=random)
    # a plain tensor: MONAI's own kind is slower in all that follows
    return transform(channel).as_subclass(torch.Tensor).to(channel.dtype)


def _monai(step: Step) -> Callable:
    import monai.transforms

    name, usual = MONAI[step.name]
    return getattr(monai.transforms, name)(prob=1.0, **{**usual, **step.arguments})


def _check_keys(what: str, given: dict, known: Sequence[str]) -> None:
    for key in given:
        if key not in known:
            raise InputError(f"The {what} has no entry '{key}'; the known ones are {', '.join(known)}.")
