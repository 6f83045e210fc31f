"""Logits, targets and weights as every loss wants them, and walking over them in blocks that fit into the cache.

Softmax over two channels is the sigmoid of their difference. So one and two channels are the same case here, "one
row" (the lesion, K = 1), and only three channels and more are treated as K = C classes.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import torch

from LesionSegmentationLib.engine.errors import InputError

# Voxels in a block. On the CPU a block's few float32 arrays should stay in the cache while the threads meet seldom
# (2^18 to 2^21 are about equally fast, 2^15 is half as fast, most so on a busy machine); elsewhere a launch costs more
# than the memory traffic it saves.
CPU_BLOCK = 1 << 19
DEVICE_BLOCK = 1 << 26


class Voxels(NamedTuple):
    """One batch with its space axes flattened: n voxels.

    logits (B, C, n); target (B, 1, n) values or class numbers, or (B, C, n) one-hot; weight (B, 1, n) or None.
    """

    logits: torch.Tensor
    target: torch.Tensor
    weight: torch.Tensor | None

    @property
    def rows(self) -> int:
        """K: 1 for one or two channels, else the number of channels."""
        channels = self.logits.shape[1]
        return 1 if channels <= 2 else channels


class Block(NamedTuple):
    """Voxels ``start`` to ``stop`` of one image, in the type sums are made in."""

    image: int
    start: int
    stop: int
    logits: torch.Tensor  # (K, m), good until the next block, not to be written to; for two channels their difference
    target: torch.Tensor  # (K, m), 0..1, may be a view of the caller's tensor: not to be written to
    weight: torch.Tensor | None  # (m,)


def flatten(logits: torch.Tensor, target: torch.Tensor, weight: torch.Tensor | None) -> Voxels:
    """Check the shapes and flatten the space axes.

    logits: (B, C, *space) with 1 to 3 space axes, any float type. target: (B, 1, *space), for C == 1 in 0..1, for
    C > 1 class numbers; or (B, C, *space) one-hot (its channels add up to one). weight: (B, 1, *space) >= 0 or None.
    Values are not checked: that would cost a pass over the arrays. Raises InputError where shapes do not fit.
    """
    if logits.ndim not in (3, 4, 5) or not logits.is_floating_point():
        raise InputError(
            f"Logits of shape {tuple(logits.shape)} and type {logits.dtype} are not (batch, channels, 1 to 3 space "
            "axes) of a float type; add or remove axes."
        )
    batch, channels, space = logits.shape[0], logits.shape[1], logits.shape[2:]
    allowed = {(batch, 1, *space), (batch, channels, *space)}
    if tuple(target.shape) not in allowed:
        raise InputError(
            f"A target of shape {tuple(target.shape)} does not fit logits of shape {tuple(logits.shape)}; "
            f"make it {' or '.join(str(shape) for shape in sorted(allowed))}."
        )
    if weight is not None and tuple(weight.shape) != (batch, 1, *space):
        raise InputError(
            f"A weight map of shape {tuple(weight.shape)} does not fit logits of shape {tuple(logits.shape)}; "
            f"make it {(batch, 1, *space)}."
        )
    return Voxels(
        logits.reshape(batch, channels, -1),
        target.reshape(batch, target.shape[1], -1),
        None if weight is None else weight.reshape(batch, 1, -1),
    )


def sum_type(logits: torch.Tensor) -> torch.dtype:
    """The type of everything computed from ``logits``: float64 for float64, else float32."""
    return torch.float64 if logits.dtype == torch.float64 else torch.float32


def block_size(voxels: Voxels) -> int:
    """Voxels of a whole block."""
    most = CPU_BLOCK if voxels.logits.device.type == "cpu" else DEVICE_BLOCK
    return min(max(1, most // voxels.rows), voxels.logits.shape[2])


def scratch(voxels: Voxels) -> torch.Tensor:
    """Room for one block, (K, block size): made once, since making it for every block costs more than filling it."""
    shape = (voxels.rows, block_size(voxels))
    return torch.empty(shape, dtype=sum_type(voxels.logits), device=voxels.logits.device)


def blocks(voxels: Voxels) -> Iterator[Block]:
    """Yield the batch block by block, image after image."""
    kind = sum_type(voxels.logits)
    batch, channels, count = voxels.logits.shape
    size = block_size(voxels)
    difference = scratch(voxels) if channels == 2 else None
    for image in range(batch):
        for start in range(0, count, max(size, 1)):
            stop = min(start + size, count)
            logits = voxels.logits[image, :, start:stop].to(kind)
            weight = None if voxels.weight is None else voxels.weight[image, 0, start:stop].to(kind)
            yield Block(
                image, start, stop,
                torch.sub(logits[1:], logits[:1], out=difference[:, : stop - start]) if channels == 2 else logits,
                _rows_of_target(voxels.target[image, :, start:stop], channels).to(kind),
                weight,
            )  # fmt: skip


def _rows_of_target(target: torch.Tensor, channels: int) -> torch.Tensor:
    """(1 or C, m) as given -> (K, m): the lesion's share, or one-hot classes."""
    if channels <= 2:
        return target[-1:]  # the numbers 0 and 1 of two classes are the lesion's share
    if target.shape[0] == channels:
        return target
    return target.long() == torch.arange(channels, device=target.device)[:, None]


def write_gradient(gradient: torch.Tensor, block: Block, values: torch.Tensor) -> None:
    """Put d loss/d row ``values`` (K, m) of a block into d loss/d logits ``gradient`` (B, C, n).

    ``values`` may be :func:`last_channel` of the gradient already: then there is nothing to copy.
    """
    place = gradient[block.image, :, block.start : block.stop]
    if gradient.shape[1] != 2:
        if values.data_ptr() != place.data_ptr():
            place.copy_(values)
        return
    if values.data_ptr() != place[1].data_ptr():
        place[1].copy_(values[0])
    torch.neg(place[1], out=place[0])


def last_channel(gradient: torch.Tensor, block: Block) -> torch.Tensor:
    """(1, m), a view of the lesion's channel of ``gradient`` (B, C, n) at a block."""
    return gradient[block.image, -1:, block.start : block.stop]


def rows(voxels: Voxels) -> tuple[torch.Tensor, torch.Tensor]:
    """All rows at once, differentiable: logits (K, B, n) and whether the target is at least one half, bool."""
    channels = voxels.logits.shape[1]
    logits = voxels.logits.to(sum_type(voxels.logits))
    logits = logits[:, 1:] - logits[:, :1] if channels == 2 else logits
    target = torch.stack([_rows_of_target(image, channels) for image in voxels.target], dim=1)
    return logits.transpose(0, 1), target >= 0.5
