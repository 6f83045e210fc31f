"""From a checkpoint to a calibrated bundle with its card."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from LesionSegmentationLib import __version__
from LesionSegmentationLib.engine.bundle import Bundle, write_bundle
from LesionSegmentationLib.engine.conditioned_score import ConditionedScore, score_entry
from LesionSegmentationLib.engine.device import choose_device
from LesionSegmentationLib.engine.errors import InputError
from LesionSegmentationLib.engine.networks import resolve_network
from LesionSegmentationLib.engine.prepare import head_mask

from ..evaluation.case_logits import case_maps, case_score
from ..evaluation.settings import figures_at_settings
from ..fitting.trained_run import TrainedRun, load_run
from ..losses import build_loss
from ..losses.conditioned import rho_range
from ..patches import Case, CaseCache, open_caches
from ..patches.case_cache import check_patients
from .about import About
from .calibration import calibration_error, fit_scale_and_bias, reliability
from .card import write_card
from .evidence import Evidence, gather
from .floor import choose_floor

BETAS = (0.3, 0.5, 0.7, 0.8, 0.9)
# what a bundle remembers of the run's settings, beside what stands in its own entries
SETTINGS = ("loss", "optimiser", "schedule", "ema", "sampler", "augmentation", "weight", "initial_logit")
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


def export_checkpoint(
    checkpoint: Path,
    caches: Sequence[Path],
    bundle: Path,
    about: About,
    *,
    real_weight: float = 1.0,
    tile: int | None = None,
    device: str = "auto",
    say: Callable[[str], None] = print,
) -> Bundle:
    """Calibrate the averaged weights of ``checkpoint``, measure them, and write the folder ``bundle``.

    Scale, bias and floor come from the whole, naturally sampled cases of the split "calibrate" (a real one counts
    ``real_weight`` times a made-up one), with all channels and with the required one alone. Figures are measured on the
    split "test", and for comparison on the real cases of the fit, each row with its role.
    ``tile``: voxels per axis of one forward pass, of the bundle and here; None for those of the training patches.
    Without calibration cases the bundle says that it is uncalibrated. Weights are stored as float16. Of a conditioned
    head the posterior is calibrated; what a setting marks comes from its score, and there is no floor.

    Raises InputError when ``bundle`` exists, when its name is not that of ``about``, or when a patient is in several
    splits: a figure is never quoted for a patient that scale, bias or floor were fitted on.
    """
    if bundle.name != about.name:
        raise InputError(f"The bundle's folder is called {bundle.name}, the model '{about.name}'; give both one name.")
    if bundle.exists():
        raise InputError(f"{bundle} exists already; remove it or give the new bundle another name.")
    run = load_run(checkpoint)
    # the bundle holds float16: what is measured are its own answers
    weights = {name: value.half() if value.is_floating_point() else value for name, value in run.weights.items()}
    run = replace(run, weights={name: value.to(run.weights[name].dtype) for name, value in weights.items()})
    device = choose_device(device)
    tiles = run.patch if tile is None else (tile,) * 3
    cache = open_caches(caches)
    _check_patients(cache, run)
    network = run.network().to(device)
    intensity = _recipe(cache).get("intensity")
    rho = rho_range(build_loss(run.loss))

    def answers(cases: Sequence[Case]) -> Iterator[Answer]:
        for case in cases:
            for channels in _channel_sets(case, cache.channels):
                say(f"{case.id} ({', '.join(channels)})")
                kept = [cache.channels.index(name) for name in channels]
                maps = case_maps(network, case, tiles, kept, device, intensity)
                yield Answer(case, channels, maps[-1], intensity, case_score(maps, rho))

    evidence = [answer.evidence for answer in answers(cache.split("calibrate"))]
    calibration = _calibration(evidence, real_weight)
    scale, bias = calibration["scale"], calibration["bias"]
    voxel_ml = float(np.prod(cache.spacing_mm)) / 1000
    floor = choose_floor(evidence, scale, bias, voxel_ml) if rho is None else []
    figures, left_out = [], []
    for answer in answers(_measured(cache)):
        role = ROLE_OF_SPLIT[answer.case.split]
        if role == "left out":
            left_out.append(answer.evidence)
        spacing = answer.case.facts.get("spacing_mm", cache.spacing_mm)
        rows = figures_at_settings(
            answer.logits, answer.case.mask, calibration, floor, BETAS, spacing, surfaces=False, score=answer.score
        )
        names = {"patient": answer.case.patient, "case": answer.case.id, "role": role, "kind": answer.case.kind}
        figures += [{**names, "channels": " + ".join(answer.channels), **row} for row in rows]
    if left_out:
        calibration["error_left_out"] = calibration_error(left_out, scale, bias)
        calibration["reliability_left_out"] = reliability(left_out, scale, bias)
    description = {
        "name": about.name, "version": about.version, "title": about.title or about.task, "task": about.task,
        "licence": about.licence, **run.runtime,
        "channels": [{"name": name, "required": n == 0} for n, name in enumerate(cache.channels)],
        "network": _network(run), "plan": _plan(cache, tiles), "calibration": calibration, "floor": floor,
        **({} if rho is None else {"score": score_entry(rho)}),
        "training": _training(run, cache), "figures": [row for row in figures if row["kind"] == "real"],
    }  # fmt: skip
    shown = {"figures": [row for row in figures if row["kind"] == "real" or row["role"] == "left out"]}
    return write_bundle(bundle, description, weights, write_card(about, description | shown, _data(cache)))


def _channel_sets(case: Case, channels: Sequence[str]) -> list[tuple[str, ...]]:
    """All channels that the case has, and the required one alone."""
    there = tuple(name for n, name in enumerate(channels) if n == 0 or case.image[n].any())
    return list(dict.fromkeys([there, there[:1]]))


def _measured(cache: CaseCache) -> list[Case]:
    """The cases left out, then the real ones fitted on, for comparison; never those of the calibration."""
    seen = [case for split in ("validate", "train") for case in cache.split(split) if case.kind == "real"]
    return [*cache.split("test"), *seen]


def _calibration(evidence: list[Evidence], real_weight: float) -> dict:
    if not evidence:
        return {"scale": 1.0, "bias": 0.0, "fitted_on": None}
    scale, bias = fit_scale_and_bias(evidence, real_weight)
    kinds = Counter(case.kind for case in {case.case: case for case in evidence}.values())
    whole = ", ".join(f"{count} {'made-up' if kind == 'synthetic' else kind}" for kind, count in sorted(kinds.items()))
    return {
        "scale": scale, "bias": bias,
        "error": calibration_error(evidence, scale, bias),
        "error_uncalibrated": calibration_error(evidence, 1.0, 0.0),
        "reliability": reliability(evidence, scale, bias),
        "fitted_on": f"{sum(kinds.values())} whole cases ({whole}), with all channels and with the first alone",
    }  # fmt: skip


def _plan(cache: CaseCache, tiles: Sequence[int]) -> dict:
    recipe = _recipe(cache)
    plan = {
        "spacing_mm": list(cache.spacing_mm),
        "spacing_tolerance": recipe.get("spacing_tolerance", 0.15),
        "tile": list(tiles),
    }
    return plan if recipe.get("intensity") is None else {**plan, "intensity": recipe["intensity"]}


def _network(run: TrainedRun) -> dict:
    """The network's settings in full, so that the bundle does not depend on what a preset means later."""
    return run.network_spec if run.runtime else resolve_network(run.network_spec)


def _training(run: TrainedRun, cache: CaseCache) -> dict:
    settings = run.hyper_parameters
    return {
        "loss": loss_in_words(run.loss), **_weights_of_errors(run.loss), "data": " ".join(_data(cache)),
        "steps": run.step, "patch": list(run.patch), "batch": settings["batch"], "seed": settings["seed"],
        "weights": sum(value.numel() for value in run.weights.values()), "code_version": __version__,
        "settings": {key: settings[key] for key in SETTINGS if key in settings},
        "earlier": [
            {"steps": one["steps"], "loss": loss_in_words(one["loss"]), "patients": len(one["patients"])}
            for one in settings.get("earlier", [])
        ],
    }  # fmt: skip


def loss_in_words(loss: dict) -> str:
    """A loss specification as a reader of the card wants it: "25 x cross_entropy + tversky (alpha 0.5, beta 0.5)"."""
    arguments = {key: value for key, value in loss.items() if key not in ("name", "factor", "terms")}
    said = ", ".join(f"{key} {value}" for key, value in arguments.items())
    if "terms" in loss:
        words = " + ".join(loss_in_words(term) for term in loss["terms"])
    else:
        words = loss["name"] + (f" ({said})" if said else "")
    factor = loss.get("factor", 1)
    return words if factor == 1 else f"{factor:g} x {words}"


def _weights_of_errors(loss: dict) -> dict:
    """``alpha`` and ``beta`` of the loss, or of the first term of a sum that has them."""
    for term in [loss, *loss.get("terms", [])]:
        if "alpha" in term and "beta" in term:
            return {"alpha": term["alpha"], "beta": term["beta"]}
        if "fbeta" in term:
            square = term["fbeta"] ** 2
            return {"alpha": 1 / (1 + square), "beta": square / (1 + square)}
    return {}


def _data(cache: CaseCache) -> list[str]:
    """What each split holds, one sentence each."""
    verbs = {
        "train": "Fitted on",
        "validate": "Watched while fitting",
        "calibrate": "Calibrated on",
        "test": "Left out",
    }
    lines = []
    for split, verb in verbs.items():
        cases = cache.split(split)
        made = sum(case.kind == "synthetic" for case in cases)
        real = [case.id for case in cases if case.kind == "real"]
        parts = [_counted(made, "made-up patient")] * (made > 0)
        parts += [f"{_counted(len(real), 'real case')} ({_some(real)})"] * (len(real) > 0)
        if parts:
            lines.append(f"{verb}: {' and '.join(parts)}.")
    return lines


def _counted(count: int, what: str) -> str:
    return f"{count} {what}" + ("" if count == 1 else "s")


def _some(names: list[str], most: int = 12) -> str:
    return ", ".join(names[:most]) + (f" and {len(names) - most} more" if len(names) > most else "")


def _recipe(cache: CaseCache) -> dict:
    return cache.facts.get("recipe", {})


def _check_patients(cache: CaseCache, run: TrainedRun) -> None:
    """Raise InputError where a patient that the run was fitted on is to be calibrated on or counts as left out."""
    runs = [*run.hyper_parameters.get("earlier", []), run.hyper_parameters]
    fitted = [pair for one in runs for pair in one.get("patients", {}).items()]
    check_patients([*fitted, *((case.patient, case.split) for case in cache.cases)])
