"""A run's checkpoints: ``last.ckpt`` after every round and ``best.ckpt``, each whole or not there."""

from __future__ import annotations

import io
import math
import os
import shutil
from pathlib import Path
from typing import Any, Literal

import torch
from lightning.pytorch.callbacks import Checkpoint
from lightning.pytorch.plugins.io import TorchCheckpointIO
from lightning.pytorch.utilities import rank_zero_warn

from LesionSegmentationLib.engine.errors import InputError

LAST, BEST = "last.ckpt", "best.ckpt"


class AtomicCheckpoints(TorchCheckpointIO):
    """Writes a checkpoint beside its place, makes sure that it is on the disk, and renames it.

    So the file of that name is always the old one or the new one. Raises InputError that names the folder when the disk
    is full or does not answer; the old file is then untouched.
    """

    def save_checkpoint(self, checkpoint: dict[str, Any], path: str | Path, storage_options: Any = None) -> None:
        """Write ``checkpoint`` to ``path``."""
        path = Path(path)
        part = path.with_name(path.name + ".part")
        buffer = io.BytesIO()
        torch.save(checkpoint, buffer)
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            with part.open("wb") as stream:
                stream.write(buffer.getbuffer())
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(part, path)
            _sync_folder(path.parent)
        except OSError as error:
            part.unlink(missing_ok=True)
            raise InputError(
                f"The checkpoint {path.name} cannot be written to {path.parent} ({error.strerror}); make room there. "
                "The last good checkpoint is untouched."
            ) from error


class RunCheckpoints(Checkpoint):
    """Saves after every round (epoch) into the run's folder.

    ``monitor``, ``mode``: the validation figure by which ``best.ckpt`` is chosen; without validation there is none.
    ``every``: rounds between checkpoints; the last round is always saved. ``when_disk_full``: "stop" ends the run with
    the sentence of the disk; "go_on" warns, tries again after the next round, and fails only if the last one fails.
    """

    def __init__(
        self,
        monitor: str = "validate/average_precision",
        mode: Literal["max", "min"] = "max",
        every: int = 1,
        when_disk_full: Literal["stop", "go_on"] = "go_on",
    ):
        self.monitor, self.mode, self.every, self.when_disk_full = monitor, mode, every, when_disk_full
        self.best_score: float | None = None
        self.failures = 0
        self._score: float | None = None
        self._saved_step = -1

    def state_dict(self) -> dict:
        """The best score so far."""
        return {"best_score": self.best_score}

    def load_state_dict(self, state_dict: dict) -> None:
        """Go on with the best score of the checkpoint."""
        self.best_score = state_dict["best_score"]

    def on_validation_end(self, trainer, pl_module) -> None:
        """Remember the figure of this round."""
        if trainer.state.fn == "fit" and self.monitor in trainer.callback_metrics:
            self._score = float(trainer.callback_metrics[self.monitor])

    def on_train_epoch_end(self, trainer, pl_module) -> None:
        """Save the round that is done."""
        if (trainer.current_epoch + 1) % self.every == 0 or self._score is not None:
            try:
                self._save(trainer)
            except InputError as error:
                self.failures += 1
                if self.when_disk_full == "stop":
                    raise
                rank_zero_warn(f"{error} The run goes on and tries again after the next round.")

    def on_train_end(self, trainer, pl_module) -> None:
        """Save the last round if that has not been done; this time a failure is final."""
        if self._saved_step != trainer.global_step:
            self._save(trainer)

    def _save(self, trainer) -> None:
        score, self._score = self._score, None
        better = score is not None and not math.isnan(score) and self._is_better(score)
        before = self.best_score
        self.best_score = score if better else before
        folder = Path(trainer.default_root_dir)
        try:
            trainer.save_checkpoint(folder / LAST, weights_only=False)
            if better and trainer.is_global_zero:
                _copy(folder / LAST, folder / BEST)
        except InputError:
            self.best_score = before
            raise
        self._saved_step = trainer.global_step

    def _is_better(self, score: float) -> bool:
        if self.best_score is None:
            return True
        return score > self.best_score if self.mode == "max" else score < self.best_score


def _copy(source: Path, target: Path) -> None:
    """Give the file a second name; it costs no room, since checkpoints are replaced and never written into."""
    part = target.with_name(target.name + ".part")
    part.unlink(missing_ok=True)
    try:
        try:
            os.link(source, part)
        except OSError:  # file systems without hard links
            shutil.copyfile(source, part)
        os.replace(part, target)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise InputError(f"{target.name} cannot be written to {target.parent} ({error.strerror}).") from error


def _sync_folder(folder: Path) -> None:
    """Make a rename last through a power cut, where the system can do that."""
    if hasattr(os, "O_DIRECTORY"):
        handle = os.open(folder, os.O_DIRECTORY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def best_score_of(path: Path) -> float | None:
    """Return the best score that the run of the checkpoint ``path`` has had so far; None if it was never judged."""
    callbacks = torch.load(path, map_location="cpu", weights_only=True).get("callbacks", {})
    return next((state["best_score"] for name, state in callbacks.items() if name == RunCheckpoints.__qualname__), None)
