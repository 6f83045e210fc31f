"""One forward pass over a prepared study: whole, or in tiles fused with the spline window."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product

import numpy as np
import torch
from torch.nn.functional import softplus

from .bridge import to_array, to_tensor
from .conditioned_score import OUTPUTS
from .errors import Cancelled
from .prepare import Prepared
from .spline_window import spline_window

# What a voxel gets that no tile looked at: certainly no lesion.
OUTSIDE_LOGIT = -20.0
# The same for the three maps of a conditioned head: no setting moves it either.
_OUTSIDE = {1: (OUTSIDE_LOGIT,), OUTPUTS: (OUTSIDE_LOGIT, 0.0, OUTSIDE_LOGIT)}
SMALLEST_TILE = 48


def outside_maps(network) -> tuple[float, ...]:
    """Return what each map of ``network`` says where there is no head; as many numbers as it has maps."""
    return _OUTSIDE[getattr(network, "outputs", 1)]


def predict(
    network,
    prepared: Prepared,
    tile: tuple[int, int, int] | None,
    device: torch.device,
    progress: Callable[[float], None] = lambda fraction: None,
    cancelled: Callable[[], bool] = lambda: False,
    log: Callable[[str], None] = lambda message: None,
    patches: Callable[[int, int], None] = lambda done, of: None,
) -> tuple[np.ndarray, torch.device]:
    """Return the fused maps (outputs, i, j, k) float32 on the prepared grid, and the device that made them.

    The last map is the logit of the lesion class. A conditioned head has a and s = softplus of its second output before
    it. Each tile's s goes through softplus before tiles are fused: a fused a + s log(rho) is then the mean of what the
    tiles say at rho, at every rho, as if the network had been asked at that setting.

    ``tile``: voxels per axis of one forward pass, None for the whole volume at once. Tiles overlap by half; tiles
    without any head are not run. When a GPU's memory does not suffice the tile is halved, then the CPU takes over; each
    step is said through ``log``. ``patches(done, of)`` counts the tiles. Raises Cancelled as soon as ``cancelled()``
    answers true between two tiles.
    """
    shape = prepared.array.shape[1:]
    size = _round_up(shape if tile is None else tuple(min(t, s) for t, s in zip(tile, shape)), network.multiple)
    while True:
        try:
            return _predict_tiles(network.to(device), prepared, size, device, progress, cancelled, patches), device
        except torch.cuda.OutOfMemoryError:
            if device.type != "cuda":
                raise
        torch.cuda.empty_cache()
        smaller = _round_up(tuple(s // 2 for s in size), network.multiple)
        if min(smaller) >= SMALLEST_TILE:
            log(f"The GPU has too little memory for tiles of {max(size)} voxels; trying {max(smaller)}.")
            size = smaller
        else:
            log("The GPU has too little memory even for small tiles; the CPU takes over.")
            device = torch.device("cpu")


def _predict_tiles(network, prepared, size, device, progress, cancelled, patches) -> np.ndarray:
    outside = outside_maps(network)
    shape = prepared.array.shape[1:]
    padding = [max(0, t - s) for t, s in zip(size, shape)]
    image = np.pad(prepared.array, [(0, 0), *((0, p) for p in padding)])
    inside = np.pad(prepared.inside, [(0, p) for p in padding])
    starts = [_starts(n, t) for n, t in zip(image.shape[1:], size)]
    windows = [_axis_window(n, t) for n, t in zip(image.shape[1:], size)]
    window = np.einsum("i,j,k->ijk", *windows)
    total = np.einsum("i,j,k->ijk", *(_summed(w, n, s) for w, n, s in zip(windows, image.shape[1:], starts)))
    fused = np.zeros((len(outside), *image.shape[1:]), np.float32)
    corners = list(product(*starts))
    with torch.inference_mode():
        for done, corner in enumerate(corners):
            if cancelled():
                raise Cancelled
            place = tuple(slice(c, c + t) for c, t in zip(corner, size))
            if inside[place].any():
                patch = to_tensor(np.ascontiguousarray(image[(slice(None), *place)])[None]).to(device)
                maps = to_array(_maps(network(patch).float()[0]))
            else:
                maps = np.float32(outside)
            for whole, part in zip(fused, maps):  # one after the other: a large head leaves little memory
                whole[place] += window * part
            patches(done + 1, len(corners))
            progress((done + 1) / len(corners))
    fused /= total
    return np.ascontiguousarray(fused[(slice(None), *(slice(0, n) for n in shape))])


def _maps(outputs: torch.Tensor) -> torch.Tensor:
    """The maps (n, i, j, k) of what a network said of one patch."""
    if len(outputs) != OUTPUTS:
        return outputs
    a, s, posterior = outputs
    return torch.stack([a, softplus(s), posterior])


def _axis_window(length: int, tile: int) -> np.ndarray:
    """A lone tile needs no blending; the smallest weight is kept clear of rounding where only one tile reaches."""
    return np.ones(tile, np.float32) if length == tile else np.maximum(spline_window(tile), 1e-3)


def _starts(length: int, tile: int) -> list[int]:
    """First voxels of evenly spread tiles that cover ``length`` with at least half a tile of overlap."""
    steps = -(-(length - tile) // (tile // 2))
    return [round(i * (length - tile) / steps) for i in range(steps + 1)] if steps else [0]


def _summed(window: np.ndarray, length: int, starts: list[int]) -> np.ndarray:
    """What the windows of one axis add up to; the 3D sum is the product over the axes."""
    total = np.zeros(length, np.float32)
    for start in starts:
        total[start : start + window.size] += window
    return total


def _round_up(size: tuple[int, int, int], multiple: int) -> tuple[int, int, int]:
    return tuple(-(-s // multiple) * multiple for s in size)
