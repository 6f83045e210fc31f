"""What a cache is made from, as a YAML file says it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from LesionSegmentationLib.engine.errors import InputError
from LesionSegmentationLib.engine.prepare import Plan

Split = Literal["train", "validate", "calibrate", "test"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid")


class Layout(_Strict):
    """Cases of a published folder layout: a reader of ``datasets.READERS``, a folder, and the reader's own options."""

    reader: str
    folder: Path
    options: dict = {}


class SyntheticPart(_Strict):
    """``count`` made-up patients of one split; seeds run on from ``first_seed``.

    ``label_maps``: numbers of the label maps to cycle through. ``shape_patients``: first and last (excluded) patient of
    the whole-brain lesion masks to draw from. ``lesion_free_every``: every so-manieth patient has no lesion.
    """

    split: Split
    count: int = Field(gt=0)
    first_seed: int
    label_maps: list[int]
    shape_patients: tuple[int, int]
    lesion_free_every: int | None = None


class Synthetic(_Strict):
    """Made-up patients: where the label maps and lesion shapes lie, and how many patients of which split."""

    label_maps: str = "label-maps/training_seg_{number:02d}.nii.gz"
    patients: Path = Path("lesion-shapes/ljubljana-masks.npz")
    single: Path | None = Path("lesion-shapes/ms-mist-shapes.npz")
    template: Path | None = None
    parts: list[SyntheticPart]


class Recipe(_Strict):
    """All that goes into a cache; every path is below the data folder.

    ``channels``: the network's channels in their order, the reference first. ``spacing_mm``, ``spacing_tolerance`` and
    ``intensity``: as in a bundle's plan. ``tables``: case tables; ``cases``: rows written out here, as in a JSON table;
    ``layouts``: published folder layouts. ``shares``: how patients without a split are dealt out, by ``seed``.
    ``left_out``: patients whose cases come into the split "test", whatever else is said of them.
    """

    channels: list[str] = Field(min_length=1)
    spacing_mm: tuple[float, float, float] = (1.0, 1.0, 1.0)
    spacing_tolerance: float = 0.15
    intensity: dict | None = None
    tables: list[Path] = []
    cases: list[dict] = []
    layouts: list[Layout] = []
    shares: dict[Split, float] = {"train": 0.7, "validate": 0.1, "calibrate": 0.1, "test": 0.1}
    seed: int = 0
    left_out: list[str] = []
    synthetic: Synthetic | None = None

    @property
    def plan(self) -> Plan:
        intensity = {} if self.intensity is None else {"intensity": self.intensity}
        return Plan(tuple(self.channels), self.spacing_mm, self.spacing_tolerance, **intensity)


def read_recipe(path: Path | str) -> Recipe:
    """Read a recipe. Raises InputError that names the file and the entry that is wrong."""
    path = Path(path)
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise InputError(f"{path} cannot be read ({error}); name a YAML file that says what to prepare.") from error
    try:
        return Recipe.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        raise InputError(f"In {path}, {where}: {first['msg']}.") from error
