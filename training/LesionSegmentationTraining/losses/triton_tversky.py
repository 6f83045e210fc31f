"""The fused sums and their gradient as Triton kernels, for one row (one or two channels) on a GPU.

The same numbers as the torch path of ``overlap_sums``, in one pass over memory each way: the forward pass reads logits,
target and weight and writes six partial sums a block of voxels, which torch adds up in float64 (no atomics, so the
answer is the same every time); the backward pass reads them again and writes the gradient.

Not yet measured on a GPU. The kernels are tested on the CPU with Triton's interpreter.
"""

from __future__ import annotations

import os
from functools import cache

import torch

from LesionSegmentationTraining.losses.voxels import Voxels, sum_type

BLOCK = 4096
SUMS = 6
_LOGITS = (torch.float32, torch.float16, torch.bfloat16)
_TARGETS = (*_LOGITS, torch.bool, torch.uint8, torch.int8, torch.int16, torch.int32, torch.int64)


def usable(voxels: Voxels) -> bool:
    """Whether the kernels can take these voxels: one row, types they know, on a GPU (or in Triton's interpreter)."""
    logits, target, weight = voxels
    if voxels.rows != 1 or logits.dtype not in _LOGITS or target.dtype not in _TARGETS or not logits.numel():
        return False
    if weight is not None and weight.dtype not in _LOGITS:
        return False
    return (logits.is_cuda or _interpreted()) and _kernels() is not None


def sums(voxels: Voxels) -> torch.Tensor:
    """Table (SUMS, B, 1) as ``overlap_sums`` makes it: w p g, w p, w g, w p^2, w g^2, w."""
    logits, target, weight = (None if one is None else one.contiguous() for one in voxels)
    batch, channels, count = logits.shape
    blocks = -(-count // BLOCK)
    partial = torch.empty(batch, blocks, SUMS, dtype=torch.float32, device=logits.device)
    forward, _ = _kernels()
    forward[(blocks, batch)](
        logits, _readable(target), logits if weight is None else weight, partial, count,
        CHANNELS=channels, TARGETS=target.shape[1], WEIGHTED=weight is not None, BLOCK=BLOCK,
    )  # fmt: skip
    return partial.sum(dim=1, dtype=torch.float64).t()[:, :, None].to(sum_type(logits))


def gradient(voxels: Voxels, slope: torch.Tensor) -> torch.Tensor:
    """Gradient (B, C, n) of the logits for d loss/d table ``slope`` (SUMS, B, 1)."""
    logits, target, weight = (None if one is None else one.contiguous() for one in voxels)
    batch, channels, count = logits.shape
    answer = torch.empty_like(logits)
    # per image: of w p, of w p g, of w p^2
    factors = slope[[1, 0, 3], :, 0].t().float().contiguous()
    _, backward = _kernels()
    backward[(-(-count // BLOCK), batch)](
        logits, _readable(target), logits if weight is None else weight, factors, answer, count,
        CHANNELS=channels, TARGETS=target.shape[1], WEIGHTED=weight is not None, BLOCK=BLOCK,
    )  # fmt: skip
    return answer


def _interpreted() -> bool:
    return os.environ.get("TRITON_INTERPRET") == "1"


def _readable(target: torch.Tensor) -> torch.Tensor:
    return target.view(torch.uint8) if target.dtype == torch.bool else target


@cache
def _kernels():
    """The two kernels, compiled when first used; None where Triton is not installed."""
    try:
        from LesionSegmentationTraining.losses.tversky_kernels import backward, forward
    except ImportError:
        return None
    return forward, backward
