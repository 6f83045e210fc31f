"""Prepared cases in one file: a training starts in seconds and can be carried to another machine.

The file is a safetensors file (see ``cache_file``). A case has
- ``<id>/image``: float16 (C, i, j, k), as the network sees it;
- ``<id>/lesions``: uint16 (i, j, k), the number 1..K of the lesion, 0 for background;
- ``<id>/sizes``: int64 (K,), voxels of each lesion in the whole image;
- ``<id>/voxels``: uint16 (n, 3), the lesion voxels, lesion by lesion;
- ``<id>/brain``: uint8 (i, j, k), 1 in the brain, where such a mask was given.
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
from LesionSegmentationLib.engine.intensity import standardise

from .cache_file import ArrayFile, ArrayStream

FORMAT = "lesion-segmentation cases 1"
ARRAYS = ("image", "lesions", "sizes", "voxels", "brain")


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

    @cached_property
    def brain(self) -> np.ndarray | None:
        """uint8 (i, j, k), memory-mapped: 1 in the brain; None for a case without a brain mask."""
        return self._array("brain") if "brain" in self.checksums else None

    @cached_property
    def stripped_scale(self) -> np.ndarray:
        """float32 (C,): what the channels are multiplied with when only the brain is left of an MR image.

        The engine scales an image by the median of the tissue it shows, which is another one without the skull.
        """
        every_third = (slice(None, None, 3),) * 3
        brain = self.brain[every_third]
        scales = []
        for channel in self.image:
            rest = channel[every_third].astype(np.float32) * brain
            scaled = standardise(rest)
            inside = (rest > 0) & (scaled < 5)
            scales.append(np.median(scaled[inside] / rest[inside]) if inside.any() else 1)
        return np.array(scales, np.float32)

    def of_lesion(self, number: int) -> np.ndarray:
        """The voxels (n, 3) of lesion ``number`` (1..K)."""
        end = np.cumsum(self.sizes)
        return self.voxels[end[number - 1] - self.sizes[number - 1] : end[number - 1]]

    def verify(self) -> None:
        """Raise InputError, naming the case and the file, when an array is not what was written."""
        file = ArrayFile(self.path)
        for name, checksum in self.checksums.items():
            if file.checksum(f"{self.id}/{name}") != checksum:
                raise InputError(f"Case {self.id} in {self.path} is damaged ({name}); prepare it again.")

    def _array(self, name: str) -> np.ndarray:
        return ArrayFile(self.path).array(f"{self.id}/{name}")

    def __getstate__(self) -> dict:
        return {key: value for key, value in self.__dict__.items() if key not in (*ARRAYS, "stripped_scale")}


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
        self, id: str, patient: str, split: str, kind: str, image: np.ndarray, lesions: np.ndarray, facts: dict,
        brain: np.ndarray | None = None,
    ) -> None:  # fmt: skip
        """Append a case: ``image`` (C, i, j, k) and ``lesions`` (i, j, k) of the same voxels, numbered 1..K.

        ``brain``: bool (i, j, k) where it is known; patches can then be shown stripped of the skull. Raises InputError
        for an id that is there already, arrays that do not fit each other, values that are not finite as float16, and
        lesion numbers that leave one out.
        """
        if any(case["id"] == id for case in self.cases):
            raise InputError(f"The case {id} is in {self.path.name} already; ids must be unique.")
        if image.shape != (len(self.channels), *lesions.shape):
            raise InputError(
                f"Case {id}: the image has shape {image.shape}, not {len(self.channels)} channels of {lesions.shape}."
            )
        if brain is not None and brain.shape != lesions.shape:
            raise InputError(f"Case {id}: the brain mask has shape {brain.shape}, the lesions {lesions.shape}.")
        with np.errstate(over="ignore"):
            image = np.asarray(image, np.float16)
        if not np.isfinite(image).all():
            raise InputError(f"Case {id}: the image holds NaN or values beyond 65504; check how it was scaled.")
        lesions = np.asarray(lesions, np.uint16)
        at = np.argwhere(lesions).astype(np.uint16)
        owner = lesions[tuple(at.T)]
        sizes = np.bincount(owner, minlength=1)[1:].astype(np.int64)
        if not sizes.all():
            raise InputError(f"Case {id}: no voxel has lesion number {sizes.argmin() + 1}; number them 1 to K.")
        arrays = {"image": image, "lesions": lesions, "sizes": sizes, "voxels": at[np.argsort(owner, kind="stable")]}
        if brain is not None:
            arrays["brain"] = np.asarray(brain, bool).astype(np.uint8)
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
    try:
        said = {key: json.loads(file.metadata[key]) for key in ("channels", "spacing_mm", "facts", "cases")}
        channels = tuple(said["channels"])
        cases = tuple(Case(**case, channels=channels, path=path) for case in said["cases"])
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"The header of {path} is damaged ({error}); prepare it again.") from error
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
    check_patients((case.patient, case.split) for cache in caches for case in cache.cases)
    return CaseCache(first.channels, first.spacing_mm, tuple(c for cache in caches for c in cache.cases), first.facts)


def check_patients(splits: Iterable[tuple[str, str]]) -> None:
    """Raise InputError where a patient of the (patient, split) pairs ``splits`` is in two of them."""
    found: dict[str, str] = {}
    for patient, split in splits:
        first = found.setdefault(patient, split)
        if first != split:
            raise InputError(
                f"Patient {patient} is in the splits {first} and {split}; prepare again with one split each, or "
                "figures would be measured on what the model has seen."
            )


def join_caches(paths: Sequence[Path | str], path: Path | str, facts: dict | None = None) -> None:
    """Write the cases of the cache files ``paths`` into one file ``path``, in this order."""
    cache = open_caches(paths)
    with CacheWriter(path, cache.channels, cache.spacing_mm, facts) as writer:
        for case in cache.cases:
            writer.add(case.id, case.patient, case.split, case.kind, case.image, case.lesions, case.facts, case.brain)
