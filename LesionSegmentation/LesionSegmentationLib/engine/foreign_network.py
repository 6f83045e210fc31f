"""A network that runs in a process of its own, with somebody else's library; used like any other network.

The engine starts the program of the runtime (see ``runtimes``) and knows nothing of the library. They exchange
``array_messages``; the engine asks, the program answers each question with one message:

    {"command": "load", "model": name, "network": {...}, "weights": path}
        -> {"event": "ready", "in_channels": n, "multiple": n, "versions": {...}}
    {"command": "device", "device": "cpu" or "cuda:N"}
        -> {"event": "ready"}
    {"command": "run"} and a patch (B, C, i, j, k)
        -> {"event": "logits"} and logits (B, 1, i, j, k)
    anything
        -> {"event": "failed", "kind": "input" | "memory" | "internal", "error": one sentence}

The program ends when its standard input closes or its parent is gone.
"""

from __future__ import annotations

import os
import subprocess
import threading
import weakref
from collections import deque
from pathlib import Path
from typing import BinaryIO

import numpy as np
import torch

from .array_messages import receive, send
from .bridge import to_array, to_tensor
from .errors import InputError
from .python_process import start_module, this_python
from .runtimes import RUNTIMES

_LAST_WORDS = 20
_SECONDS_TO_END = 2.0


class ForeignNetwork:
    """The network of a bundle in the process of its runtime, started at once.

    ``in_channels``, ``multiple`` and calling it are as of a network of the engine, except that logits come back on the
    CPU. ``versions``: of the libraries that run it. ``runtime``: a key of ``RUNTIMES``. ``model``: its name for a
    person. ``specification``, ``weights``: the bundle's network entry and weights file. The process ends with
    :meth:`close`, when the object is dropped, and with this process. Not for use from several threads.

    Raises InputError, with what the program said, when it cannot be started, cannot load the network, or ends.
    """

    def __init__(self, runtime: str, model: str, specification: dict, weights: Path):
        self._runtime = RUNTIMES[runtime]
        self._model = model
        self._load = {"command": "load", "model": model, "network": specification, "weights": str(weights.absolute())}
        self._start()

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._end.alive and self._process.poll() is None

    def to(self, device: torch.device | str) -> ForeignNetwork:
        """Move the network to ``device``; a process that has ended is started anew."""
        if not self.alive:
            self._start()
        if str(device) != self._device:
            self._ask({"command": "device", "device": str(device)})
            self._device = str(device)
        return self

    def __call__(self, patch: torch.Tensor) -> torch.Tensor:
        """Return the logits (B, 1, i, j, k), float32 on the CPU, of ``patch`` (B, C, i, j, k) on any device.

        Raises torch.cuda.OutOfMemoryError when the GPU's memory does not suffice in the other process.
        """
        _, logits = self._ask({"command": "run"}, to_array(patch.float()))
        return to_tensor(logits)

    def close(self) -> None:
        """End the process; once is enough."""
        self._end()

    def _start(self) -> None:
        python = os.environ.get(self._runtime.variable) or this_python()
        self._process = start_module(python, self._runtime.module, _environment(python))
        self._end = weakref.finalize(self, _end, self._process)
        self._words: deque[str] = deque(maxlen=_LAST_WORDS)
        self._ear = threading.Thread(target=_listen, args=(self._process.stderr, self._words), daemon=True)
        self._ear.start()
        ready, _ = self._ask(self._load)
        self.in_channels, self.multiple = int(ready["in_channels"]), int(ready["multiple"])
        self.versions: dict[str, str] = ready["versions"]
        self._device = "cpu"

    def _ask(self, message: dict, array: np.ndarray | None = None) -> tuple[dict, np.ndarray | None]:
        """Send one message and return its answer."""
        if not self._end.alive:
            raise InputError(f"The process that runs the model '{self._model}' was closed; load the model again.")
        try:
            send(self._process.stdin, message, array)
            answer, values = receive(self._process.stdout)
        except (OSError, EOFError, ValueError) as error:
            raise self._lost() from error
        except BaseException:
            self.close()  # what is still under way would be taken for the answer to the next question
            raise
        if answer["event"] == "failed":
            if answer["kind"] == "memory":
                raise torch.cuda.OutOfMemoryError(answer["error"])
            if message is self._load:
                self.close()
            raise InputError(answer["error"])
        return answer, values

    def _lost(self) -> InputError:
        """End what is left of a process that broke off, and say so."""
        self.close()
        self._ear.join(_SECONDS_TO_END)
        code = self._process.returncode
        # The last line of a traceback says most; a killed process had nothing to say.
        said = ", as when memory runs out" if code == -9 else f": {self._words[-1]}" if self._words else ""
        return InputError(
            f"The process that runs the model '{self._model}' with {self._runtime.title} ended unexpectedly "
            f"(exit code {code}{said}); run it again."
        )


def _environment(python: str) -> dict[str, str]:
    """The variables of this process; another Python must not find the packages of this one."""
    if python == this_python():
        return dict(os.environ)
    return {key: value for key, value in os.environ.items() if key not in ("PYTHONHOME", "PYTHONPATH")}


def _listen(stream: BinaryIO, words: deque[str]) -> None:
    with stream:
        for line in stream:
            if text := line.decode("utf-8", "replace").strip():
                words.append(text)


def _end(process: subprocess.Popen) -> None:
    """Close the process's standard input, upon which it ends; kill it when it does not."""
    try:
        process.stdin.close()
    except OSError:
        pass  # it has ended already, with something unread
    try:
        process.wait(_SECONDS_TO_END)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    process.stdout.close()
