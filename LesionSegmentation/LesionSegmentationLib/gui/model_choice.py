"""Which models the panel offers.

Only the description is read here: opening the module needs neither torch nor the time for checksums. The worker
verifies a bundle before it runs it, and says what is wrong with it.
"""

import json

from ..engine.bundle import model_folders


def installedModels():
    """Return [(name, title, tooltip)] of the bundles in the model folders, those named first winning."""
    models = {}
    for folder in model_folders():
        for path in sorted(folder.glob("*/bundle.json")):
            try:
                description = json.loads(path.read_text(encoding="utf-8"))
                name, title, task = (str(description[key]) for key in ("name", "title", "task"))
            except (OSError, ValueError, KeyError, TypeError):
                continue  # `lesion-segmentation models` lists it with the reason
            models.setdefault(name, (name, title, task))
    return list(models.values())
