"""From a finished run to a bundle: calibrate, choose the floor, measure, write.

python -m LesionSegmentationTraining.finish --run RUN --cases CASES --card CARD.md --bundle FOLDER
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from LesionSegmentationLib.engine.prepare import head_mask

from .calibration import calibration_error, choose_floor, fit_scale_and_bias
from .cases import Case, read_cases
from .evaluation import agreement_at, case_logits, probability
from .export import export_bundle
from .fit import Run

BETAS = (0.3, 0.5, 0.7, 0.8, 0.9)


@dataclass(frozen=True)
class Answer:
    """What the network says about a whole case, with or without its T1. ``logits``: float32 (i, j, k)."""

    case: Case
    with_t1: bool
    logits: np.ndarray

    @property
    def inside(self) -> np.ndarray:
        return head_mask(np.asarray(self.case.image[0]))

    @property
    def mask(self) -> np.ndarray:
        return np.asarray(self.case.mask)


def main(arguments: list[str] | None = None) -> None:
    """Run the command with ``arguments``, those of the process when None; see the module's description."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, required=True, help="folder with a finished run's state.pt")
    parser.add_argument("--cases", type=Path, required=True, help="folder that make_cases wrote")
    parser.add_argument("--card", type=Path, required=True, help="the card's text, see export.fill_card")
    parser.add_argument("--bundle", type=Path, required=True, help="folder of the new bundle")
    options = parser.parse_args(arguments)
    run = Run.load(options.run / "state.pt")
    network = run.mean_network()
    held_out = answers_of(network, read_cases(options.cases / "calibrate"))
    calibration, floor = calibrate(held_out, run.config.get("real_calibration_weight", 1.0))
    print(json.dumps({"calibration": calibration, "floor": floor}, indent=1), flush=True)
    figures = [row for answer in held_out for row in measure(answer, calibration, floor, "calibration only")]
    for answer in answers_of(network, read_cases(options.cases / "test")):
        figures += measure(answer, calibration, floor, "left out")
    train = options.cases / "train"
    trained_on = [case for case in read_cases(train) if case.real] if train.is_dir() else []
    for answer in answers_of(network, trained_on):
        figures += measure(answer, calibration, floor, "trained on")
    (options.run / "figures.json").write_text(json.dumps(figures, indent=1))
    real = {answer.case.name for answer in held_out if answer.case.real}
    shown = [row for row in figures if row["role"] != "calibration only" or row["patient"] in real]
    export_bundle(options.bundle, run, calibration, floor, shown, options.card.read_text(encoding="utf-8"))


def answers_of(network, cases: list[Case]) -> list[Answer]:
    """Each case twice: with its T1, and with the FLAIR alone."""
    answers = []
    for case in cases:
        for with_t1 in (True, False):
            answers.append(Answer(case, with_t1, case_logits(network, case, with_t1=with_t1)))
            print(f"{case.name} {'with' if with_t1 else 'without'} t1", flush=True)
    return answers


def calibrate(answers: list[Answer], real_weight: float = 1.0) -> tuple[dict, list]:
    """Calibration entry and floor of a bundle. ``real_weight``: how many synthetic heads one real head counts as."""
    logits = [answer.logits[answer.inside] for answer in answers]
    masks = [answer.mask[answer.inside] for answer in answers]
    weights = [real_weight if answer.case.real else 1.0 for answer in answers]
    scale, bias = fit_scale_and_bias(logits, masks, weights)
    posteriors = [probability(x, scale, bias) for x in logits]
    names = dict.fromkeys(answer.case.name for answer in answers)
    real = dict.fromkeys(answer.case.name for answer in answers if answer.case.real)
    calibration = {
        "scale": scale,
        "bias": bias,
        "error": calibration_error(posteriors, masks),
        "error_uncalibrated": calibration_error([probability(x) for x in logits], masks),
        "fitted_on": f"{len(names)} whole heads, each with and without T1: {len(names) - len(real)} synthetic"
        + "".join(f", {name}" for name in real),
    }
    of_real = [n for n, answer in enumerate(answers) if answer.case.real]
    if of_real:
        calibration["error_real"] = calibration_error([posteriors[n] for n in of_real], [masks[n] for n in of_real])
    return calibration, choose_floor([p for p, mask in zip(posteriors, masks) if not mask.any()])


def measure(answer: Answer, calibration: dict, floor: list, role: str) -> list[dict]:
    """One row a setting: true and expected figures of a case under the calibrated, floored curve."""
    posterior = probability(answer.logits, calibration["scale"], calibration["bias"])
    channels = "flair + t1" if answer.with_t1 else "flair"
    rows = agreement_at(posterior, answer.mask, list(BETAS), floor)
    for row in rows:
        short = {key: round(value, 3) if isinstance(value, float) else value for key, value in row.items()}
        print(answer.case.name, channels, short, flush=True)
    return [{"patient": answer.case.name, "role": role, "channels": channels, **row} for row in rows]


if __name__ == "__main__":
    main()
