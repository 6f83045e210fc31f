"""A result folder: a segmentation at one setting, with all that is needed to choose another setting later.

segmentation.nii.gz   uint8 0/1, on the reference image's own grid and affine
probability.nii.gz    float32, the same grid, lossless
score.nii.gz          the same of what a setting cuts, where a conditioned head made it and not the probability itself
lesions.csv           one row a lesion, largest first
operating_curve.csv   what every other setting would give
provenance.json       inputs, model, settings, versions, device, timings
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import SimpleITK

from . import provenance as provenance_file
from .checksum import sha256_of
from .conditioned_score import ConditionedScore, rho_range
from .errors import InputError
from .geometry import Geometry
from .lesion_csv import write_lesions
from .lesions import Lesions, find_lesions
from .operating_curve import OperatingCurve, OperatingPoint
from .operating_curve_csv import write_curve
from .output_folder import output_folder, replacing
from .probability_map import ProbabilityMap
from .setting import Setting
from .volume import from_sitk, write_volume

SEGMENTATION = "segmentation.nii.gz"
PROBABILITY = "probability.nii.gz"
SCORE = "score.nii.gz"
LESIONS = "lesions.csv"
CURVE = "operating_curve.csv"
REPORT = "report.html"
# A report shows one setting: it goes when the setting does. The provenance comes last, see ``replacing``.
_OF_A_SETTING = (SEGMENTATION, LESIONS, REPORT, provenance_file.FILE)
_OF_A_RUN = (PROBABILITY, SCORE, CURVE, *_OF_A_SETTING)
# All that a run may write; SCORE only with a conditioned head.
FILES = (SEGMENTATION, PROBABILITY, SCORE, LESIONS, CURVE, provenance_file.FILE)


@dataclass(frozen=True)
class Outcome:
    """A probability map at one setting: what is shown, written and summed up."""

    probability_map: ProbabilityMap
    curve: OperatingCurve
    setting: Setting
    minimum_volume_ml: float
    point: OperatingPoint
    lesions: Lesions

    @classmethod
    def of(cls, probability_map: ProbabilityMap, setting: Setting, minimum_volume_ml: float = 0.0) -> Outcome:
        """Cut ``probability_map`` at ``setting``; lesions smaller than ``minimum_volume_ml`` are not shown."""
        return cls._cut(probability_map, OperatingCurve.of(probability_map), setting, minimum_volume_ml)

    def at(self, setting: Setting) -> Outcome:
        """Return the outcome at another ``setting``; the curve is not made again."""
        return self._cut(self.probability_map, self.curve, setting, self.minimum_volume_ml)

    @classmethod
    def _cut(cls, probability_map, curve, setting, minimum_volume_ml) -> Outcome:
        point = setting.point(curve)
        lesions = find_lesions(curve, point, minimum_volume_ml=minimum_volume_ml)
        return cls(probability_map, curve, setting, minimum_volume_ml, point, lesions)

    def settings(self) -> dict:
        """Return the settings ready for JSON: ``stated`` as given, and what followed from it.

        ``threshold`` is a probability; it is None where a setting cuts another score, whose level is ``score_level``.
        """
        level = {} if self.point.of_probability else {"score_level": self.point.threshold}
        return {
            "stated": self.setting.stated(),
            "alpha": self.point.alpha,
            "beta": self.point.beta,
            "threshold": self.point.probability_threshold,
            **level,
            "minimum_volume_ml": self.minimum_volume_ml,
        }

    def expected(self) -> dict[str, float | None]:
        """Return precision, recall, dice and f2 expected of the lesions shown; None where undefined or withheld."""
        figures, withheld = self.lesions.figures, self.probability_map.withheld
        return {name: None if withheld else getattr(figures, name) for name in ("precision", "recall", "dice", "f2")}

    def summary(self) -> dict:
        """Return the numbers a person asks for, ready for JSON; None where undefined or withheld."""
        return {
            "alpha": self.point.alpha,
            "beta": self.point.beta,
            "threshold": self.point.probability_threshold,
            "lesions": len(self.lesions),
            "volume_ml": self.lesions.figures.volume_ml,
            **{f"expected_{name}": value for name, value in self.expected().items()},
            "figures_from": self.probability_map.figures_from,
            "withheld": self.probability_map.withheld,
        }


@dataclass(frozen=True)
class Result:
    """What a result folder holds: the probability map, its provenance and the setting it was last written at."""

    folder: Path
    probability_map: ProbabilityMap
    provenance: dict
    setting: Setting
    minimum_volume_ml: float


def check_minimum_volume(minimum_volume_ml: float) -> float:
    """Return ``minimum_volume_ml`` as it is; InputError unless it is zero or a positive, finite number."""
    if not (np.isfinite(minimum_volume_ml) and minimum_volume_ml >= 0):
        raise InputError(f"The minimum lesion volume must be 0 ml or more, not {minimum_volume_ml:g}.")
    return minimum_volume_ml


def write_result(folder: Path, outcome: Outcome) -> None:
    """Write the ``FILES`` of ``outcome`` to ``folder`` (which exists): all of them, or nothing at all.

    Results of an earlier run are replaced as a whole. Raises OSError when the disk does not take them.
    """
    probability_map = outcome.probability_map
    with replacing(folder, _OF_A_RUN) as prepared:
        stored = prepared / PROBABILITY
        write_volume(stored, probability_map.array, probability_map.geometry)
        score_sha256 = None
        if probability_map.score is not None:
            write_volume(prepared / SCORE, probability_map.score.array, probability_map.geometry)
            score_sha256 = sha256_of(prepared / SCORE)
        write_curve(prepared / CURVE, outcome.curve, bool(probability_map.withheld))
        described = provenance_file.describe(probability_map, sha256_of(stored), score_sha256)
        _write_setting(prepared, outcome, described)


def read_result(folder: str | Path) -> Result:
    """Read the result in ``folder``; InputError that says what is missing, damaged or foreign."""
    folder = Path(folder).absolute()
    if not folder.is_dir():
        raise InputError(f"There is no result folder '{folder.name}'.")
    stored = provenance_file.read(folder)
    geometry = provenance_file.stored_geometry(stored)
    array = _stored_volume(folder / PROBABILITY, stored["probability_sha256"], geometry)
    rho, score = rho_range(stored.get("score"), f"{provenance_file.FILE} of '{folder.name}'"), None
    if rho is not None:
        score = ConditionedScore(_stored_volume(folder / SCORE, stored.get("score_sha256"), geometry), *rho)
    kept = ("inputs", "reference", "model", "device", "seconds", "notes", "measured", "outside_validated")
    made = {key: stored[key] for key in kept if key in stored}
    probability_map = ProbabilityMap(array, geometry, stored["calibration"], stored["floor"], made, score)
    settings = stored["settings"]
    try:
        setting, minimum = Setting(**settings["stated"]), check_minimum_volume(settings["minimum_volume_ml"])
    except (KeyError, TypeError) as error:
        raise InputError(f"The settings in '{folder.name}' are damaged; segment the study again.") from error
    return Result(folder, probability_map, stored, setting, minimum)


def _stored_volume(path: Path, sha256: str | None, geometry: Geometry) -> np.ndarray:
    """The float32 volume (i, j, k) in ``path``, whose checksum and grid the provenance states."""
    name, folder = path.name, path.parent.name
    if not path.is_file():
        raise InputError(f"The result in '{folder}' has no {name} any more; segment the study again.")
    if sha256_of(path) != sha256:
        raise InputError(
            f"{name} in '{folder}' is not the file that {provenance_file.FILE} speaks of: it was changed, damaged or "
            "comes from another run; segment the study again."
        )
    # Not read_volume: a study without any lesion has a probability of one value, which is no image but a good result.
    array, _ = from_sitk(SimpleITK.ReadImage(str(path)))
    if array.shape != geometry.shape:
        raise InputError(f"{name} in '{folder}' does not fit its geometry; segment the study again.")
    return array


def retune(folder: str | Path, setting: Setting | None = None, minimum_volume_ml: float | None = None) -> Outcome:
    """Rewrite the segmentation, the table and the settings in ``folder`` at another setting, without the network.

    Voxel for voxel what the whole run gives at that setting. None keeps what the folder was last written at. Raises
    InputError like :func:`read_result`, and when the folder cannot be written to.
    """
    result = read_result(folder)
    with output_folder(result.folder):
        pass
    minimum = result.minimum_volume_ml if minimum_volume_ml is None else check_minimum_volume(minimum_volume_ml)
    outcome = Outcome.of(result.probability_map, setting or result.setting, minimum)
    with replacing(result.folder, _OF_A_SETTING) as prepared:
        _write_setting(prepared, outcome, {**result.provenance, "retuned": provenance_file.now()})
    return outcome


def _write_setting(prepared: Path, outcome: Outcome, described: dict) -> None:
    """Write to ``prepared`` the files that depend on the setting."""
    write_volume(prepared / SEGMENTATION, outcome.lesions.mask(), outcome.probability_map.geometry)
    write_lesions(prepared / LESIONS, outcome.lesions)
    described = {**described, "settings": outcome.settings(), "summary": outcome.summary()}
    provenance_file.write(prepared / provenance_file.FILE, described)
