"""Which models the panel offers, and what it says about them.

Only the description is read here: opening the module needs neither torch nor the time for checksums. The worker
verifies a bundle before it runs it, and says what is wrong with it.
"""

import json
from dataclasses import dataclass
from pathlib import Path

from slicer.i18n import tr as _

from ..engine.bundle import find_bundle, model_folders, user_model_folder
from ..engine.errors import InputError


@dataclass(frozen=True)
class ModelChoice:
    """What the panel needs to know of a bundle. ``channels``: {"flair": required?, ...}."""

    name: str
    title: str
    task: str
    channels: dict
    version: str = ""
    licence: str = ""
    calibratedOn: str = ""  # "" for a model that nobody calibrated
    folder: Path = Path()

    @property
    def removable(self):
        """Whether this user installed it: shipped models, and those of the site, stay."""
        return self.folder.parent == user_model_folder()

    @property
    def detail(self):
        """Task, channels, calibration and licence, a line each."""
        channels = ", ".join(
            name.upper() if required else _("{channel} (optional)").format(channel=name.upper())
            for name, required in self.channels.items()
        )
        calibration = (
            _("Calibrated on {cases}").format(cases=self.calibratedOn)
            if self.calibratedOn
            else _("Uncalibrated: its expected figures are no promise")
        )
        return "\n".join(
            [
                _("{task} (version {version})").format(task=self.task, version=self.version),
                _("Channels: {channels}").format(channels=channels),
                calibration,
                _("Licence: {licence}").format(licence=self.licence),
            ]
        )


def installedModels():
    """Return the ModelChoice of every readable bundle; of two with one name the first found, as the engine does."""
    models = {}
    for folder in model_folders():
        for path in sorted(folder.glob("[!.]*/bundle.json")):
            try:
                model = _readChoice(path)
            except (OSError, ValueError, KeyError, TypeError, AttributeError):
                continue  # `lesion-segmentation models` lists it with the reason
            models.setdefault(model.name, model)
    return list(models.values())


def modelChoice(name):
    """Return the ModelChoice of an installed model, or of the bundle in the folder ``name``.

    Raises InputError when there is none.
    """
    known = {model.name: model for model in installedModels()}
    return known[name] if name in known else _readChoice(find_bundle(name).folder / "bundle.json")


def verifiedModel(name):
    """Check the description and the checksum of a model; returns a sentence, raises InputError when it is damaged."""
    bundle = find_bundle(name)
    return _("{name} {version} is whole: its weights have the checksum of its description.").format(
        name=bundle.name, version=bundle.version
    )


def chosenNodes(model, nodes):
    """Return the model's name, the first installed one's when "", and those of ``nodes`` that it uses, in its order.

    Raises InputError when there is no such model or a channel that it needs has no volume.
    """
    if not model:
        model = next((choice.name for choice in installedModels()), None)
    if model is None:
        raise InputError(_("No model is installed: install the extension again, it comes with one."))
    channels = modelChoice(model).channels
    for channel, required in channels.items():
        if required and nodes.get(channel) is None:
            raise InputError(_("Choose the {channel} volume to segment.").format(channel=channel.upper()))
    used = {channel: nodes[channel] for channel in channels if nodes.get(channel) is not None}
    if not used:
        raise InputError(_("Choose a volume to segment."))
    return model, used


def _readChoice(path):
    description = json.loads(path.read_text(encoding="utf-8"))
    return ModelChoice(
        name=description["name"],
        title=description["title"],
        task=description["task"],
        channels={channel["name"]: bool(channel["required"]) for channel in description["channels"]},
        version=str(description.get("version", "")),
        licence=str(description.get("licence", "")),
        calibratedOn=str(description["calibration"].get("fitted_on") or ""),
        folder=path.parent,
    )
