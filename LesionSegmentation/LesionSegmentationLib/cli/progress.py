"""Progress of a long job on stderr: a bar on a terminal, plain lines anywhere else."""

from __future__ import annotations

import sys
import time
from typing import TextIO

STAGES = {
    "read": "Reading the study",
    "prepare": "Preparing the images",
    "predict": "Running the network",
    "restore": "Returning to the image's grid",
    "register": "Registering the two heads",
    "resample": "Moving both halfway",
    "curve": "Making the operating curve",
    "write": "Writing the results",
}
BAR_WIDTH = 30
SECONDS_BETWEEN_LINES = 10.0


class Progress:
    """``progress(stage, fraction)`` with the engine's stage names and 0 to 1; ``say`` prints a sentence in between."""

    def __init__(self, stream: TextIO | None = None):
        self._stream = stream or sys.stderr
        self._terminal = self._stream.isatty()
        self._stage: str | None = None
        self._started = self._last_line = 0.0
        self._open_line = False

    def __call__(self, stage: str, fraction: float) -> None:
        if stage != self._stage:
            self._begin(stage)
        if self._terminal:
            self._draw(stage, fraction)
        elif 0 < fraction < 1 and time.monotonic() - self._last_line > SECONDS_BETWEEN_LINES:
            self._print(f"{STAGES.get(stage, stage)}: {fraction:.0%}{self._left(fraction)}")

    def say(self, sentence: str) -> None:
        """Print ``sentence`` on a line of its own."""
        self.close()
        self._print(sentence)

    def close(self) -> None:
        """End an unfinished line, so that what follows starts on a new one."""
        if self._open_line:
            self._stream.write("\n")
            self._stream.flush()
            self._open_line = False

    def _begin(self, stage: str) -> None:
        self.close()
        self._stage, self._started = stage, time.monotonic()
        if not self._terminal:
            self._print(f"{STAGES.get(stage, stage)} ...")

    def _draw(self, stage: str, fraction: float) -> None:
        done = round(BAR_WIDTH * fraction)
        bar = "#" * done + "-" * (BAR_WIDTH - done)
        # \x1b[K clears what a longer line left behind.
        line = f"\r{STAGES.get(stage, stage):<30} [{bar}] {fraction:4.0%}{self._left(fraction)}\x1b[K"
        self._stream.write(line)
        self._stream.flush()
        self._open_line = True

    def _left(self, fraction: float) -> str:
        spent = time.monotonic() - self._started
        return f", about {spent * (1 - fraction) / fraction:.0f} s left" if 0 < fraction < 1 and spent > 3 else ""

    def _print(self, line: str) -> None:
        print(line, file=self._stream, flush=True)
        self._last_line = time.monotonic()
