"""What a model reached on scans that were left out of its training, as its bundle states it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

LEFT_OUT = ("left out", "left out by a fold")
NAMES = ("precision", "recall", "dice", "f2")


@dataclass(frozen=True)
class MeasuredFigures:
    """Means over ``scans`` at some settings. ``rows``: [[rho, precision, recall, Dice, F2], ...], rho rising."""

    scans: int
    rows: list

    @classmethod
    def of(cls, description: dict, channels: Sequence[str]) -> MeasuredFigures | None:
        """Return those of the ``description`` of a bundle for input of just these ``channels``; None without any."""
        try:
            return cls._of_rows(description.get("figures", ()), set(channels))
        except (AttributeError, KeyError, TypeError, ValueError):
            return None  # nothing that a model needs to run depends on this entry, so nobody checked it

    @classmethod
    def _of_rows(cls, figures: list, channels: set) -> MeasuredFigures | None:
        rows = [row for row in figures if row["role"] in LEFT_OUT and set(row["channels"].split(" + ")) == channels]
        scans = {row.get("case", row["patient"]) for row in rows}
        means = []
        for beta in sorted({float(row["beta"]) for row in rows}):
            values = [_figures(row) for row in rows if float(row["beta"]) == beta]
            # A mean of fewer scans than its neighbours would make a step that no setting makes.
            if 0 < beta < 1 and len(values) == len(scans):
                means.append([beta / (1 - beta), *np.mean(values, axis=0).tolist()])
        return cls(len(scans), means) if means else None

    @classmethod
    def from_dict(cls, entry: dict | None) -> MeasuredFigures | None:
        """Return what :meth:`to_dict` wrote; None for None."""
        return None if entry is None else cls(int(entry["scans"]), [list(row) for row in entry["rows"]])

    def to_dict(self) -> dict:
        """Return it ready for JSON."""
        return {"scans": self.scans, "rows": self.rows}

    def at(self, rho: float) -> dict[str, float] | None:
        """Return the figures by name at beta/alpha = ``rho``, linear in log rho; None outside of what was measured."""
        known = np.log([row[0] for row in self.rows])
        here = np.log(rho) if rho > 0 else -np.inf
        if not known[0] - 1e-6 <= here <= known[-1] + 1e-6:
            return None
        return {
            name: float(np.interp(here, known, [row[column] for row in self.rows]))
            for column, name in enumerate(NAMES, start=1)
        }


def _figures(row: dict) -> list[float]:
    """Precision, recall, Dice and F2 of one scan; 0 where nothing was marked, which hides no miss in the mean."""
    precision, recall = float(row["precision"] or 0), float(row["recall"] or 0)
    both = precision * recall
    if both == 0:
        return [precision, recall, 0.0, 0.0]
    return [precision, recall, 2 * both / (precision + recall), 5 * both / (4 * precision + recall)]
