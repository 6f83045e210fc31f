"""``curve.csv`` of a run: loss and learning rate of every step, one file over all interruptions."""

from __future__ import annotations

import csv
import os
from pathlib import Path

import torch
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.utilities import rank_zero_warn


class CurveFile(Callback):
    """Writes ``curve.csv`` into the run's folder: ``step`` (1 is the first), ``learning_rate``, ``loss`` and its terms.

    Lightning's CSVLogger begins a new file, or deletes the old one, when a run goes on; here rows behind the
    checkpoint are dropped and the others stay. Numbers have all their digits. Rows are kept as tensors and written
    ``every`` so many steps, since reading a loss waits for the GPU.
    """

    def __init__(self, every: int = 10):
        self.every = every
        self._rows: list[dict] = []
        self._warned = False

    def on_train_start(self, trainer, pl_module) -> None:
        """Keep the rows up to the step the run goes on from."""
        if trainer.is_global_zero:
            self._path = Path(trainer.default_root_dir) / "curve.csv"
            self._path.parent.mkdir(parents=True, exist_ok=True)
            rows = read_curve(self._path) if self._path.exists() else []
            part = self._path.with_suffix(".part")
            _write(part, [row for row in rows if int(row["step"]) <= trainer.global_step], "w")
            os.replace(part, self._path)

    def on_train_batch_end(self, trainer, pl_module, outputs, batch, batch_idx: int) -> None:
        """Remember the step that is done."""
        if trainer.is_global_zero:
            step, rate = trainer.global_step, outputs["learning_rate"]
            self._rows.append({"step": step, "learning_rate": rate, "loss": outputs["loss"], **outputs["terms"]})
            if step % self.every == 0:
                self._flush()

    def on_train_epoch_end(self, trainer, pl_module) -> None:
        """Write what a checkpoint of this moment has seen."""
        self._flush()

    def on_train_end(self, trainer, pl_module) -> None:
        """Write what is left."""
        self._flush()

    def _flush(self) -> None:
        if not self._rows:
            return
        self._rows = [{key: _number(value) for key, value in row.items()} for row in self._rows]
        length = self._path.stat().st_size
        try:
            _write(self._path, self._rows, "a")
            self._rows.clear()
        except OSError as error:  # the disk is full: the rows are kept for the next time
            os.truncate(self._path, length)
            if not self._warned:
                rank_zero_warn(f"{self._path} cannot be written ({error.strerror}); make room there.")
            self._warned = True


def read_curve(path: Path) -> list[dict[str, str]]:
    """Return the rows of a ``curve.csv`` as text; a last line that was cut off is left out."""
    with Path(path).open(newline="", encoding="utf-8") as stream:
        text = stream.read()
    rows = list(csv.DictReader(text[: text.rfind("\n") + 1].splitlines()))
    return [row for row in rows if None not in row and None not in row.values()]


def _write(path: Path, rows: list[dict], mode: str) -> None:
    with path.open(mode, newline="", encoding="utf-8") as stream:
        if rows:
            table = csv.DictWriter(stream, rows[0].keys())
            if stream.tell() == 0:
                table.writeheader()
            table.writerows(rows)


def _number(value: float | int | torch.Tensor) -> float | int:
    return value.item() if isinstance(value, torch.Tensor) else value
