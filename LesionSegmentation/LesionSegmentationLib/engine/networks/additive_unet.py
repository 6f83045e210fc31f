"""The residual U-Net of Shirokikh et al. 2020, whose skips are added."""

from __future__ import annotations

import torch
from torch import nn


class AdditiveUNet(nn.Module):
    """3D residual U-Net by addition (Shirokikh et al. 2020, arXiv 2007.10033; structure as in the authors' code).

    Pre-activation residual blocks (BN, ReLU, convolution, twice; He et al. 2016b), two per level and path and three at
    the bottom, max-pooling, trilinear up-sampling; a skip passes a 1x1x1 pre-activation convolution and is added. The
    logits leave through a last batch norm.

    ``features``: channels per level; the stem has as many as the first. ``align_corners``: of the up-sampling. True is
    what was published; there the sampling positions depend on the size of the patch. False samples every patch alike.
    """

    def __init__(self, in_channels: int, features=(16, 64, 128, 256), align_corners: bool = False):
        super().__init__()
        if len(features) < 2:
            raise ValueError(f"features is {list(features)}: at least two levels are needed")
        self.in_channels = in_channels
        self.multiple = 2 ** (len(features) - 1)
        self.align_corners = align_corners
        first = features[0]
        self.stem = nn.Sequential(
            nn.Conv3d(in_channels, first, 3, padding=1, bias=False), _convolution(first, first, bias=True)
        )
        befores = [first, *features[:-2]]  # what comes into each level but the lowest, and leaves it again
        self.down = nn.ModuleList(_blocks(before, width, width) for before, width in zip(befores, features))
        self.skip = nn.ModuleList(_convolution(width, width, size=1, bias=True) for width in features[:-1])
        self.up = nn.ModuleList(_blocks(width, width, before) for before, width in zip(befores, features))
        self.bottom = _blocks(features[-2], features[-1], features[-1], features[-2])
        self.head = nn.Sequential(_ResidualBlock(first, first, size=1), _convolution(first, 1, size=1))
        self.last_norm = nn.BatchNorm3d(1)

    @property
    def output_bias(self) -> nn.Parameter:
        """What is added to the logits last."""
        return self.last_norm.bias

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        x, skips = self.stem(image), []
        for down, skip in zip(self.down, self.skip):
            x = down(x)
            skips.append(skip(x))
            x = nn.functional.max_pool3d(x, 2)
        x = self.bottom(x)
        for up in reversed(self.up):
            x = nn.functional.interpolate(x, scale_factor=2, mode="trilinear", align_corners=self.align_corners)
            x = up(x + skips.pop())
        return self.last_norm(self.head(x))


class _ResidualBlock(nn.Module):
    """Two pre-activation convolutions, plus the input (projected where the width changes)."""

    def __init__(self, before: int, after: int, size: int = 3):
        super().__init__()
        self.path = nn.Sequential(_convolution(before, after, size), _convolution(after, after, size))
        self.shortcut = nn.Identity() if before == after else nn.Conv3d(before, after, 1, bias=False)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.path(x) + self.shortcut(x)


def _blocks(*widths: int) -> nn.Sequential:
    return nn.Sequential(*(_ResidualBlock(a, b) for a, b in zip(widths[:-1], widths[1:])))


def _convolution(before: int, after: int, size: int = 3, bias: bool = False) -> nn.Sequential:
    """Pre-activation: batch norm, ReLU, convolution."""
    return nn.Sequential(
        nn.BatchNorm3d(before),
        nn.ReLU(),  # not in place: the block's input is needed again
        nn.Conv3d(before, after, size, padding=size // 2, bias=bias),
    )
