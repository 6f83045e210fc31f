"""Prepared cases in one file: a training starts in seconds and can be carried to another machine.

The file is a safetensors file (see ``cache_file``). A case has
- ``<id>/image``: float16 (C, i, j, k), as the network sees it;
- ``<id>/lesions``: uint16 (i, j, k), the number 1..K of the lesion, 0 for background;
- ``<id>/sizes``: int64 (K,), voxels of each lesion in the whole image;
- ``<id>/voxels``: uint16 (n, 3), the lesion voxels, lesion by lesion.
The metadata hold channels, spacing, facts and what is known of each case, with the checksums of its arrays.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

import numpy as np

from LesionSegmentationLib.engine.errors import InputError

from .cache_file import ArrayFile, ArrayStream

FORMAT = "lesion-segmentation cases 1"
ARRAYS = ("image", "lesions", "sizes", "voxels")


@dataclass(frozen=True, eq=False)
class Case:
    """One case of a cache. Arrays are read when asked for and do not travel to other processes; they reopen the file.

    ``split``: "train", "validate", "calibrate" or "test". ``kind``: "real" or "synthetic". ``facts``: what ``prepare``
    said of it.
    """

    id: str
    patient: str
    split: str
    kind: str
    channels: tuple[str, ...]
    path: Path
    facts: dict = field(repr=False)
    checksums: dict[str, int] = field(repr=False)

    @cached_property
    def image(self) -> np.ndarray:
        """float16 (C, i, j, k), memory-mapped."""
        return self._array("image")

    @cached_property
    def lesions(self) -> np.ndarray:
        """uint16 (i, j, k), memory-mapped: number of the lesion, 0 for background."""
        return self._array("lesions")

    @property
    def mask(self) -> np.ndarray:
        """bool (i, j, k)."""
        return np.asarray(self.lesions) > 0

    @cached_property
    def sizes(self) -> np.ndarray:
        """int64 (K,): voxels of lesion 1..K in the whole image."""
        return np.array(self._array("sizes"))

    @cached_property
    def voxels(self) -> np.ndarray:
        """uint16 (n, 3), memory-mapped: the lesion voxels, those of lesion 1 first."""
        return self._array("voxels")

    def of_lesion(self, number: int) -> np.ndarray:
        """The voxels (n, 3) of lesion ``number`` (1..K)."""
        end = np.cumsum(self.sizes)
        return self.voxels[end[number - 1] - self.sizes[number - 1] : end[number - 1]]

    def verify(self) -> None:
        """Raise InputError, naming the case and the file, when an array is not what was written."""
        file = ArrayFile(self.path)
        for name in ARRAYS:
            if file.checksum(f"{self.id}/{name}") != self.checksums[name]:
                raise InputError(f"Case {self.id} in {self.path} is damaged ({name}); prepare it again.")

    def _array(self, name: str) -> np.ndarray:
        return ArrayFile(self.path).array(f"{self.id}/{name}")

    def __getstate__(self) -> dict:
        return {key: value for key, value in self.__dict__.items() if key not in ARRAYS}


@dataclass(frozen=True)
class CaseCache:
    """The cases of one or several cache files. ``facts``: what was said about the first file as a whole."""

    channels: tuple[str, ...]
    spacing_mm: tuple[float, float, float]
    cases: tuple[Case, ...]
    facts: dict = field(repr=False)

    def split(self, name: str) -> list[Case]:
        """The cases of split ``name``, in the order of the file."""
        return [case for case in self.cases if case.split == name]


class CacheWriter:
    """Context manager that writes a cache, one case in memory at a time; the file appears whole or not at all.

    ``channels``: names of the image's channels, the reference first. ``spacing_mm``: of all cases. ``facts``: anything
    JSON can hold. Raises InputError that names the file when it cannot be written.
    """

    def __init__(
        self, path: Path | str, channels: Sequence[str], spacing_mm: Sequence[float], facts: dict | None = None
    ):
        self.path, self.channels = Path(path), tuple(channels)
        self.spacing_mm, self.facts = tuple(map(float, spacing_mm)), facts or {}
        self.cases: list[dict] = []

    def __enter__(self) -> CacheWriter:
        self.stream = ArrayStream(self.path)
        return self

    def add(
        self, id: str, patient: str, split: str, kind: str, image: np.ndarray, lesions: np.ndarray, facts: dict
    ) -> None:
        """Append a case: ``image`` (C, i, j, k) and ``lesions`` (i, j, k) of the same voxels, numbered 1..K.

        Raises InputError for an id that is there already and arrays that do not fit each other.
        """
        if any(case["id"] == id for case in self.cases):
            raise InputError(f"The case {id} is in {self.path.name} already; ids must be unique.")
        if image.shape != (len(self.channels), *lesions.shape):
            raise InputError(
                f"Case {id}: the image has shape {image.shape}, not {len(self.channels)} channels of {lesions.shape}."
            )
        lesions = np.asarray(lesions, np.uint16)
        at = np.argwhere(lesions).astype(np.uint16)
        owner = lesions[tuple(at.T)]
        arrays = {
            "image": np.asarray(image, np.float16),
            "lesions": lesions,
            "sizes": np.bincount(owner, minlength=1)[1:].astype(np.int64),
            "voxels": at[np.argsort(owner, kind="stable")],
        }
        checksums = {name: self.stream.add(f"{id}/{name}", array) for name, array in arrays.items()}
        self.cases.append(
            {"id": id, "patient": patient, "split": split, "kind": kind, "facts": facts, "checksums": checksums}
        )

    def __exit__(self, kind, error, trace) -> None:
        if error is not None:
            self.stream.abandon()
            return
        metadata = {"channels": self.channels, "spacing_mm": self.spacing_mm, "facts": self.facts, "cases": self.cases}
        self.stream.finish({"format": FORMAT, **{key: json.dumps(value) for key, value in metadata.items()}})


def open_cache(path: Path | str) -> CaseCache:
    """Open a cache file: reads the header only. Raises InputError for a file that is none, or is cut short."""
    path = Path(path)
    file = ArrayFile(path)
    if file.metadata.get("format") != FORMAT:
        raise InputError(f"{path} is no cache of cases of this version; prepare it again.")
    said = {key: json.loads(file.metadata[key]) for key in ("channels", "spacing_mm", "facts", "cases")}
    channels = tuple(said["channels"])
    cases = tuple(Case(**case, channels=channels, path=path) for case in said["cases"])
    return CaseCache(channels, tuple(said["spacing_mm"]), cases, said["facts"])


def open_caches(paths: Iterable[Path | str]) -> CaseCache:
    """Open several cache files as one. Raises InputError when channels or spacing differ or an id occurs twice."""
    paths = [Path(path) for path in paths]
    if not paths:
        raise InputError("No cache was named; give at least one file that 'prepare' wrote.")
    caches = [open_cache(path) for path in paths]
    first, seen = caches[0], {}
    for path, cache in zip(paths, caches):
        if (cache.channels, cache.spacing_mm) != (first.channels, first.spacing_mm):
            raise InputError(f"{path} has other channels or another spacing than {paths[0]}; prepare both alike.")
        for case in cache.cases:
            if case.id in seen:
                raise InputError(f"The case {case.id} is in {seen[case.id]} and in {path}; give it to one of them.")
            seen[case.id] = path
    return CaseCache(first.channels, first.spacing_mm, tuple(c for cache in caches for c in cache.cases), first.facts)


def join_caches(paths: Sequence[Path | str], path: Path | str, facts: dict | None = None) -> None:
    """Write the cases of the cache files ``paths`` into one file ``path``, in this order."""
    cache = open_caches(paths)
    with CacheWriter(path, cache.channels, cache.spacing_mm, facts) as writer:
        for case in cache.cases:
            writer.add(case.id, case.patient, case.split, case.kind, case.image, case.lesions, case.facts)
