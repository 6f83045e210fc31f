"""Drawn lesions as material for synthetic ones: shapes, places and loads, in MNI152 space."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import ndimage

CONNECTED = np.ones((3, 3, 3), bool)


@dataclass(frozen=True)
class LesionShapes:
    """Lesions of many patients on one grid.

    ``patients``: for each patient the list of its lesions; a lesion is an (n, 3) int16 array of voxel indices on the
    grid ``shape`` with ``affine`` (voxel to RAS mm of MNI152).
    """

    patients: list[list[np.ndarray]]
    shape: tuple[int, int, int]
    affine: np.ndarray

    @property
    def voxel_ml(self) -> float:
        return float(abs(np.linalg.det(self.affine[:3, :3]))) / 1000


def read_lesion_shapes(path: Path | str) -> LesionShapes:
    """Read a sparse ``.npz``: ``flat_index[offset[n]:offset[n+1]]`` are the C-order voxels of patient n."""
    with np.load(path) as data:
        flat, offset, shape, affine = (data[key] for key in ("flat_index", "offset", "shape", "affine"))
    shape = tuple(int(size) for size in shape)
    patients = []
    for first, last in zip(offset[:-1], offset[1:]):
        voxels = np.stack(np.unravel_index(flat[first:last], shape), axis=1)
        patients.append(_components(voxels))
    return LesionShapes(patients, shape, affine)


def draw_lesions(
    rng: np.random.Generator, whole: LesionShapes, single: LesionShapes | None, load_ml: float
) -> np.ndarray:
    """Lesions of about ``load_ml``: int16 (i, j, k) on the grid of ``whole``, 0 outside, 1, 2, ... one number a lesion.

    Most come from one real patient's set, so that number, sizes and places belong together; ``single`` lesions of other
    sources are mixed in. Mirrored left to right half of the time.
    """
    shares = rng.choice([1.0, 0.7, 0.3, 0.0], p=[0.3, 0.3, 0.25, 0.15]) if single is not None else 1.0
    pool = []
    if shares > 0:
        pool += _shuffled(rng, whole.patients[rng.integers(len(whole.patients))])
    if shares < 1:
        extra = [
            whole_or_part for n in rng.integers(len(single.patients), size=60) for whole_or_part in single.patients[n]
        ]
        pool = _interleave(rng, pool, extra, shares)
    drawn = np.zeros(whole.shape, np.int16)
    wanted = load_ml / whole.voxel_ml
    number, filled = 0, 0
    while filled < 0.9 * wanted and number < 400:
        if not pool:
            pool = _shuffled(rng, whole.patients[rng.integers(len(whole.patients))])
        lesion = pool.pop()
        # a single lesion several times the whole wanted load would spoil it; take it only when nothing else is left
        if len(lesion) > 1.6 * (wanted - filled) and pool:
            continue
        number += 1
        drawn[tuple(lesion.T)] = number
        filled += len(lesion)
    return drawn[::-1] if rng.random() < 0.5 else drawn


def _components(voxels: np.ndarray) -> list[np.ndarray]:
    """Split (n, 3) voxel indices into 26-connected lesions."""
    low = voxels.min(axis=0)
    box = np.zeros(voxels.max(axis=0) - low + 1, bool)
    box[tuple((voxels - low).T)] = True
    numbers, count = ndimage.label(box, CONNECTED)
    owner = numbers[tuple((voxels - low).T)]
    order = np.argsort(owner, kind="stable")
    cuts = np.searchsorted(owner[order], np.arange(2, count + 1))
    return [part.astype(np.int16) for part in np.split(voxels[order], cuts)]


def _shuffled(rng: np.random.Generator, lesions: list[np.ndarray]) -> list[np.ndarray]:
    return [lesions[n] for n in rng.permutation(len(lesions))]


def _interleave(rng, first: list, second: list, share: float) -> list:
    merged = []
    first, second = list(first), list(second)
    while first or second:
        take_first = first and (not second or rng.random() < share)
        merged.append((first if take_first else second).pop())
    return merged
