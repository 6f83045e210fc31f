"""Changes of brightness, sharpness and noise on a patch, on top of what synthesis or the scanner did."""

from __future__ import annotations

import numpy as np
import torch
from torch.nn import functional

from LesionSegmentationLib.engine.bridge import to_tensor


def augment(rng: np.random.Generator, image: torch.Tensor) -> torch.Tensor:
    """``image``: float32 (2, p, p, p), flair and t1, standardised. The t1 is dropped half of the time."""
    if rng.random() < 0.5:
        image[1] = 0
    channels = [_channel(rng, channel) if bool(channel.any()) else channel for channel in image]
    return torch.stack(channels)


def _channel(rng: np.random.Generator, channel: torch.Tensor) -> torch.Tensor:
    empty = channel == 0
    if rng.random() < 0.3:
        channel = _thick_slices(rng, channel)
    if rng.random() < 0.2:
        channel = _blur(channel)
    if rng.random() < 0.5:
        channel = channel * _shading(rng, channel.shape)
    if rng.random() < 0.5:
        highest = float(channel.max()) + 1e-6
        channel = (channel.clamp(min=0) / highest) ** float(np.exp(rng.normal(0, 0.2))) * highest
    if rng.random() < 0.7:
        channel = channel * float(np.exp(rng.normal(0, 0.15)))
    if rng.random() < 0.4:
        seed = int(rng.integers(2**31))
        noise = torch.randn(channel.shape, generator=torch.Generator().manual_seed(seed))
        channel = (channel + float(rng.uniform(0, 0.08)) * noise).clamp(min=0)
    # a stripped image stays stripped: its background is exactly zero
    return torch.where(empty, torch.zeros(()), channel).clamp(max=5)


def _thick_slices(rng: np.random.Generator, channel: torch.Tensor) -> torch.Tensor:
    """Slices of 2 to 5 voxels along one axis, through their mean, and linear interpolation back."""
    size = channel.shape[0]
    shape = [size] * 3
    axis = int(rng.choice(3, p=[0.2, 0.2, 0.6]))
    shape[axis] = max(2, int(round(size / rng.uniform(2, 5))))
    small = functional.interpolate(channel[None, None], size=shape, mode="area")
    return functional.interpolate(small, size=[size] * 3, mode="trilinear", align_corners=False)[0, 0]


def _blur(channel: torch.Tensor) -> torch.Tensor:
    return functional.avg_pool3d(channel[None, None], 3, stride=1, padding=1, count_include_pad=False)[0, 0]


def _shading(rng: np.random.Generator, shape: tuple[int, ...]) -> torch.Tensor:
    knots = to_tensor(rng.normal(0, 0.15, (1, 1, 3, 3, 3)).astype(np.float32))
    return torch.exp(functional.interpolate(knots, size=shape, mode="trilinear", align_corners=True)[0, 0])
