"""What runs a bundle's network: the engine itself, or somebody else's library in a process of its own."""

from __future__ import annotations

from dataclasses import dataclass

ENGINE = "engine"


@dataclass(frozen=True)
class Runtime:
    """A library that runs networks. ``title``: its name for a person. ``module``: the program, started with ``-m``.

    ``variable``: the environment variable that names another Python to run it with.
    """

    title: str
    module: str
    variable: str


RUNTIMES = {
    "monai": Runtime("MONAI", "LesionSegmentationLib.adapters.monai_runtime", "LESION_SEGMENTATION_MONAI_PYTHON"),
}
