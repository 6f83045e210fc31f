"""Which models the panel offers.

Only the description is read here: opening the module needs neither torch nor the time for checksums. The worker
verifies a bundle before it runs it, and says what is wrong with it.
"""

import json
from dataclasses import dataclass

from ..engine.bundle import model_folders


@dataclass(frozen=True)
class ModelChoice:
    """What the panel needs to know of a bundle. ``channels``: {"flair": required?, ...}."""

    name: str
    title: str
    task: str
    channels: dict


def installedModels():
    """Return the ModelChoice of every readable bundle; of two with one name the first found, as the engine does."""
    models = {}
    for folder in model_folders():
        for path in sorted(folder.glob("*/bundle.json")):
            try:
                description = json.loads(path.read_text(encoding="utf-8"))
                channels = {channel["name"]: bool(channel["required"]) for channel in description["channels"]}
                model = ModelChoice(description["name"], description["title"], description["task"], channels)
            except (OSError, ValueError, KeyError, TypeError):
                continue  # `lesion-segmentation models` lists it with the reason
            models.setdefault(model.name, model)
    return list(models.values())
