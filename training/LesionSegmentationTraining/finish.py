"""From a finished run to a bundle: calibrate, choose the floor, measure, write.

python -m LesionSegmentationTraining.finish --run RUN --cases CASES --card CARD.md --bundle FOLDER
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import numpy as np

from .calibration import calibration_error, choose_floor, fit_scale_and_bias
from .cases import Case, read_cases
from .evaluation import agreement_at, case_logits, probability
from .export import export_bundle
from .fit import Run

BETAS = (0.3, 0.5, 0.7, 0.8, 0.9)


def main(arguments: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, required=True, help="folder with a finished run's state.pt")
    parser.add_argument("--cases", type=Path, required=True, help="folder that make_cases wrote")
    parser.add_argument("--card", type=Path, required=True, help="the card's text; figures are put in at {figures}")
    parser.add_argument("--bundle", type=Path, required=True, help="folder of the new bundle")
    options = parser.parse_args(arguments)
    run = Run.load(options.run / "state.pt")
    network = run.mean_network()
    held_out = read_cases(options.cases / "calibrate")
    calibration, floor = calibrate(network, held_out, run.config.get("real_calibration_weight", 1.0))
    print(json.dumps({"calibration": calibration, "floor": floor}, indent=1), flush=True)
    figures = []
    roles = [(case, "calibration only") for case in held_out]
    roles += [(case, "left out") for case in read_cases(options.cases / "test")]
    for case, role in roles:
        for with_t1 in (True, False) if case.real else (True,):
            figures += measure(network, case, calibration, floor, with_t1, role)
    (options.run / "figures.json").write_text(json.dumps(figures, indent=1))
    export_bundle(options.bundle, run, calibration, floor, figures, options.card.read_text(encoding="utf-8"))


def calibrate(network, cases: list[Case], real_weight: float) -> tuple[dict, list]:
    """Calibration entry and floor of a bundle, from whole cases, each with and without its T1."""
    logits, masks, weights, free = [], [], [], []
    for case in cases:
        for with_t1 in (True, False):
            x = case_logits(network, case, with_t1=with_t1)
            inside = np.asarray(case.image[0]) > 0.25
            logits.append(x[inside])
            masks.append(np.asarray(case.mask)[inside])
            weights.append(real_weight if case.real else 1.0)
            if not masks[-1].any():
                free.append(len(logits) - 1)
            print(f"{case.name} {'with' if with_t1 else 'without'} t1", flush=True)
    scale, bias = fit_scale_and_bias(logits, masks, weights)
    posteriors = [probability(x, scale, bias) for x in logits]
    raw = [probability(x) for x in logits]
    real = [n for n in range(len(logits)) if cases[n // 2].real]
    calibration = {
        "scale": scale,
        "bias": bias,
        "error": calibration_error(posteriors, masks),
        "error_uncalibrated": calibration_error(raw, masks),
        "fitted_on": f"{len(cases)} whole heads, each with and without T1: "
        + f"{sum(not c.real for c in cases)} synthetic, {', '.join(c.name for c in cases if c.real)}",
    }
    if real:
        calibration["error_real"] = calibration_error([posteriors[n] for n in real], [masks[n] for n in real])
    return calibration, choose_floor([posteriors[n] for n in free])


def measure(network, case: Case, calibration: dict, floor: list, with_t1: bool, role: str) -> list[dict]:
    """One row a setting: true and expected figures of a case under the calibrated, floored curve."""
    posterior = probability(case_logits(network, case, with_t1=with_t1), calibration["scale"], calibration["bias"])
    rows = agreement_at(posterior, np.asarray(case.mask), list(BETAS), floor)
    channels = "flair + t1" if with_t1 and np.any(case.image[1]) else "flair"
    for row in rows:
        print(case.name, channels, {k: round(v, 3) if isinstance(v, float) else v for k, v in row.items()}, flush=True)
    return [{"patient": case.name, "role": role, "channels": channels, **row} for row in rows]


if __name__ == "__main__":
    main()
