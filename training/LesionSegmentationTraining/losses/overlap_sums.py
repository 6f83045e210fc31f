"""The sums every overlap loss (Tversky, Dice, Jaccard, ...) is made of, in one fused pass forward and one backward.

With p the probability, g the target and w the weight of a voxel, all these losses are functions of
sum w p g, sum w p, sum w g, sum w p^2, sum w g^2 and sum w. So only the sums need a derivative of their own; the
index on top is ordinary autograd on a handful of numbers. The forward pass keeps nothing full-size: the backward
pass computes p from the logits again, which costs less than writing p to memory and reading it back.

Backward, for one row (sigmoid): d loss/d logit = p (1 - p) w (A + B g + 2 C p), A, B, C = d loss/d (sum w p,
sum w p g, sum w p^2); C = 0 for the Tversky family. For K classes (softmax), with d_k = w (A_k + B_k g_k + 2 C_k p_k),
d loss/d logit_k = p_k (d_k - sum_j p_j d_j).
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import distributed
from torch.autograd.function import once_differentiable

from LesionSegmentationTraining.losses import triton_tversky
from LesionSegmentationTraining.losses.voxels import Voxels, blocks, flatten, sum_type, write_gradient

SUMS = 6


class OverlapSums(NamedTuple):
    """Weighted sums over voxels, each (images, classes): ``images`` is 1 for ``over="batch"``.

    The squares are 0 unless they were asked for.
    """

    both: torch.Tensor  # sum w p g, the soft true positives
    predicted: torch.Tensor  # sum w p
    reference: torch.Tensor  # sum w g
    predicted_squared: torch.Tensor  # sum w p^2
    reference_squared: torch.Tensor  # sum w g^2
    weight: torch.Tensor  # sum w, the number of voxels where there is no weight

    @property
    def false_positive(self) -> torch.Tensor:
        """Sum w p (1 - g)."""
        return self.predicted - self.both

    @property
    def false_negative(self) -> torch.Tensor:
        """Sum w (1 - p) g."""
        return self.reference - self.both

    def of_background(self) -> OverlapSums:
        """The same sums of 1 - p and 1 - g: with one row, the background's, without another pass."""
        return OverlapSums(
            self.weight - self.predicted - self.reference + self.both,
            self.weight - self.predicted,
            self.weight - self.reference,
            self.weight - 2 * self.predicted + self.predicted_squared,
            self.weight - 2 * self.reference + self.reference_squared,
            self.weight,
        )

    def beside(self, other: OverlapSums) -> OverlapSums:
        """Both as classes side by side, ``self`` first."""
        return OverlapSums(*(torch.cat(pair, dim=1) for pair in zip(self, other)))


def overlap_sums(
    logits: torch.Tensor,
    target: torch.Tensor,
    weight: torch.Tensor | None = None,
    *,
    squares: bool = False,
    over: str = "batch",
    background: bool = False,
) -> OverlapSums:
    """Sums per class (shapes: see :func:`voxels.flatten`), differentiable once with respect to the logits.

    squares: also sum the squares. over: "batch" adds up the batch and all processes of a torch.distributed group,
    "image" keeps images apart. background: include class 0 as a class; with one channel it is made from the sums.
    float32 (float64 for float64 logits); added up in float64 over the blocks, so that float16 logits and volumes of
    any size neither overflow nor lose small lesions.
    """
    voxels = flatten(logits, target, weight)
    table = _FusedSums.apply(voxels.logits, voxels.target, voxels.weight, squares)
    if over == "batch":
        table = sum_over_processes(table.sum(dim=1, keepdim=True))
    sums = OverlapSums(*table)
    if voxels.rows == 1:
        return sums.of_background().beside(sums) if background else sums
    return sums if background else OverlapSums(*(row[:, 1:] for row in sums))


class _FusedSums(torch.autograd.Function):
    """(B, C, n) logits -> table (SUMS, B, K)."""

    @staticmethod
    def forward(ctx, logits, target, weight, squares):
        ctx.save_for_backward(logits, target, weight)
        voxels = Voxels(logits, target, weight)
        if triton_tversky.usable(voxels):
            return triton_tversky.sums(voxels)
        table = torch.zeros(SUMS, logits.shape[0], voxels.rows, dtype=torch.float64, device=logits.device)
        for block in blocks(voxels):
            p = torch.sigmoid(block.logits) if voxels.rows == 1 else torch.softmax(block.logits, dim=0)
            _add_block(table[:, block.image], p, block.target, block.weight, squares)
        return table.to(sum_type(logits))

    @staticmethod
    @once_differentiable
    def backward(ctx, slope):
        logits, target, weight = ctx.saved_tensors
        voxels = Voxels(logits, target, weight)
        if triton_tversky.usable(voxels):
            return triton_tversky.gradient(voxels, slope), None, None, None
        gradient = torch.empty_like(logits)
        of_both, of_predicted, of_squared = slope[0], slope[1], slope[3]
        squares = bool((of_squared != 0).any())
        for block in blocks(voxels):
            a, b = of_predicted[block.image, :, None], of_both[block.image, :, None]
            factor = torch.addcmul(a, b, block.target)
            if voxels.rows == 1:
                p = torch.sigmoid(block.logits)
                if squares:
                    factor.addcmul_(p, of_squared[block.image, :, None], value=2)
                # p - p^2 in place of p (1 - p): no further temporary.
                change = factor.mul_(p.addcmul_(p, p, value=-1))
            else:
                p = torch.softmax(block.logits, dim=0)
                if squares:
                    factor.addcmul_(p, of_squared[block.image, :, None], value=2)
                change = factor.sub_((factor * p).sum(dim=0, keepdim=True)).mul_(p)
            write_gradient(gradient, block, change if block.weight is None else change.mul_(block.weight))
        return gradient, None, None, None


def _add_block(sums: torch.Tensor, p: torch.Tensor, g: torch.Tensor, w: torch.Tensor | None, squares: bool) -> None:
    """Add one block's sums to ``sums`` (SUMS, K), float64."""
    wg = g if w is None else g * w
    if w is None:
        sums[1] += p.sum(dim=1)
        sums[5] += p.shape[1]
    else:
        sums[1] += p @ w
        sums[5] += w.sum()
    sums[2] += wg.sum(dim=1)
    sums[0] += _dots(p, wg)
    if squares:
        sums[3] += _dots(p, p if w is None else p * w)
        sums[4] += _dots(g, wg)


def _dots(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """(K, m), (K, m) -> (K,): row by row, without a temporary where it is one row."""
    if left.shape[0] == 1:
        return torch.dot(left[0], right[0])[None]
    return (left * right).sum(dim=1)


def processes() -> int:
    """How many processes train together; 1 without a torch.distributed group."""
    return distributed.get_world_size() if distributed.is_available() and distributed.is_initialized() else 1


def sum_over_processes(table: torch.Tensor) -> torch.Tensor:
    """Add ``table`` up over the processes of the default torch.distributed group, if there is one.

    Every process then forms the same loss L of the same total S. The gradient a single process would have is
    dL/dS dS/d theta added up over the processes; DistributedDataParallel divides that sum by the number of processes,
    so the slope is multiplied by it here. (A trainer that adds gradients up instead must not divide.)
    """
    return _SumOverProcesses.apply(table)


class _SumOverProcesses(torch.autograd.Function):
    @staticmethod
    def forward(ctx, table):
        ctx.processes = processes()
        if ctx.processes == 1:
            return table
        total = table.clone()
        distributed.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx, slope):
        return slope * ctx.processes
