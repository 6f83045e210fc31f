"""Triton kernels: a block of voxels of one image a program. See ``triton_tversky`` for what they compute.

``logits`` (B, CHANNELS, count), ``target`` (B, TARGETS, count), ``weight`` (B, count); two channels are the sigmoid of
their difference, and a target of one row then holds class numbers.
"""

import triton
import triton.language as tl


@triton.jit
def forward(logits, target, weight, partial, count, CHANNELS: tl.constexpr, TARGETS: tl.constexpr,
            WEIGHTED: tl.constexpr, BLOCK: tl.constexpr):  # fmt: skip
    """Write the six partial sums of a block to ``partial`` (B, blocks, 6)."""
    image = tl.program_id(1).to(tl.int64)
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = at < count
    z = tl.load(logits + image * CHANNELS * count + (CHANNELS - 1) * count + at, mask=inside, other=0).to(tl.float32)
    if CHANNELS == 2:
        z -= tl.load(logits + image * 2 * count + at, mask=inside, other=0).to(tl.float32)
    g = tl.load(target + image * TARGETS * count + (TARGETS - 1) * count + at, mask=inside, other=0).to(tl.float32)
    if CHANNELS == 2 and TARGETS == 1:
        g = tl.where(g == 1, 1.0, 0.0)
    w = tl.where(inside, 1.0, 0.0)
    if WEIGHTED:
        w = tl.load(weight + image * count + at, mask=inside, other=0).to(tl.float32)
    p = 1 / (1 + tl.exp(-z))
    to = partial + (image * tl.num_programs(0) + tl.program_id(0)) * 6
    tl.store(to, tl.sum(w * p * g))
    tl.store(to + 1, tl.sum(w * p))
    tl.store(to + 2, tl.sum(w * g))
    tl.store(to + 3, tl.sum(w * p * p))
    tl.store(to + 4, tl.sum(w * g * g))
    tl.store(to + 5, tl.sum(w))


@triton.jit
def backward(logits, target, weight, factors, answer, count, CHANNELS: tl.constexpr, TARGETS: tl.constexpr,
             WEIGHTED: tl.constexpr, BLOCK: tl.constexpr):  # fmt: skip
    """Write the gradient of a block to ``answer``; ``factors`` (B, 3): of w p, of w p g, of w p^2."""
    image = tl.program_id(1).to(tl.int64)
    at = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    inside = at < count
    z = tl.load(logits + image * CHANNELS * count + (CHANNELS - 1) * count + at, mask=inside, other=0).to(tl.float32)
    if CHANNELS == 2:
        z -= tl.load(logits + image * 2 * count + at, mask=inside, other=0).to(tl.float32)
    g = tl.load(target + image * TARGETS * count + (TARGETS - 1) * count + at, mask=inside, other=0).to(tl.float32)
    if CHANNELS == 2 and TARGETS == 1:
        g = tl.where(g == 1, 1.0, 0.0)
    p = 1 / (1 + tl.exp(-z))
    of_predicted = tl.load(factors + image * 3)
    of_both = tl.load(factors + image * 3 + 1)
    of_squared = tl.load(factors + image * 3 + 2)
    change = p * (1 - p) * (of_predicted + of_both * g + 2 * of_squared * p)
    if WEIGHTED:
        change *= tl.load(weight + image * count + at, mask=inside, other=0).to(tl.float32)
    to = answer + image * CHANNELS * count + (CHANNELS - 1) * count + at
    tl.store(to, change, mask=inside)
    if CHANNELS == 2:
        tl.store(to - count, -change, mask=inside)
