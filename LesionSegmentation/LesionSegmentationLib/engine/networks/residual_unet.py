"""A residual encoder U-Net in 3D."""

from __future__ import annotations

import torch
from torch import nn

from .normalisation import normalisation
from .voxel_folding import fold, takes_shuffle, unfold


class ResidualUNet(nn.Module):
    """3D U-Net with an encoder of residual blocks (He et al. 2016; as a U-Net encoder: Isensee et al. 2024).

    Each level begins with a block of stride 2 (the first with stride 1) and has ``blocks`` residual blocks: 3x3x3
    convolution, norm, leaky ReLU, 3x3x3 convolution, norm, plus the input, leaky ReLU. The decoder has one convolution
    with norm and leaky ReLU per level; skips by concatenation.

    ``features``: channels per level. ``blocks``: residual blocks per level, one number or one per level. ``norm``: see
    ``normalisation``. ``up``: ``"transposed"`` convolutions of 2x2x2 or ``"trilinear"`` interpolation and a 1x1x1
    convolution. ``stem``: ``"full"`` or ``"shuffle"`` (see ``voxel_folding``).
    """

    def __init__(
        self,
        in_channels: int,
        features=(32, 64, 128, 256),
        blocks=2,
        norm: str = "instance",
        up: str = "transposed",
        stem: str = "shuffle",
    ):
        super().__init__()
        counts = [blocks] * len(features) if isinstance(blocks, int) else list(blocks)
        if len(counts) != len(features) or min(counts) < 1:
            raise ValueError(f"blocks is {blocks}: one number of at least 1 for each of the {len(features)} levels")
        self.in_channels = in_channels
        self.shuffle = takes_shuffle(stem)
        cube = 8 if self.shuffle else 1
        self.multiple = 2 ** (len(features) - 1) * (2 if self.shuffle else 1)
        self.encoder = nn.ModuleList()
        before = in_channels * cube
        for level, (after, count) in enumerate(zip(features, counts)):
            strides = [1 if level == 0 else 2] + [1] * (count - 1)
            widths = [before] + [after] * (count - 1)
            level_blocks = [_ResidualBlock(width, after, stride, norm) for width, stride in zip(widths, strides)]
            self.encoder.append(nn.Sequential(*level_blocks))
            before = after
        self.grow = nn.ModuleList(_up(b, a, up) for a, b in zip(features[:-1], features[1:]))
        self.decoder = nn.ModuleList(_convolution(2 * a, a, 1, norm, active=True) for a in features[:-1])
        self.head = nn.Conv3d(features[0], cube, 1)

    @property
    def output_bias(self) -> nn.Parameter:
        """What is added to the logits last."""
        return self.head.bias

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        x = fold(image) if self.shuffle else image
        skips = []
        for level in self.encoder:
            x = level(x)
            skips.append(x)
        skips.pop()
        for grow, block in zip(reversed(self.grow), reversed(self.decoder)):
            x = block(torch.cat([skips.pop(), grow(x)], dim=1))
        x = self.head(x)
        return unfold(x) if self.shuffle else x


class _ResidualBlock(nn.Module):
    """Two convolutions and the input itself, averaged and projected where its size or width differs."""

    def __init__(self, before: int, after: int, stride: int, norm: str):
        super().__init__()
        self.path = nn.Sequential(
            _convolution(before, after, stride, norm, active=True), _convolution(after, after, 1, norm, active=False)
        )
        self.shortcut = nn.Sequential()
        if stride > 1:
            self.shortcut.append(nn.AvgPool3d(stride))
        if before != after:
            self.shortcut.append(nn.Conv3d(before, after, 1, bias=norm == "none"))
            self.shortcut.append(normalisation(norm, after))
        self.activation = nn.LeakyReLU(0.01, inplace=True)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.activation(self.path(x) + self.shortcut(x))


def _convolution(before: int, after: int, stride: int, norm: str, active: bool) -> nn.Sequential:
    layers = [
        nn.Conv3d(before, after, 3, stride=stride, padding=1, bias=norm == "none"),
        normalisation(norm, after),
    ]
    return nn.Sequential(*layers, nn.LeakyReLU(0.01, inplace=True)) if active else nn.Sequential(*layers)


def _up(before: int, after: int, kind: str) -> nn.Module:
    if kind == "transposed":
        return nn.ConvTranspose3d(before, after, 2, stride=2)
    if kind == "trilinear":
        # The convolution first: it commutes with the interpolation and costs an eighth there.
        return nn.Sequential(
            nn.Conv3d(before, after, 1), nn.Upsample(scale_factor=2, mode="trilinear", align_corners=False)
        )
    raise ValueError(f"up is '{kind}', not 'transposed' or 'trilinear'")
