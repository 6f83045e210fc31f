"""Whether a Python environment can train: run with ``-m`` in that environment, it prints one JSON object.

{"python": "3.12.10", "missing": ["lightning", ...]}: what ``pip install`` would have to be given. Nothing is imported
that is heavy, and nothing that a Python too old for this project could not read.
"""

from __future__ import annotations

import importlib.util
import json
import platform

# Module and what pip calls it; those of the extra "training", and what the engine needs.
PACKAGES = {
    "torch": "torch",
    "numpy": "numpy",
    "scipy": "scipy",
    "SimpleITK": "SimpleITK",
    "safetensors": "safetensors",
    "lightning": "lightning",
    "jsonargparse": "jsonargparse[signatures]",
    "yaml": "pyyaml",
    "pydantic": "pydantic",
    "monai": "monai",
    "nibabel": "nibabel",
    "cc3d": "connected-components-3d",
    "matplotlib": "matplotlib",
    "tensorboard": "tensorboard",
    "tqdm": "tqdm",
}


def missing_packages() -> list[str]:
    """Return what pip calls the packages that are not there, in alphabetical order."""
    return sorted(name for module, name in PACKAGES.items() if importlib.util.find_spec(module) is None)


if __name__ == "__main__":
    print(json.dumps({"python": platform.python_version(), "missing": missing_packages()}))
