"""What a trained network is worth: scale, bias and floor from whole cases, figures on others."""

from __future__ import annotations

import copy
from collections import Counter
from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from LesionSegmentationLib.engine.conditioned_score import ConditionedScore
from LesionSegmentationLib.engine.lesions import find_lesions
from LesionSegmentationLib.engine.operating_curve import OperatingCurve
from LesionSegmentationLib.engine.prepare import head_mask

from ..evaluation.case_logits import case_maps, case_score
from ..evaluation.settings import curve_of, figures_at
from ..fitting.trained_run import TrainedRun
from ..losses import build_loss
from ..losses.conditioned import rho_range
from ..patches import Case
from .calibration import calibration_error, fit_scale_and_bias, reliability
from .evidence import Evidence, gather
from .floor import choose_floor
from .pictures import errors_picture

BETAS = (0.3, 0.5, 0.7, 0.8, 0.9)
# the smallest lesion that the panel marks until somebody chooses another size; figures are those of what it shows
SMALLEST_MM = 3.0
ROLE_OF_SPLIT = {"test": "left out", "validate": "watched while fitting", "train": "trained on"}


@dataclass(frozen=True)
class Answer:
    """What a network says about a whole case: ``logits`` float32 (i, j, k), made from ``channels`` alone.

    ``score``: that of a conditioned head, on the same grid.
    """

    case: Case
    channels: tuple[str, ...]
    logits: np.ndarray
    intensity: dict | None
    score: ConditionedScore | None

    @property
    def evidence(self) -> Evidence:
        """Its voxels within the head, reduced."""
        inside = head_mask(np.asarray(self.case.image[0], np.float32), self.intensity)
        return gather(
            self.logits[inside], self.case.mask[inside], patient=self.case.patient, case=self.case.id,
            kind=self.case.kind, channels=" + ".join(self.channels),
        )  # fmt: skip


@dataclass(frozen=True)
class Measured:
    """Of one case with one set of channels: a row of figures for each setting, its evidence (calibrated), a picture."""

    rows: list[dict]
    evidence: Evidence
    picture: bytes | None


class Assessment:
    """One network with its scale, bias and floor, asked about whole cases.

    ``channels``: of the cases, in the network's order; ``tile``: voxels per axis of one forward pass; ``intensity``:
    the plan's entry. ``say`` hears which case is worked on.
    """

    def __init__(
        self,
        run: TrainedRun,
        channels: Sequence[str],
        tile: Sequence[int],
        device,
        intensity: dict | None,
        say: Callable[[str], None],
    ):
        self.channels, self.tile, self.device, self.intensity, self.say = channels, tile, device, intensity, say
        self.rho = rho_range(build_loss(run.loss))
        self._learn([], 1.0, 0.001)
        self._network = run.network().to(device)

    def calibrate(self, cases: Sequence[Case], real_weight: float, voxel_ml: float) -> None:
        """Fit scale, bias and floor to ``cases``, a real one counting ``real_weight`` times a made-up one.

        Without any it stays uncalibrated. ``voxel_ml``: volume of a voxel.
        """
        self._learn([answer.evidence for answer in self._answers(cases)], real_weight, voxel_ml)

    def without(self, patients: Collection[str]) -> Assessment:
        """Return the same network, calibrated in the same way but for these patients."""
        other = copy.copy(self)
        evidence, *rest = self._learnt
        other._learn([one for one in evidence if one.patient not in patients], *rest)
        return other

    def _learn(self, evidence: list[Evidence], real_weight: float, voxel_ml: float) -> None:
        self._learnt = (evidence, real_weight, voxel_ml)
        self.calibration, self.floor = {"scale": 1.0, "bias": 0.0, "fitted_on": None}, []
        if not evidence:
            return
        scale, bias = fit_scale_and_bias(evidence, real_weight)
        kinds = Counter(case.kind for case in {case.case: case for case in evidence}.values())
        whole = ", ".join(
            f"{count} {'made-up' if kind == 'synthetic' else kind}" for kind, count in sorted(kinds.items())
        )
        self.calibration = {
            "scale": scale,
            "bias": bias,
            "error": calibration_error(evidence, scale, bias),
            "error_uncalibrated": calibration_error(evidence, 1.0, 0.0),
            "reliability": reliability(evidence, scale, bias),
            "fitted_on": f"{sum(kinds.values())} whole cases ({whole}), with all channels and with the first alone",
        }
        self.floor = choose_floor(evidence, scale, bias, voxel_ml) if self.rho is None else []

    def measure(self, cases: Sequence[Case], role: str | None = None) -> Iterator[Measured]:
        """Answer what each of ``cases`` gives, with all its channels and with the first alone.

        ``role``: what the card says of the case; None for that of its split.
        """
        for answer in self._answers(cases):
            case = answer.case
            spacing = tuple(case.facts.get("spacing_mm", (1.0, 1.0, 1.0)))
            curve = curve_of(answer.logits, self.calibration, self.floor, spacing, answer.score)
            names = {
                "patient": case.patient, "case": case.id, "role": role or ROLE_OF_SPLIT[case.split], "kind": case.kind,
                "channels": " + ".join(answer.channels),
            }  # fmt: skip
            rows = [{**names, **row} for row in figures_at(curve, case.mask > 0, BETAS, False, SMALLEST_MM)]
            evidence = answer.evidence.calibrated(self.calibration)
            yield Measured(rows, evidence, self._picture(answer, curve, spacing))

    def _answers(self, cases: Sequence[Case]) -> Iterator[Answer]:
        for case in cases:
            for channels in _channel_sets(case, self.channels):
                self.say(f"{case.id} ({', '.join(channels)})")
                kept = [self.channels.index(name) for name in channels]
                maps = case_maps(self._network, case, self.tile, kept, self.device, self.intensity)
                yield Answer(case, channels, maps[-1], self.intensity, case_score(maps, self.rho))

    def _picture(self, answer: Answer, curve: OperatingCurve, spacing: Sequence[float]) -> bytes | None:
        """Where the model is wrong at alpha = beta, in a real case with all its channels."""
        case = answer.case
        if case.kind != "real" or answer.channels != _channel_sets(case, self.channels)[0]:
            return None
        marked = find_lesions(curve, curve.at(0.5, 0.5), minimum_diameter_mm=SMALLEST_MM).mask() > 0
        return errors_picture(np.asarray(case.image[0], np.float32), marked, case.mask > 0, spacing)


def _channel_sets(case: Case, channels: Sequence[str]) -> list[tuple[str, ...]]:
    """All channels that the case has, and the required one alone."""
    there = tuple(name for n, name in enumerate(channels) if n == 0 or case.image[n].any())
    return list(dict.fromkeys([there, there[:1]]))
