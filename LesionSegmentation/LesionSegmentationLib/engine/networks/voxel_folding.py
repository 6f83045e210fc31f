"""Folding 2x2x2 cubes of voxels into channels and back (Shi et al. 2016, sub-pixel convolution).

A network that works on the folded image runs its costly first level on an eighth of the positions, and nothing is
averaged away.
"""

from __future__ import annotations

import torch


def fold(x: torch.Tensor) -> torch.Tensor:
    """(B, C, i, j, k) -> (B, 8C, i/2, j/2, k/2): each 2x2x2 cube of voxels becomes eight channels."""
    b, c, i, j, k = x.shape
    x = x.reshape(b, c, i // 2, 2, j // 2, 2, k // 2, 2)
    return x.permute(0, 1, 3, 5, 7, 2, 4, 6).reshape(b, c * 8, i // 2, j // 2, k // 2)


def unfold(x: torch.Tensor) -> torch.Tensor:
    """(B, 8C, i, j, k) -> (B, C, 2i, 2j, 2k): the inverse of :func:`fold`."""
    b, c, i, j, k = x.shape
    x = x.reshape(b, c // 8, 2, 2, 2, i, j, k)
    return x.permute(0, 1, 5, 2, 6, 3, 7, 4).reshape(b, c // 8, 2 * i, 2 * j, 2 * k)


def takes_shuffle(stem: str) -> bool:
    """Whether ``stem`` asks for folding: "full" or "shuffle"; ValueError for anything else."""
    if stem not in ("full", "shuffle"):
        raise ValueError(f"stem is '{stem}', not 'full' or 'shuffle'")
    return stem == "shuffle"
