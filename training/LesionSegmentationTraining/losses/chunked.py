"""The mean of a loss that looks at one voxel at a time (cross-entropy, focal), block by block.

The forward pass only adds up; the backward pass computes each block again with autograd inside the block. So beside
the gradient nothing full-size is ever held, whatever formula the voxel's loss has.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.autograd.function import once_differentiable

from LesionSegmentationTraining.losses.voxels import Voxels, blocks, flatten, sum_type, write_gradient

VoxelLoss = Callable[[torch.Tensor, torch.Tensor], torch.Tensor]


def voxel_mean(
    voxel_loss: VoxelLoss, logits: torch.Tensor, target: torch.Tensor, weight: torch.Tensor | None
) -> torch.Tensor:
    """Mean over all N voxels of weight times ``voxel_loss`` (divided by N, not by the sum of weights).

    voxel_loss: (logits (K, m), target (K, m)) -> (m,), float32 or float64; K = 1 is the lesion's logit (one and two
    channels), else K = C. Shapes of the rest as in :func:`voxels.flatten`; differentiable once.
    """
    voxels = flatten(logits, target, weight)
    # Autocast would make some of the sums in half precision.
    with torch.autocast(logits.device.type, enabled=False):
        return _VoxelMean.apply(voxels.logits, voxels.target, voxels.weight, voxel_loss)


class _VoxelMean(torch.autograd.Function):
    @staticmethod
    def forward(ctx, logits, target, weight, voxel_loss):
        ctx.save_for_backward(logits, target, weight)
        ctx.voxel_loss = voxel_loss
        total = torch.zeros((), dtype=torch.float64, device=logits.device)
        for block in blocks(Voxels(logits, target, weight)):
            losses = voxel_loss(block.logits, block.target)
            total += losses.sum() if block.weight is None else torch.dot(losses, block.weight)
        return (total / (logits.shape[0] * logits.shape[2])).to(sum_type(logits))

    @staticmethod
    @once_differentiable
    def backward(ctx, slope):
        logits, target, weight = ctx.saved_tensors
        gradient = torch.empty_like(logits)
        slope = slope / (logits.shape[0] * logits.shape[2])
        for block in blocks(Voxels(logits, target, weight)):
            z = block.logits.detach().requires_grad_()
            with torch.enable_grad():
                losses = ctx.voxel_loss(z, block.target)
            slopes = slope.expand(losses.shape) if block.weight is None else slope * block.weight
            (change,) = torch.autograd.grad(losses, z, slopes)
            write_gradient(gradient, block, change)
        return gradient, None, None, None
