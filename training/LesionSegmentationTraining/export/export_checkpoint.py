"""From a checkpoint to a calibrated bundle with its card."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np

from LesionSegmentationLib import __version__
from LesionSegmentationLib.engine.bundle import Bundle, write_bundle
from LesionSegmentationLib.engine.conditioned_score import score_entry
from LesionSegmentationLib.engine.device import choose_device
from LesionSegmentationLib.engine.errors import InputError
from LesionSegmentationLib.engine.networks import resolve_network

from ..fitting.trained_run import TrainedRun, load_run
from ..patches import Case, CaseCache, open_caches
from ..patches.case_cache import check_patients
from .about import About
from .assessment import Assessment
from .calibration import calibration_error, reliability
from .card import write_card
from .pictures import calibration_picture

# what a bundle remembers of the run's settings, beside what stands in its own entries
SETTINGS = ("loss", "optimiser", "schedule", "ema", "sampler", "augmentation", "weight", "initial_logit")
BY_A_FOLD = "left out by a fold"
LEFT_OUT = ("left out", BY_A_FOLD)


def export_checkpoint(
    checkpoint: Path,
    caches: Sequence[Path],
    bundle: Path,
    about: About,
    *,
    folds: Sequence[tuple[Path, Path]] = (),
    real_weight: float = 1.0,
    tile: int | None = None,
    device: str = "auto",
    say: Callable[[str], None] = print,
) -> Bundle:
    """Calibrate the averaged weights of ``checkpoint``, measure them, and write the folder ``bundle``.

    Scale, bias and floor come from the whole, naturally sampled cases of the split "calibrate" (a real one counts
    ``real_weight`` times a made-up one), with all channels and with the required one alone. Figures are measured on the
    split "test", and for comparison on the real cases of the fit, each row with its role.
    ``folds``: (checkpoint, cache) of fits that were the same but for the patients of the cache's split "test", which
    they left out, in the calibration too: they tell what the bundle is worth on patients it was itself fitted on. The
    checkpoint may be ``checkpoint`` itself, for patients that only the calibration saw.
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
    run = _stored(load_run(checkpoint))
    weights = {name: value.half() if value.is_floating_point() else value for name, value in run.weights.items()}
    device = choose_device(device)
    tiles = run.patch if tile is None else (tile,) * 3
    cache = open_caches(caches)
    _check_patients(cache.cases, run)
    voxel_ml = float(np.prod(cache.spacing_mm)) / 1000

    def assess(run: TrainedRun) -> Assessment:
        assessment = Assessment(run, cache.channels, tiles, device, _recipe(cache).get("intensity"), say)
        assessment.calibrate(cache.split("calibrate"), real_weight, voxel_ml)
        return assessment

    this = assess(run)
    measured = list(this.measure(_measured(cache)))
    for fold, left_out in folds:
        sibling = _stored(load_run(fold))
        cases = open_caches([left_out]).split("test")
        _check_patients(cases, sibling, ("train", "validate"))  # those of the calibration are left out below
        say(f"Fold {left_out.stem}")
        assessment = this if fold.samefile(checkpoint) else assess(sibling)
        measured += assessment.without({case.patient for case in cases}).measure(cases, role=BY_A_FOLD)
    calibration, floor, rho = this.calibration, this.floor, this.rho
    evidence = [one.evidence for one in measured if one.rows[0]["role"] in LEFT_OUT]
    if evidence:
        calibration["error_left_out"] = calibration_error(evidence, 1.0, 0.0)
        calibration["reliability_left_out"] = reliability(evidence, 1.0, 0.0)
    figures = [row for one in measured for row in one.rows]
    description = {
        "name": about.name, "version": about.version, "title": about.title or about.task, "task": about.task,
        "licence": about.licence, **run.runtime,
        "channels": [{"name": name, "required": n == 0} for n, name in enumerate(cache.channels)],
        "network": _network(run), "plan": _plan(cache, tiles), "calibration": calibration, "floor": floor,
        **({} if about.validated is None else {"validated": about.validated}),
        **({} if rho is None else {"score": score_entry(rho)}),
        "training": _training(run, cache), "figures": [row for row in figures if row["kind"] == "real"],
    }  # fmt: skip
    pictures = {
        f"{one.rows[0]['case']}.png": one.picture
        for one in measured
        if one.picture is not None and one.rows[0]["role"] in LEFT_OUT
    }
    if calibration["fitted_on"] is not None:
        pictures["calibration.png"] = calibration_picture(calibration)
    card = write_card(about, {**description, "figures": figures}, _data(cache), sorted(pictures))
    return write_bundle(bundle, description, weights, card, pictures)


def _stored(run: TrainedRun) -> TrainedRun:
    """``run`` with its weights as the bundle holds them, float16: what is measured are the bundle's own answers."""
    weights = {name: value.half() if value.is_floating_point() else value for name, value in run.weights.items()}
    return replace(run, weights={name: value.to(run.weights[name].dtype) for name, value in weights.items()})


def _measured(cache: CaseCache) -> list[Case]:
    """The cases left out, then the real ones fitted on, for comparison; never those of the calibration."""
    seen = [case for split in ("validate", "train") for case in cache.split(split) if case.kind == "real"]
    return [*cache.split("test"), *seen]


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


def _check_patients(cases: Sequence[Case], run: TrainedRun, splits: Sequence[str] | None = None) -> None:
    """Raise InputError where a patient that the run was fitted on is to be calibrated on or counts as left out.

    ``splits``: those of the run's patients that count; None for all.
    """
    runs = [*run.hyper_parameters.get("earlier", []), run.hyper_parameters]
    fitted = [pair for one in runs for pair in one.get("patients", {}).items() if splits is None or pair[1] in splits]
    check_patients([*fitted, *((case.patient, case.split) for case in cases)])
