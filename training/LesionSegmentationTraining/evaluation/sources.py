"""Where the segmentation to judge comes from: a bundle that is run, or files that anyone made."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from LesionSegmentationLib.engine.bundle import Bundle
from LesionSegmentationLib.engine.checksum import sha256_of, sha256_of_all
from LesionSegmentationLib.engine.errors import InputError
from LesionSegmentationLib.engine.geometry import from_canonical, to_canonical
from LesionSegmentationLib.engine.metaimage_file import metaimage_files
from LesionSegmentationLib.engine.operating_curve import OperatingCurve
from LesionSegmentationLib.engine.probability_map import ProbabilityMap
from LesionSegmentationLib.engine.process import process
from LesionSegmentationLib.engine.study import Study
from LesionSegmentationLib.engine.volume import Volume, read_labels, read_volume

from ..datasets.case_files import CaseFiles
from ..datasets.prepare_case import read_lesion_mask

_SUFFIXES = (".nii.gz", ".nii", ".nrrd", ".mha", ".mhd")
# Headers round: a file that is this part of a voxel off still lies on the mask's grid.
_SAME_PLACE = 0.05


@dataclass(frozen=True, eq=False)
class Answer:
    """A segmentation of one case with the mask to judge it by, bool (i, j, k), both on the grid of the reference image.

    Either ``mask``, bool, or ``curve``, the operating curve of a posterior with the bundle's floor, is there.
    ``notes``: what a person should know.
    """

    reference: np.ndarray
    spacing: np.ndarray
    mask: np.ndarray | None = None
    curve: OperatingCurve | None = None
    probability: np.ndarray | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True)
class ModelSource:
    """A bundle, run on every case through the engine's ``process`` on the case's own grid."""

    bundle: Bundle
    device: str = "auto"

    @property
    def facts(self) -> dict:
        """Name, version and checksum of the weights, and what turns logits into marks."""
        description = self.bundle.description
        decisive = ("plan", "calibration", "floor", "score")
        names = {"name": self.bundle.name, "version": self.bundle.version, "sha256": self.bundle.sha256}
        return {"model": {**names, **{key: description[key] for key in decisive if key in description}}}

    def files(self, case: CaseFiles) -> dict[str, Path]:
        """Return the files of ``case`` on which its figures rest."""
        return {**{channel: case.channels[channel] for channel in self._used(case)}, "mask": case.mask}

    def answer(self, case: CaseFiles, progress: Callable[[str, float], None] = lambda stage, share: None) -> Answer:
        """Run the bundle. Raises InputError for a missing channel, unreadable files and a mask on another grid."""
        used = self._used(case)
        study = Study({channel: read_volume(case.channels[channel]) for channel in used}, reference=used[0])
        reference, _ = read_lesion_mask(case, study.channels[used[0]])
        result = process(study, self.bundle, self.device, progress=progress)
        notes = tuple(result.provenance["notes"])
        return Answer(reference, result.geometry.spacing, None, OperatingCurve.of(result), result.array, notes)

    def _used(self, case: CaseFiles) -> list[str]:
        known = [name for name, _ in self.bundle.channels]
        used = [channel for channel in case.channels if channel in known]
        if not used:
            raise InputError(f"Case {case.id} has no image that the model '{self.bundle.name}' knows; add one.")
        return used


@dataclass(frozen=True)
class PredictionFolder:
    """A folder with one file per case, named by the case's id: masks of 0 and 1, or ``probabilities`` from 0 to 1."""

    folder: Path
    probabilities: bool = False

    @property
    def facts(self) -> dict:
        """The folder's name and what it holds."""
        return {"predictions": {"folder": self.folder.name, "probabilities": self.probabilities}}

    def files(self, case: CaseFiles) -> dict[str, Path]:
        """Return the files of ``case`` on which its figures rest. Raises InputError when the prediction is missing."""
        return {"prediction": self._path(case), "mask": case.mask}

    def answer(self, case: CaseFiles, progress: Callable[[str, float], None] = lambda stage, share: None) -> Answer:
        """Read the prediction. Raises InputError for other values or another grid than that of the case's mask."""
        path = self._path(case)
        grid = read_labels(case.mask)
        reference, _ = read_lesion_mask(case, grid)
        values = _on_grid(read_labels(path), grid, case.id)
        progress("read", 1.0)
        spacing = grid.geometry.spacing
        if not self.probabilities:
            if not np.isin(values, (0, 1)).all():
                raise InputError(f"{path.name} is no mask of 0 and 1; for probabilities add --probabilities.")
            return Answer(reference, spacing, mask=values != 0)
        try:
            posterior = ProbabilityMap(values.astype(np.float32), grid.geometry)
        except InputError as error:
            raise InputError(f"{path.name} holds no probabilities: {error}") from error
        return Answer(reference, spacing, None, OperatingCurve.of(posterior), posterior.array)

    def _path(self, case: CaseFiles) -> Path:
        for suffix in _SUFFIXES:
            path = self.folder / f"{case.id}{suffix}"
            if path.is_file():
                return path
        raise InputError(f"There is no prediction for case {case.id}: add {case.id}.nii.gz to {self.folder.name}.")


def checksums(files: dict[str, Path]) -> dict[str, str]:
    """Return the sha256 of every file by name; of a folder, or a header with its voxels apart, that of all together."""
    return {name: _checksum(path) for name, path in files.items()}


def _checksum(path: Path) -> str:
    if path.is_dir():
        return sha256_of_all([file for file in path.rglob("*") if file.is_file()])
    return sha256_of_all(metaimage_files(path)) if path.suffix.lower() == ".mhd" else sha256_of(path)


def _on_grid(volume: Volume, like: Volume, case: str) -> np.ndarray:
    """The values of ``volume`` in the voxel order of ``like``, on whose grid it must lie."""
    grid, to_order, to_flips = like.geometry.canonical()
    own, order, flips = volume.geometry.canonical()
    if not grid.same_grid(own, _SAME_PLACE * float(grid.spacing.min())):
        raise InputError(
            f"Case {case}: the prediction {volume.name} does not lie on the grid of the mask {like.name}; "
            "resample it to that grid."
        )
    return np.ascontiguousarray(from_canonical(to_canonical(volume.array, order, flips), to_order, to_flips))
