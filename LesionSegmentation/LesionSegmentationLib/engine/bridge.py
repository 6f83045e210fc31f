"""The one place where numpy arrays become torch tensors and come back.

Some Pythons pair torch 2.2 (built for NumPy 1) with NumPy 2; there torch's own conversions fail while DLPack works.
DLPack in turn aborts the process on negative strides and refuses read-only or foreign-endian memory, so arrays are
made plain first.
"""

from __future__ import annotations

import numpy as np
import torch


def to_tensor(array: np.ndarray) -> torch.Tensor:
    """Return a CPU tensor with the values, shape and axis order of ``array`` (float32, float64, uint8, int32, int64).

    Shares memory with ``array`` where that is C-contiguous, writeable and native-endian; copies otherwise.
    """
    native = array.dtype.newbyteorder("=")
    plain = np.ascontiguousarray(array, dtype=native).reshape(array.shape)
    if not plain.flags.writeable:
        plain = plain.copy()
    return torch.from_dlpack(plain)


def to_array(tensor: torch.Tensor) -> np.ndarray:
    """Return a writeable C-contiguous numpy copy of ``tensor`` (any device; bfloat16 becomes float32)."""
    tensor = tensor.detach()
    if tensor.dtype == torch.bfloat16:
        tensor = tensor.float()
    return np.array(np.from_dlpack(tensor.cpu().contiguous()), order="C")
