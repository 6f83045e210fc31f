"""Cases on disk: what training reads. One folder a case, memory-mapped, so that hundreds cost no memory.

``image.npy`` float16 (channel, i, j, k): flair, t1 (zeros where absent), standardised as at inference, nearest-RAS
order, 1 mm. ``mask.npy`` uint8 (i, j, k). ``centres.npy`` int16 (n, 4): lesion number and a voxel of it, several a
lesion. ``case.json``: name, kind ("synthetic" or "real") and where it comes from.
"""

from __future__ import annotations

import json
import os
from dataclasses import dataclass
from pathlib import Path

import nibabel
import numpy as np
from scipy import ndimage

from LesionSegmentationLib.engine.prepare import standardise

CHANNELS = ("flair", "t1")
CENTRES_PER_LESION = 12


@dataclass(frozen=True)
class Case:
    """A case read from its folder; see the module's description for the arrays. Arrays are memory-mapped."""

    name: str
    image: np.ndarray
    mask: np.ndarray
    centres: np.ndarray
    facts: dict

    @property
    def real(self) -> bool:
        return self.facts["kind"] == "real"


def write_case(folder: Path | str, channels: dict[str, np.ndarray], mask: np.ndarray, facts: dict) -> None:
    """Standardise the raw ``channels`` ({"flair": (i, j, k), ...}) and write the case; its folder appears whole."""
    folder = Path(folder)
    part = folder.with_name(folder.name + ".part")
    part.mkdir(parents=True, exist_ok=True)
    image = np.zeros((len(CHANNELS), *mask.shape), np.float16)
    for index, channel in enumerate(CHANNELS):
        if channel in channels:
            image[index] = standardise(channels[channel])
    np.save(part / "image.npy", image)
    np.save(part / "mask.npy", mask.astype(np.uint8))
    np.save(part / "centres.npy", lesion_centres(mask))
    (part / "case.json").write_text(json.dumps({"name": folder.name, **facts}, indent=1))
    os.replace(part, folder)


def read_case(folder: Path | str) -> Case:
    """Return the case in ``folder``, its arrays memory-mapped."""
    folder = Path(folder)
    image, mask, centres = (np.load(folder / f"{part}.npy", mmap_mode="r") for part in ("image", "mask", "centres"))
    facts = json.loads((folder / "case.json").read_text())
    return Case(facts["name"], image, mask, np.array(centres), facts)


def read_cases(folder: Path | str) -> list[Case]:
    """All cases under ``folder``, by name. Raises ValueError where there is none."""
    cases = [
        read_case(path.parent) for path in sorted(Path(folder).glob("*/case.json")) if path.parent.suffix != ".part"
    ]
    if not cases:
        raise ValueError(f"no cases under {folder}")
    return cases


def read_real(flair: Path | str, t1: Path | str | None, mask: Path | str) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Raw channels and mask of a real patient whose images share one grid of about 1 mm, in nearest-RAS order.

    Raises ValueError that names the file when it lies on another grid than the FLAIR or its voxels are not of 1 mm.
    """
    files = {"flair": flair, "mask": mask} | ({} if t1 is None else {"t1": t1})
    images = {name: nibabel.as_closest_canonical(nibabel.load(path)) for name, path in files.items()}
    for name, image in images.items():
        if image.shape != images["flair"].shape or not np.allclose(image.affine, images["flair"].affine, atol=1e-2):
            raise ValueError(f"{files[name]} does not lie on the grid of {flair}; resample it to that grid")
        if not np.allclose(image.header.get_zooms()[:3], 1, atol=0.15):
            raise ValueError(f"{files[name]} does not have voxels of 1 mm; resample the case to 1 mm")
    arrays = {name: image.get_fdata(dtype=np.float32) for name, image in images.items()}
    truth = (arrays.pop("mask") > 0.5).astype(np.uint8)
    return arrays, truth


def lesion_centres(mask: np.ndarray) -> np.ndarray:
    """int16 (n, 4): for each 26-connected lesion its number (from 0) and up to twelve of its voxels, evenly spread."""
    numbers, count = ndimage.label(mask, np.ones((3, 3, 3)))
    at = np.argwhere(numbers)
    owner = numbers[tuple(at.T)] - 1
    order = np.argsort(owner, kind="stable")
    at, owner = at[order], owner[order]
    first = np.searchsorted(owner, np.arange(count + 1))
    rows = []
    for lesion in range(count):
        size = first[lesion + 1] - first[lesion]
        pick = first[lesion] + np.unique(np.linspace(0, size - 1, CENTRES_PER_LESION).round().astype(int))
        rows.append(np.column_stack([np.full(len(pick), lesion), at[pick]]))
    return np.concatenate(rows).astype(np.int16) if rows else np.zeros((0, 4), np.int16)
