"""What a training run is made of, as a person chooses it, and the command that does it."""

from __future__ import annotations

import csv
import json
import math
import re
from dataclasses import dataclass
from pathlib import Path

from .errors import InputError
from .python_process import LIBRARY_FOLDER

_FIXED_COLUMNS = ("id", "patient", "split", "mask", "mask_values", "lesion_values")


@dataclass(frozen=True)
class TrainingSettings:
    """What a run is made of.

    ``table``: the case table; ``run``: the folder of the run; ``preset``: one of :func:`presets`. ``loss``, with
    ``alpha`` (weight of false positives) and ``beta`` (of false negatives) where it takes them, and ``network`` are
    those of the preset when ""; ``rounds`` when 0. ``options``: further options of the command ``fit``. ``python``:
    the interpreter, this one when "".
    """

    table: str
    run: str
    preset: str
    loss: str = ""
    alpha: float = 0.5
    beta: float = 0.5
    network: str = ""
    rounds: int = 0
    options: tuple[str, ...] = ()
    python: str = ""


# What the panel offers; the losses with alpha and beta first.
WEIGHTED_LOSSES = ("tversky", "focal_tversky", "asymmetric_similarity")
LOSSES = (*WEIGHTED_LOSSES, "dice", "jaccard", "lovasz_hinge", "cross_entropy", "focal", "generalized_dice")


def training_folder() -> Path:
    """Return the folder of the training package and its ``configs``; InputError where the extension has none."""
    for folder in (LIBRARY_FOLDER, LIBRARY_FOLDER.parent / "training"):
        if (folder / "LesionSegmentationTraining" / "__main__.py").is_file():
            return folder
    raise InputError("The training package is not there; install the extension again.")


def presets() -> dict[str, Path]:
    """Return the settings of a fit that come with the package, by name, in alphabetical order."""
    try:
        files = sorted((training_folder() / "configs").glob("*.yaml"))
    except InputError:
        return {}
    return {path.stem: path for path in files if "\nmodel:" in path.read_text(encoding="utf-8")}


def preset_text(path: Path) -> str:
    """Return what a preset says about itself: the comment at its beginning, one line."""
    lines = path.read_text(encoding="utf-8").splitlines()
    count = next((n for n, line in enumerate(lines) if not line.startswith("#")), len(lines))
    return " ".join(line.lstrip("# ") for line in lines[:count])


def missing_start(path: Path) -> str:
    """Return the checkpoint that a preset begins with, where it is not there; "" for one that can begin.

    A relative one is looked for where the fit looks for it, in the working directory.
    """
    found = re.search(r"^  start_from: *(\S.*?) *$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return "" if found is None or Path(found[1]).is_file() else found[1]


def table_channels(table: Path) -> list[str]:
    """Return the channels of a case table (.csv or .json), the reference first; InputError when it cannot be read."""
    try:
        text = table.read_text(encoding="utf-8-sig")
        if table.suffix.lower() == ".json":
            found = dict.fromkeys(channel for row in json.loads(text) for channel in row["channels"])
            return list(found)
        first = text.splitlines()[0]
        columns = next(csv.reader([first], delimiter=";" if ";" in first else ","))
    except (OSError, UnicodeDecodeError, ValueError, KeyError, TypeError, IndexError) as error:
        raise InputError(f"The case table {table.name} cannot be read; choose a table of cases.") from error
    columns = [column.strip() for column in columns]
    return [column for column in columns if column and column not in _FIXED_COLUMNS and not column.startswith("mask:")]


def fit_options(settings: TrainingSettings, cache: Path, channels: int) -> list[str]:
    """Return the options of the command ``fit`` for a cache of so many channels."""
    options = ["--config", settings.preset, "--run", str(Path(settings.run).absolute())]
    options += ["--data.caches", json.dumps([str(cache.absolute())]), "--trainer.enable_progress_bar", "false"]
    if settings.network:
        options += ["--model.network", json.dumps({"name": settings.network, "in_channels": channels})]
    else:
        options += ["--model.network.in_channels", str(channels)]
    if settings.loss:
        options += ["--model.loss", json.dumps(_loss(settings))]
    if settings.rounds:
        options += ["--trainer.max_epochs", str(settings.rounds)]
    return [*options, *settings.options]


def _loss(settings: TrainingSettings) -> dict:
    if settings.loss not in WEIGHTED_LOSSES:
        return {"name": settings.loss}
    if settings.loss == "asymmetric_similarity":  # it is given F_beta, whose beta squared is beta / alpha
        return {"name": settings.loss, "fbeta": math.sqrt(settings.beta / settings.alpha)}
    return {"name": settings.loss, "alpha": settings.alpha, "beta": settings.beta}
