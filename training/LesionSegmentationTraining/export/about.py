"""What only the maker of a model can say about it; goes into ``bundle.json`` and ``CARD.md``."""

from __future__ import annotations

from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from LesionSegmentationLib.engine.errors import InputError
from LesionSegmentationLib.engine.validated_range import check_validated


class About(BaseModel):
    """``name``: also the name of the bundle's folder. ``data``: the data and their licences, one sentence an item.

    ``limits``: what is known to go wrong, one sentence an item. ``validated``: the range of the studies that the
    figures come from, see the engine's ``validated_range``; beyond it expected figures are withheld. It is stated by
    hand, since the cases of a cache were brought to one spacing and cropped. All but ``name`` have defaults, which say
    that nothing was stated.
    """

    model_config = ConfigDict(extra="forbid")

    name: str
    version: str = "0.1.0"
    title: str = ""
    task: str = "Lesions"
    licence: str = "not stated"
    data: list[str] = []
    limits: list[str] = []
    validated: dict | None = None


def read_about(path: Path | str) -> About:
    """Read an ``about`` YAML file. Raises InputError that names the file and the entry that is wrong."""
    path = Path(path)
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise InputError(f"{path} cannot be read ({error}); name a YAML file that describes the model.") from error
    return about_from(content, str(path))


def about_from(content: object, source: str) -> About:
    """Check ``content`` (a mapping) as an :class:`About`; ``source`` names it in the InputError."""
    try:
        about = About.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(map(str, first["loc"])) or "the file"
        known = ", ".join(About.model_fields)
        raise InputError(f"In {source}, {where}: {first['msg']}. The known entries are {known}.") from error
    check_validated(about.validated, source)
    return about
