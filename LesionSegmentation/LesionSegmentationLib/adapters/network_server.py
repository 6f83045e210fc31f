"""The far side of ``engine.foreign_network``: answers its questions with a network that an adapter loads."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from typing import BinaryIO

import torch

from ..engine.array_messages import receive, send
from ..engine.bridge import to_array, to_tensor
from ..engine.errors import InputError

_PARENT_CHECK_SECONDS = 1.0


def serve(load: Callable[[str, dict, str], tuple[torch.nn.Module, dict[str, str]]]) -> None:
    """Answer on this process's standard streams until the input closes or the parent is gone, then end this process.

    ``load(model, network, weights)`` returns the trained network, which has ``in_channels`` and ``multiple``, and the
    versions of the libraries that run it; it raises InputError with one sentence for the user.
    """
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the parent decides
    questions = os.fdopen(os.dup(0), "rb")
    answers = _own_standard_output()
    threading.Thread(target=_end_with, args=(os.getppid(),), daemon=True).start()
    server = _Server(load)
    while True:
        try:
            send(answers, *server.answer(*receive(questions)))
        except (EOFError, OSError):
            os._exit(0)  # taking the interpreter down with all that a library holds takes seconds


class _Server:
    """Holds the network between the questions."""

    def __init__(self, load: Callable):
        self._load = load
        self._network = None
        self._device = torch.device("cpu")

    def answer(self, question: dict, patch) -> tuple:
        """Return the message, and the array if any, that answers ``question``; whatever happens, there is one."""
        try:
            return {"load": self._on_load, "device": self._on_device, "run": self._on_run}[question["command"]](
                question, patch
            )
        except InputError as error:
            return (_failed("input", str(error)),)
        except torch.cuda.OutOfMemoryError:
            torch.cuda.empty_cache()
            return (_failed("memory", "The GPU has too little memory."),)
        except Exception as error:
            reason = f"{type(error).__name__}: {' '.join(str(error).split())}"[:300].rstrip(".:")
            return (_failed("internal", f"The model's network failed ({reason})."),)

    def _on_load(self, question: dict, _) -> tuple:
        self._network, versions = self._load(question["model"], question["network"], question["weights"])
        facts = {"in_channels": self._network.in_channels, "multiple": self._network.multiple}
        return ({"event": "ready", **facts, "versions": versions},)

    def _on_device(self, question: dict, _) -> tuple:
        device = torch.device(question["device"])
        if device.type == "cuda" and (device.index or 0) >= torch.cuda.device_count():
            raise InputError(f"The torch that runs this model sees no device '{device}'; use cpu.")
        self._network, self._device = self._network.to(device), device
        return ({"event": "ready"},)

    def _on_run(self, _, patch) -> tuple:
        with torch.inference_mode():
            return {"event": "logits"}, to_array(self._network(to_tensor(patch).to(self._device)).float())


def _failed(kind: str, error: str) -> dict:
    return {"event": "failed", "kind": kind, "error": error}


def _own_standard_output() -> BinaryIO:
    """Return standard output for answers alone; what anybody else prints goes to standard error from now on."""
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    sys.stdout = sys.stderr
    return answers


def _end_with(parent: int) -> None:
    """End this process at once, in the middle of a patch too, when its parent is gone (which Windows does not tell)."""
    while os.getppid() == parent:
        time.sleep(_PARENT_CHECK_SECONDS)
    os._exit(1)
