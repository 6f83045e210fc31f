"""A 3D U-Net that is fast on a CPU."""

from __future__ import annotations

import torch
from torch import nn

from .normalisation import normalisation
from .voxel_folding import fold, takes_shuffle, unfold


class UNet(nn.Module):
    """3D U-Net: convolution blocks with instance norm, max-pooling, nearest up-sampling, skips by concatenation.

    ``features``: channels per level. ``convolutions``: 3x3x3 convolutions per block. ``stem``: ``"full"`` runs the
    first level on the voxel grid; ``"shuffle"`` first folds each 2x2x2 cube of voxels into channels and unfolds the
    answer at the end (see ``voxel_folding``). ``norm``: see ``normalisation``. ``outputs``: maps that it returns.
    """

    def __init__(
        self,
        in_channels: int,
        features=(24, 48, 96, 128),
        convolutions: int = 2,
        stem: str = "shuffle",
        norm: str = "instance",
        outputs: int = 1,
    ):
        super().__init__()
        self.in_channels, self.outputs = in_channels, outputs
        self.shuffle = takes_shuffle(stem)
        cube = 8 if self.shuffle else 1
        self.multiple = 2 ** (len(features) - 1) * (2 if self.shuffle else 1)
        widths = [in_channels * cube, *features]
        self.encoder = nn.ModuleList(_block(a, b, convolutions, norm) for a, b in zip(widths[:-1], widths[1:]))
        self.decoder = nn.ModuleList(_block(a + b, a, convolutions, norm) for a, b in zip(features[:-1], features[1:]))
        self.head = nn.Conv3d(features[0], outputs * cube, 1)

    @property
    def output_bias(self) -> nn.Parameter:
        """What is added to the logits last."""
        return self.head.bias

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        x = fold(image) if self.shuffle else image
        skips = []
        for level, block in enumerate(self.encoder):
            x = block(x if level == 0 else nn.functional.max_pool3d(x, 2))
            skips.append(x)
        skips.pop()
        for block in reversed(self.decoder):
            x = nn.functional.interpolate(x, scale_factor=2, mode="nearest")
            x = block(torch.cat([skips.pop(), x], dim=1))
        x = self.head(x)
        return unfold(x) if self.shuffle else x


def _block(before: int, after: int, convolutions: int, norm: str) -> nn.Sequential:
    layers = []
    for index in range(convolutions):
        layers += [
            nn.Conv3d(before if index == 0 else after, after, 3, padding=1, bias=norm == "none"),
            normalisation(norm, after),
            nn.LeakyReLU(0.01, inplace=True),
        ]
    return nn.Sequential(*layers)
