"""The main job: a study and a bundle in, a probability map out. Button, console, worker and shell all call this."""

from __future__ import annotations

import time
from collections.abc import Callable

import numpy as np

from .bundle import Bundle
from .calibration import calibrated
from .conditioned_score import ConditionedScore
from .device import choose_device
from .errors import Cancelled, InputError
from .measured_figures import MeasuredFigures
from .predict import outside_maps, predict
from .prepare import Prepared, prepare
from .probability_map import ProbabilityMap
from .restore import restore
from .runtimes import ENGINE
from .study import Study
from .validated_range import outside_validated


def process(
    study: Study,
    bundle: Bundle,
    device: str = "auto",
    progress: Callable[[str, float], None] = lambda stage, fraction: None,
    cancelled: Callable[[], bool] = lambda: False,
    log: Callable[[str], None] = lambda message: None,
    network=None,
    patches: Callable[[int, int], None] = lambda done, of: None,
) -> ProbabilityMap:
    """Run ``bundle`` on ``study`` and return the posterior, and the score of a conditioned head, on its reference grid.

    ``progress(stage, fraction)`` hears of the stages prepare, predict and restore; ``cancelled()`` is asked between
    patches and raises Cancelled; ``log(sentence)`` hears what a person should know. ``network``: the bundle's network
    if it is already loaded. ``patches(done, of)`` hears of every forward pass, before ``progress`` does. Raises
    InputError before any long work when the study lacks a channel the bundle needs.
    """
    missing = [name for name, required in bundle.channels if required and name not in study.channels]
    if missing:
        raise InputError(f"The model '{bundle.name}' needs the channel {', '.join(missing)}, which was not given.")
    if study.reference not in [name for name, _ in bundle.channels]:
        raise InputError(f"The reference channel {study.reference} is not among the channels of model '{bundle.name}'.")
    torch_device = choose_device(device)
    notes: list[str] = []

    def say(sentence: str) -> None:
        notes.append(sentence)
        log(sentence)

    seconds = {}
    start = time.perf_counter()
    progress("prepare", 0.0)
    prepared = prepare(study, bundle.plan)
    for note in prepared.notes:
        say(note)
    loaded = network or bundle.network()
    seconds["prepare"] = _lap(start)
    try:
        if cancelled():
            raise Cancelled
        start = time.perf_counter()
        maps, used = predict(
            loaded,
            prepared,
            bundle.plan.tile,
            torch_device,
            lambda done: progress("predict", done),
            cancelled,
            say,
            patches,
        )
        seconds["predict"] = _lap(start)
    finally:
        if network is None and bundle.runtime != ENGINE:
            loaded.close()

    start = time.perf_counter()
    progress("restore", 0.0)
    probability = restore(calibrated(maps[-1], bundle.description["calibration"]), prepared)
    score = None if bundle.rho_range is None else _score(maps, prepared, outside_maps(loaded), bundle.rho_range)
    seconds["restore"] = _lap(start)
    progress("restore", 1.0)
    return ProbabilityMap(
        array=np.clip(probability, 0, 1),
        geometry=study.channels[study.reference].geometry,
        calibration=bundle.description["calibration"],
        floor=bundle.description["floor"],
        provenance={
            "inputs": {
                channel: {"name": volume.name, "sha256": volume.sha256} for channel, volume in study.channels.items()
            },
            "reference": study.reference,
            "model": {"name": bundle.name, "version": bundle.version, "sha256": bundle.sha256, **_runtime(loaded)},
            "device": str(used),
            "seconds": seconds,
            "notes": notes,
            **_measured(bundle, study),
            **_outside(bundle, study, probability),
        },
        score=score,
    )


def _score(maps: np.ndarray, prepared: Prepared, outside: tuple, rho: tuple[float, float]) -> ConditionedScore:
    """The score on the reference grid: a and s are resampled apart, as the logit a + s log(rho) would be at any rho."""
    a, s = (restore(values, prepared, nothing) for values, nothing in zip(maps[:2], outside))
    return ConditionedScore.of_maps(a, s, rho)


def _measured(bundle: Bundle, study: Study) -> dict:
    """What the bundle reached on other scans with the channels that were used, kept with what it answers."""
    channels = [name for name, _ in bundle.channels if name in study.channels]
    measured = MeasuredFigures.of(bundle.description, channels)
    return {} if measured is None else {"measured": measured.to_dict()}


def _outside(bundle: Bundle, study: Study, probability: np.ndarray) -> dict:
    """How the study lies outside what the bundle was measured on, in sentences: kept with what is then withheld."""
    used = {name: study.channels[name] for name, _ in bundle.channels if name in study.channels}
    expected_ml = float(probability.sum(dtype=np.float64)) * study.channels[study.reference].geometry.voxel_ml
    sentences = outside_validated(bundle.description.get("validated"), used, study.reference, expected_ml)
    return {"outside_validated": sentences} if sentences else {}


def _runtime(network) -> dict:
    """What a network that the engine does not run itself was run with."""
    return {"runtime": network.versions} if hasattr(network, "versions") else {}


def _lap(start: float) -> float:
    return round(time.perf_counter() - start, 3)
