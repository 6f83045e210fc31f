"""How should alpha and beta act: as a level of one network's score, or as weights of one network's training each?

    python -m LesionSegmentationTraining.experiments.alpha_beta fit --cache synthetic.safetensors --runs RUNS
    python -m ... measure --cache synthetic.safetensors --test real.safetensors test.safetensors --runs RUNS
    python -m ... publish --runs RUNS --output docs/experiments

All networks begin as one and the same, the trunk, which cross-entropy trained (``ms-flair-trunk.yaml``), and go on
with the same data, seed and number of steps; only the loss differs (:data:`NETWORKS`). All learn from made-up patients
alone, so that every real patient is left out of all of them. Posteriors are calibrated on the cache's own calibration
cases. All is measured on FLAIR alone, which every case has. Each step may be stopped and given again; it goes on where
it was.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import torch
import yaml
from scipy.special import expit

from LesionSegmentationLib.engine.agreement import overlap_figures
from LesionSegmentationLib.engine.calibration import calibrated
from LesionSegmentationLib.engine.geometry import Geometry
from LesionSegmentationLib.engine.operating_curve import OperatingCurve
from LesionSegmentationLib.engine.probability_map import ProbabilityMap

from ..evaluation.case_logits import case_maps, case_score
from ..evaluation.score_figures import average_precision
from ..export.calibration import fit_scale_and_bias
from ..export.evidence import gather
from ..export.floor import choose_floor
from ..fitting.trained_run import load_run
from ..patches import open_caches
from .alpha_beta_page import write_page

BETAS = (0.3, 0.5, 0.7, 0.9)
TRUNK = Path(__file__).parents[2] / "configs" / "ms-flair-trunk.yaml"
STEPS = 600
OPTIMISER = {"name": "adamw", "learning_rate": 0.001, "weight_decay": 0.0001}
TILE = (96, 96, 96)
RHO = (0.2, 20.0)
VOXEL_ML = 0.001


def _tversky(beta: float) -> dict:
    return {"name": "tversky", "alpha": round(1 - beta, 1), "beta": beta}


# name: the loss after the trunk's
NETWORKS = {
    "ce": {"name": "cross_entropy", "lesion_weight": 1.0},
    "ce_tversky": {"name": "sum", "terms": [{"name": "cross_entropy", "factor": 25}, _tversky(0.5)]},
    **{f"tversky_{beta}": _tversky(beta) for beta in BETAS},
    "conditioned": {"name": "conditioned_tversky", "lowest": RHO[0], "highest": RHO[1], "posterior": 25.0},
}


def fit(cache: Path, runs: Path, names: list[str]) -> None:
    """Train the trunk and every network that is not trained yet."""
    trunk = runs / "trunk"
    _fit(trunk, cache)
    network = yaml.safe_load(TRUNK.read_text(encoding="utf-8"))["model"]["network"]
    for name in names:
        outputs = 3 if name == "conditioned" else 1
        _fit(
            runs / name, cache,
            "--model.network", json.dumps({**network, "outputs": outputs}),
            "--model.loss", json.dumps(NETWORKS[name]), "--model.start_from", str(trunk / "last.ckpt"),
            "--model.optimiser", json.dumps(OPTIMISER), "--trainer.max_epochs", str(STEPS // 100),
        )  # fmt: skip


def _fit(run: Path, cache: Path, *changes: str) -> None:
    command = [sys.executable, "-m", "LesionSegmentationTraining", "fit", "--config", str(TRUNK), "--run", str(run)]
    command += ["--data.caches", json.dumps([str(cache)]), "--trainer.enable_progress_bar", "false", *changes]
    subprocess.run(command, check=True)


def measure(cache: Path, tests: list[Path], runs: Path, names: list[str]) -> None:
    """Write ``RUNS/NAME/figures.json`` for every network."""
    for name in names:
        done = runs / name / "figures.json"
        if done.exists():
            continue
        network = load_run(runs / name / "last.ckpt").network()
        answers = _answers(name, network, open_caches([cache]).split("calibrate"))
        rows = [
            {"network": name, **row}
            for path in tests
            for case in open_caches([path]).split("test")
            if case.mask.any()
            for row in _rows(name, network, case, answers)
        ]
        content = {"calibration": answers, "rows": rows}
        done.with_suffix(".part").write_text(json.dumps(content, indent=1))
        done.with_suffix(".part").replace(done)
        print(name, "measured", flush=True)


def _maps(network, case) -> np.ndarray:
    with torch.autocast("cpu", torch.bfloat16):
        return case_maps(network, case, TILE, [0])


def _answers(name: str, network, cases) -> dict | None:
    """Scale, bias and floor of a network that gives a posterior; no floor where it does not decide."""
    if name.startswith("tversky"):
        return None
    evidence = []
    for case in cases:
        inside = np.asarray(case.image[0], np.float32) > 0
        logits = _maps(network, case)[-1]
        evidence.append(gather(logits[inside], case.mask[inside], patient=case.patient, case=case.id, kind=case.kind))
    scale, bias = fit_scale_and_bias(evidence)
    floor = [] if name == "conditioned" else choose_floor(evidence, scale, bias, VOXEL_ML)
    return {"scale": scale, "bias": bias, "floor": floor}


def _rows(name: str, network, case, answers: dict | None) -> list[dict]:
    """One row a setting: true figures, and the expected ones where the network gives them."""
    mask = case.mask > 0
    names = {"case": case.id, "patient": case.patient, "kind": case.kind}
    maps = _maps(network, case)
    if answers is None:
        beta = float(name.removeprefix("tversky_"))
        return [{**names, **_true(maps[0] >= 0, mask, beta), "auc_pr": _auc(maps[0], mask)}]
    score = case_score(maps, RHO if name == "conditioned" else None)
    posterior = calibrated(maps[-1], answers)
    curve = OperatingCurve.of(
        ProbabilityMap(posterior, Geometry(mask.shape, np.eye(4)), answers, answers["floor"], score=score)
    )
    auc = _auc(maps[-1] if score is None else score.array, mask)
    rows = []
    for beta in BETAS:
        point = curve.at(1 - beta, beta)
        expected = {f"expected_{figure}": getattr(point.figures, figure) for figure in ("precision", "recall")}
        rows.append({**names, **_true(curve.mask(point) > 0, mask, beta), "auc_pr": auc, **expected})
    return rows


def _auc(score: np.ndarray, mask: np.ndarray) -> float:
    return average_precision(expit(np.clip(score.astype(np.float64), -30, 30)).ravel(), mask.ravel())


def _true(marked: np.ndarray, mask: np.ndarray, beta: float) -> dict:
    figures = overlap_figures(marked, mask, VOXEL_ML)
    tp, fp, fn = (figures[key] for key in ("true_positives", "false_positives", "false_negatives"))
    kept = ("dice", "precision", "recall", "f2", "lesion_tpr", "lesion_fdr", "prediction_ml", "reference_ml")
    return {
        "beta": beta,
        "tversky": tp / (tp + (1 - beta) * fp + beta * fn) if tp + fp + fn else None,
        **{key: figures[key] for key in kept},
    }


def main() -> None:
    """Run one of the three steps."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("step", choices=["fit", "measure", "publish"])
    parser.add_argument("--cache", type=Path)
    parser.add_argument("--test", type=Path, nargs="+", default=[])
    parser.add_argument("--runs", type=Path, required=True)
    parser.add_argument("--output", type=Path)
    parser.add_argument("--networks", nargs="+", default=list(NETWORKS), choices=list(NETWORKS))
    options = parser.parse_args()
    if options.step == "fit":
        fit(options.cache, options.runs, options.networks)
    elif options.step == "measure":
        measure(options.cache, options.test, options.runs, options.networks)
    else:
        write_page(options.runs, options.networks, options.output)


if __name__ == "__main__":
    main()
