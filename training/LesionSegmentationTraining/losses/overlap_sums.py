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
from LesionSegmentationTraining.losses.voxels import (
    Block,
    Voxels,
    blocks,
    flatten,
    last_channel,
    scratch,
    sum_type,
    write_gradient,
)

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
    # Autocast would make some of the sums in half precision.
    with torch.autocast(logits.device.type, enabled=False):
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
        parts = [[] for _ in range(logits.shape[0])]
        room = scratch(voxels)
        for block in blocks(voxels):
            p = _probabilities(block, room)
            parts[block.image].append(torch.stack(_sums_of_block(p, block.target, block.weight, squares)))
        images = [torch.stack(image).sum(dim=0, dtype=torch.float64) for image in parts]
        return torch.stack(images, dim=1).to(sum_type(logits))

    @staticmethod
    @once_differentiable
    def backward(ctx, slope):
        logits, target, weight = ctx.saved_tensors
        voxels = Voxels(logits, target, weight)
        if triton_tversky.usable(voxels):
            return triton_tversky.gradient(voxels, slope), None, None, None
        gradient = torch.empty_like(logits)
        squares = bool((slope[3] != 0).any())
        # Numbers instead of tensors let one row's A + B g be one operation.
        of_rows = slope[[1, 0, 3], :, 0].t().tolist()
        room = scratch(voxels)
        direct = room.dtype == gradient.dtype
        further = None if direct else scratch(voxels)
        for block in blocks(voxels):
            p = _probabilities(block, room)
            if voxels.rows == 1:
                lesion = last_channel(gradient, block)
                to = lesion if direct else further[:, : block.stop - block.start]
                change = _slope_of_row(p, block, to, *of_rows[block.image])
            else:
                change = _slope_of_classes(p, block, slope[:, block.image, :, None], squares)
            write_gradient(gradient, block, change)
        return gradient, None, None, None


def _probabilities(block: Block, room: torch.Tensor) -> torch.Tensor:
    """(K, m); one row is written into ``room`` (1, block size)."""
    if block.logits.shape[0] == 1:
        return torch.sigmoid(block.logits, out=room[:, : block.stop - block.start])
    return torch.softmax(block.logits, dim=0)


def _sums_of_block(p: torch.Tensor, g: torch.Tensor, w: torch.Tensor | None, squares: bool) -> list[torch.Tensor]:
    """The six sums, each (K,), in the order of OverlapSums."""
    wg = g if w is None else g * w
    if w is None:
        predicted, voxels = p.sum(dim=1), p.new_full((len(p),), p.shape[1])
    else:
        predicted, voxels = p @ w, w.sum().expand(len(p))
    none = torch.zeros_like(predicted)
    p_squared = _dots(p, p if w is None else p * w) if squares else none
    g_squared = _dots(g, wg) if squares else none
    return [_dots(p, wg), predicted, wg.sum(dim=1), p_squared, g_squared, voxels]


def _dots(left: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """(K, m), (K, m) -> (K,): row by row, without a temporary where it is one row."""
    if left.shape[0] == 1:
        return torch.dot(left[0], right[0])[None]
    return (left * right).sum(dim=1)


def _slope_of_row(p: torch.Tensor, block: Block, to: torch.Tensor, a: float, b: float, c: float) -> torch.Tensor:
    """d loss/d logit (1, m) = p (1 - p) w (a + b g + 2 c p), written into ``to``."""
    change = torch.add(p.new_tensor(a), block.target, alpha=b, out=to)
    if c != 0:
        change.add_(p, alpha=2 * c)
    if block.weight is not None:
        change.mul_(block.weight)
    return torch.ops.aten.sigmoid_backward.grad_input(change, p, grad_input=change)


def _slope_of_classes(p: torch.Tensor, block: Block, slope: torch.Tensor, squares: bool) -> torch.Tensor:
    """d loss/d logits (K, m) from ``slope`` (SUMS, K, 1)."""
    change = torch.addcmul(slope[1], slope[0], block.target)
    if squares:
        change.addcmul_(p, slope[3], value=2)
    change.sub_((change * p).sum(dim=0, keepdim=True)).mul_(p)
    return change if block.weight is None else change.mul_(block.weight)


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
