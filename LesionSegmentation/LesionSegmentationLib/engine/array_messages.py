"""Messages with an array, over a pipe between two processes.

A message is one JSON object on one line. Where it has ``shape``, that many float32 values follow at once: C order,
little-endian. Nothing in a message is executed.
"""

from __future__ import annotations

import json
import math
from typing import BinaryIO

import numpy as np

_VALUE = np.dtype("<f4")


def send(stream: BinaryIO, message: dict, array: np.ndarray | None = None) -> None:
    """Write ``message`` and the values of ``array``, if any. Raises OSError when nobody listens any more."""
    if array is not None:
        message = {**message, "shape": list(array.shape)}
    stream.write(json.dumps(message).encode() + b"\n")
    if array is not None:
        stream.write(np.ascontiguousarray(array, _VALUE).reshape(-1).view(np.uint8).data)
    stream.flush()


def receive(stream: BinaryIO) -> tuple[dict, np.ndarray | None]:
    """Return the next message and its array, float32 and writeable.

    Raises EOFError when the other side has ended, ValueError when what came is no message.
    """
    line = stream.readline()
    if not line.endswith(b"\n"):
        raise EOFError
    message = json.loads(line)
    if not isinstance(message, dict):
        raise ValueError("the line is no JSON object")
    if "shape" not in message:
        return message, None
    values = np.empty(math.prod(message["shape"]), _VALUE)
    if stream.readinto(values.view(np.uint8).data) != values.nbytes:
        raise EOFError
    return message, values.reshape(message["shape"])
