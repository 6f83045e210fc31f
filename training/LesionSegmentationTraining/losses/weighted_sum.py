"""Several losses added up."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import nn


class WeightedSum(nn.Module):
    """Sum of factor times loss; every loss gets the same weight map."""

    def __init__(self, losses: Sequence[nn.Module], factors: Sequence[float]) -> None:
        super().__init__()
        self.losses = nn.ModuleList(losses)
        self.factors = tuple(factors)

    def forward(self, logits: torch.Tensor, target: torch.Tensor, weight: torch.Tensor | None = None) -> torch.Tensor:
        """Scalar loss; shapes as in :func:`voxels.flatten`."""
        return sum(factor * loss(logits, target, weight) for factor, loss in zip(self.factors, self.losses))
