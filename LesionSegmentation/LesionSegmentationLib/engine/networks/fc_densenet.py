"""The 3D fully convolutional DenseNet of Hashemi et al. 2019 (after Jegou et al. 2017)."""

from __future__ import annotations

import torch
from torch import nn


class FCDenseNet(nn.Module):
    """3D FC-DenseNet: dense blocks of BN-ReLU-conv-dropout layers on a down and an up path, skips by concatenation.

    ``growth``: new channels per layer. ``layers``: layers per dense block. ``blocks``: dense blocks per path (the
    bottleneck block comes on top). ``compression``: share of the channels that a transition down keeps. ``dropout``:
    drop probability in each layer. ``first_features``: channels of the first convolution.
    On the up path only the channels that a block has newly made are up-sampled (Jegou et al. 2017, section 3.2).
    The published settings are ``presets``.
    """

    def __init__(self, in_channels, growth=12, layers=4, blocks=5, compression=0.5, dropout=0.2, first_features=32):
        super().__init__()
        if not 0 < compression <= 1:
            raise ValueError(f"compression is {compression}, not in (0, 1]")
        self.in_channels = in_channels
        self.multiple = 2**blocks
        self.first = nn.Conv3d(in_channels, first_features, 3, padding=1, bias=False)
        self.down, self.shrink, self.grow, self.up = nn.ModuleList(), nn.ModuleList(), nn.ModuleList(), nn.ModuleList()
        new = growth * layers
        width, skip_widths = first_features, []
        for _ in range(blocks):
            self.down.append(_DenseBlock(width, growth, layers, dropout))
            skip_widths.append(width + new)
            width = max(1, int((width + new) * compression))
            self.shrink.append(_transition_down(skip_widths[-1], width, dropout))
        self.bottleneck = _DenseBlock(width, growth, layers, dropout)
        for skip_width in reversed(skip_widths):
            self.grow.append(nn.ConvTranspose3d(new, new, 2, stride=2))
            self.up.append(_DenseBlock(new + skip_width, growth, layers, dropout))
        self.head = nn.Conv3d(2 * new + skip_widths[0], 1, 1)

    @property
    def output_bias(self) -> nn.Parameter:
        """What is added to the logits last."""
        return self.head.bias

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        x = self.first(image)
        skips = []
        for block, shrink in zip(self.down, self.shrink):
            x = torch.cat([x, block(x)], dim=1)
            skips.append(x)
            x = shrink(x)
        new = self.bottleneck(x)
        for grow, block in zip(self.grow, self.up):
            x = torch.cat([grow(new), skips.pop()], dim=1)
            new = block(x)
        return self.head(torch.cat([x, new], dim=1))


class _DenseBlock(nn.Module):
    """Layers that each see all that came before; answers the newly made channels only."""

    def __init__(self, width: int, growth: int, layers: int, dropout: float):
        super().__init__()
        self.layers = nn.ModuleList(
            nn.Sequential(
                nn.BatchNorm3d(width + index * growth),
                nn.ReLU(),
                nn.Conv3d(width + index * growth, growth, 3, padding=1, bias=False),
                nn.Dropout3d(dropout),
            )
            for index in range(layers)
        )

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        made = []
        for layer in self.layers:
            made.append(layer(torch.cat([x, *made], dim=1)))
        return torch.cat(made, dim=1)


def _transition_down(before: int, after: int, dropout: float) -> nn.Sequential:
    return nn.Sequential(
        nn.BatchNorm3d(before),
        nn.ReLU(),
        nn.Conv3d(before, after, 1, bias=False),
        nn.Dropout3d(dropout),
        nn.MaxPool3d(2),
    )
