"""The 3D U-Net of Salehi et al. 2017."""

from __future__ import annotations

import torch
from torch import nn

from .normalisation import normalisation


class SalehiUNet(nn.Module):
    """3D U-Net of Salehi, Erdogmus and Gholipour 2017 (arXiv 1706.05721, section 2.1; after Cicek et al. 2016).

    Padded 3x3x3 convolutions with ReLU, 2x2x2 max-pooling, features doubled from level to level, 2x2x2 transposed
    convolutions on the way up, skips by concatenation, a last 1x1x1 convolution. Theirs ends in two softmax channels;
    one logit here is their difference.

    ``first_features``: channels of the first level. ``levels``: levels, pooling between them. ``convolutions``: per
    level. ``norm``: see ``normalisation``; theirs has none. How many features and levels they used is not known to
    us; the defaults are those of the 3D U-Net in the code that the group released in 2019 (six levels, 8 to 256
    channels); the paper's volumes of 128 x 224 x 256 voxels are multiples of its 32.
    """

    def __init__(
        self, in_channels: int, first_features: int = 8, levels: int = 6, convolutions: int = 2, norm: str = "none"
    ):
        super().__init__()
        if levels < 2 or convolutions < 1:
            raise ValueError(f"levels is {levels} and convolutions {convolutions}; at least 2 and 1 are needed")
        self.in_channels = in_channels
        self.multiple = 2 ** (levels - 1)
        features = [first_features * 2**level for level in range(levels)]
        widths = [in_channels, *features]
        self.encoder = nn.ModuleList(_block(a, b, convolutions, norm) for a, b in zip(widths[:-1], widths[1:]))
        self.grow = nn.ModuleList(nn.ConvTranspose3d(2 * a, a, 2, stride=2) for a in features[:-1])
        self.decoder = nn.ModuleList(_block(2 * a, a, convolutions, norm) for a in features[:-1])
        self.head = nn.Conv3d(first_features, 1, 1)
        # Without a norm, torch's own first weights let the signal fade from layer to layer (He et al. 2015).
        for block in (*self.encoder, *self.decoder):
            for convolution in block[:: len(block) // convolutions]:
                nn.init.kaiming_normal_(convolution.weight, nonlinearity="relu")

    @property
    def output_bias(self) -> nn.Parameter:
        """What is added to the logits last."""
        return self.head.bias

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        x, skips = image, []
        for level, block in enumerate(self.encoder):
            x = block(x if level == 0 else nn.functional.max_pool3d(x, 2))
            skips.append(x)
        skips.pop()
        for grow, block in zip(reversed(self.grow), reversed(self.decoder)):
            x = block(torch.cat([skips.pop(), grow(x)], dim=1))
        return self.head(x)


def _block(before: int, after: int, convolutions: int, norm: str) -> nn.Sequential:
    layers = []
    for index in range(convolutions):
        layers += [
            nn.Conv3d(before if index == 0 else after, after, 3, padding=1, bias=norm == "none"),
            normalisation(norm, after),
            nn.ReLU(inplace=True),
        ]
    return nn.Sequential(*layers)
