"""A 3D U-Net that is fast on a CPU."""

from __future__ import annotations

import torch
from torch import nn


class UNet(nn.Module):
    """3D U-Net: convolution blocks with instance norm, max-pooling, nearest up-sampling, skips by concatenation.

    ``features``: channels per level. ``convolutions``: 3x3x3 convolutions per block. ``stem``: ``"full"`` runs the
    first level on the voxel grid; ``"shuffle"`` first folds each 2x2x2 cube of voxels into channels and unfolds the
    answer at the end, so that nothing is averaged away while the costly first level works on an eighth of the
    positions (Shi et al. 2016, sub-pixel convolution).
    """

    def __init__(self, in_channels: int, features=(24, 48, 96, 128), convolutions: int = 2, stem: str = "shuffle"):
        super().__init__()
        if stem not in ("full", "shuffle"):
            raise ValueError(f"stem is '{stem}', not 'full' or 'shuffle'")
        self.in_channels = in_channels
        self.shuffle = stem == "shuffle"
        fold = 8 if self.shuffle else 1
        self.multiple = 2 ** (len(features) - 1) * (2 if self.shuffle else 1)
        widths = [in_channels * fold, *features]
        self.encoder = nn.ModuleList(_block(a, b, convolutions) for a, b in zip(widths[:-1], widths[1:]))
        self.decoder = nn.ModuleList(_block(a + b, a, convolutions) for a, b in zip(features[:-1], features[1:]))
        self.head = nn.Conv3d(features[0], fold, 1)

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        x = _fold(image) if self.shuffle else image
        skips = []
        for level, block in enumerate(self.encoder):
            x = block(x if level == 0 else nn.functional.max_pool3d(x, 2))
            skips.append(x)
        skips.pop()
        for block in reversed(self.decoder):
            x = nn.functional.interpolate(x, scale_factor=2, mode="nearest")
            x = block(torch.cat([skips.pop(), x], dim=1))
        x = self.head(x)
        return _unfold(x) if self.shuffle else x


def _block(before: int, after: int, convolutions: int) -> nn.Sequential:
    layers = []
    for index in range(convolutions):
        layers += [
            nn.Conv3d(before if index == 0 else after, after, 3, padding=1, bias=False),
            nn.InstanceNorm3d(after, affine=True),
            nn.LeakyReLU(0.01, inplace=True),
        ]
    return nn.Sequential(*layers)


def _fold(x: torch.Tensor) -> torch.Tensor:
    """(B, C, i, j, k) -> (B, 8C, i/2, j/2, k/2): each 2x2x2 cube of voxels becomes eight channels."""
    b, c, i, j, k = x.shape
    x = x.reshape(b, c, i // 2, 2, j // 2, 2, k // 2, 2)
    return x.permute(0, 1, 3, 5, 7, 2, 4, 6).reshape(b, c * 8, i // 2, j // 2, k // 2)


def _unfold(x: torch.Tensor) -> torch.Tensor:
    """(B, 8, i, j, k) -> (B, 1, 2i, 2j, 2k): the inverse of :func:`_fold`."""
    b, _, i, j, k = x.shape
    x = x.reshape(b, 1, 2, 2, 2, i, j, k)
    return x.permute(0, 1, 5, 2, 6, 3, 7, 4).reshape(b, 1, 2 * i, 2 * j, 2 * k)
