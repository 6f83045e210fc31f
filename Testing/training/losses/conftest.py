"""Small batches of logits, targets and weights."""

from __future__ import annotations

import pytest
import torch


def batch(channels: int, space=(5, 4, 3), images: int = 2, kind=torch.float64, seed: int = 0, lesion: float = 0.4):
    """(logits, target, weight): for one or two channels 0/1, else class numbers."""
    random = torch.Generator().manual_seed(seed)
    logits = torch.randn(images, channels, *space, generator=random, dtype=torch.float64).to(kind)
    if channels <= 2:
        target = (torch.rand(images, 1, *space, generator=random) < lesion).to(torch.uint8)
    else:
        target = torch.randint(0, channels, (images, 1, *space), generator=random)
    weight = torch.rand(images, 1, *space, generator=random, dtype=torch.float64) + 0.1
    return logits, target, weight


@pytest.fixture(params=["plain", "weighted"])
def weighted(request) -> bool:
    return request.param == "weighted"
