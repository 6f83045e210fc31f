"""Many fits over settings, on this machine or a Ray cluster; a fit whose worker dies goes on elsewhere.

Every trial is an ordinary run in a folder of its own, so that a trial that is started again goes on from its last
checkpoint; Ray Tune hands out the trials and starts them again. On several machines the folder must be shared.
"""

from __future__ import annotations

import argparse
import copy
import csv
import itertools
import json
import math
import os
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import numpy as np
import yaml
from pydantic import BaseModel, ConfigDict, ValidationError

from LesionSegmentationLib.engine.errors import InputError


class Sweep(BaseModel):
    """A sweep's YAML file.

    ``base``: the configuration of ``fit`` that all trials share, relative to this file. ``settings``: dotted keys of
    that configuration ("model.loss.terms.1.alpha"), each with a list of values, or with {"low", "high", "scale":
    "linear" or "log"} to draw from. ``search``: "grid" tries all combinations of lists, "random" draws ``trials`` of
    them by ``seed``. ``metric``, ``mode``: what is best. ``cpus``, ``gpus``: what a trial needs. ``restarts``: how
    often a trial may lose its worker.
    """

    model_config = ConfigDict(extra="forbid")

    base: str
    settings: dict[str, Any]
    search: Literal["grid", "random"] = "grid"
    trials: int = 10
    seed: int = 0
    metric: str = "validate/average_precision"
    mode: Literal["max", "min"] = "max"
    cpus: float = 1
    gpus: float = 0
    restarts: int = 3


def main(arguments: list[str]) -> int:
    """Run the command; answers the exit code (0 done, 2 with one sentence on stderr)."""
    parser = argparse.ArgumentParser("LesionSegmentationTraining sweep", description="Many fits over settings.")
    parser.add_argument("--sweep", type=Path, required=True, help="YAML file of the sweep")
    parser.add_argument("--run", type=Path, required=True, help="folder for all trials; finished ones are kept")
    parser.add_argument("--address", help="of a Ray cluster, or 'auto'; without it this machine alone")
    options = parser.parse_args(arguments)
    try:
        run_sweep(options.sweep, options.run, options.address)
    except InputError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    return 0


def run_sweep(path: Path, folder: Path, address: str | None = None) -> list[dict]:
    """Run the sweep of the YAML file ``path`` and write ``results.csv`` and ``results.json`` into ``folder``.

    Answers one row a trial, best first: ``trial``, the settings, ``score`` (the best the metric has been; None without
    one), ``step``, ``folder`` and ``error``. Raises InputError without Ray, or where the file or a setting is wrong.
    """
    try:
        import ray
        from ray import tune
    except ImportError as error:
        raise InputError("A sweep needs Ray; install it with: pip install 'lesion-segmentation[sweep]'.") from error
    sweep = _read(path)
    base = _read_yaml(path.parent / sweep.base)
    folder = folder.resolve()
    trials = trials_of(sweep)
    for number, settings in enumerate(trials):
        _write_settings(folder / f"trial-{number:03}" / "settings.yaml", with_settings(base, settings))
    if not ray.is_initialized():
        ray.init(address=address, include_dashboard=False, log_to_driver=False)
    space = [str(folder / f"trial-{number:03}") for number in range(len(trials))]
    tuner = tune.Tuner(
        tune.with_resources(_fit_trial, {"cpu": sweep.cpus, "gpu": sweep.gpus}),
        param_space={
            "folder": tune.grid_search(space),
            "metric": sweep.metric,
            "mode": sweep.mode,
            "working_folder": os.getcwd(),
        },
        run_config=tune.RunConfig(
            name="ray",
            storage_path=str(folder),
            failure_config=tune.FailureConfig(max_failures=sweep.restarts),
            verbose=1,
        ),
    )
    errors = {result.config["folder"]: result.error for result in tuner.fit()}
    rows = [_row(number, settings, Path(space[number]), errors) for number, settings in enumerate(trials)]
    sign = -1 if sweep.mode == "max" else 1
    rows.sort(key=lambda row: math.inf if row["score"] is None else sign * row["score"])
    _write_results(folder, rows)
    return rows


def trials_of(sweep: Sweep) -> list[dict[str, Any]]:
    """Return the settings of every trial, {dotted key: value}, in an order that depends on the sweep alone."""
    names = list(sweep.settings)
    if not names:
        raise InputError("The sweep has no settings; give at least one dotted key with a list of values.")
    if sweep.search == "grid":
        for name in names:
            if not isinstance(sweep.settings[name], list):
                raise InputError(f"A grid needs a list of values for '{name}'; or set search: random.")
        return [dict(zip(names, values)) for values in itertools.product(*sweep.settings.values())]
    rng = np.random.default_rng(sweep.seed)
    return [{name: _draw(name, sweep.settings[name], rng) for name in names} for _ in range(sweep.trials)]


def with_settings(base: dict, settings: Mapping[str, Any]) -> dict:
    """Return a copy of the configuration ``base`` with the dotted keys of ``settings`` replaced.

    A number in a key counts the items of a list from 0. Raises InputError for a key whose parent does not exist.
    """
    config = copy.deepcopy(base)
    for key, value in settings.items():
        place: Any = config
        *parents, last = key.split(".")
        try:
            for name in parents:
                place = place[int(name)] if isinstance(place, list) else place[name]
            if isinstance(place, list):
                place[int(last)] = value
            elif isinstance(place, dict):
                place[last] = value
            else:
                raise KeyError(last)
        except (KeyError, IndexError, ValueError) as error:
            raise InputError(f"The base configuration has no place for the setting '{key}'.") from error
    return config


def _fit_trial(config: dict) -> None:
    """One trial in a worker of Ray: fit, or go on, in its folder, and report every validation."""
    from lightning.pytorch.callbacks import LambdaCallback
    from ray import tune

    from .command import main as fitting
    from .trained_run import load_run

    folder = Path(config["folder"])
    os.chdir(config["working_folder"])

    def report(trainer, module) -> None:
        if config["metric"] in trainer.callback_metrics:
            tune.report({"score": float(trainer.callback_metrics[config["metric"]]), "step": trainer.global_step})

    arguments = ["fit", "--config", str(folder / "settings.yaml"), "--run", str(folder)]
    arguments += ["--trainer.enable_progress_bar", "false", "--checkpoints.monitor", config["metric"]]
    arguments += ["--checkpoints.mode", config["mode"]]
    code = fitting(arguments, callbacks=[LambdaCallback(on_validation_end=report)])
    if code:
        raise RuntimeError(f"The fit in {folder} ended with exit code {code}; its log says why.")
    tune.report({"step": load_run(folder / "last.ckpt").step})


def _row(number: int, settings: dict, folder: Path, errors: dict) -> dict:
    from .checkpoints import LAST, best_score_of
    from .trained_run import load_run

    last = folder / LAST
    there = last.is_file()
    error = errors.get(str(folder))
    return {
        "trial": number,
        **settings,
        "score": best_score_of(last) if there else None,
        "step": load_run(last).step if there else 0,
        "folder": str(folder),
        "error": None if error is None else str(error).strip().splitlines()[-1],
    }


def _draw(name: str, values: Any, rng: np.random.Generator) -> Any:
    if isinstance(values, list):
        return values[int(rng.integers(len(values)))]
    try:
        low, high, scale = float(values["low"]), float(values["high"]), values.get("scale", "linear")
    except (TypeError, KeyError, ValueError) as error:
        raise InputError(f"The setting '{name}' needs a list of values, or numbers 'low' and 'high'.") from error
    if scale == "log" and low > 0:
        return float(math.exp(rng.uniform(math.log(low), math.log(high))))
    if scale == "linear":
        return float(rng.uniform(low, high))
    raise InputError(f"The setting '{name}' has the scale '{scale}'; it is 'linear', or 'log' with low above 0.")


def _read(path: Path) -> Sweep:
    try:
        return Sweep.model_validate(_read_yaml(path))
    except ValidationError as error:
        first = error.errors()[0]
        known = ", ".join(Sweep.model_fields)
        raise InputError(f"In {path}, {'.'.join(map(str, first['loc']))}: {first['msg']}. It has {known}.") from error


def _read_yaml(path: Path) -> dict:
    try:
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
    except (OSError, yaml.YAMLError) as error:
        raise InputError(f"{path} cannot be read ({error}); name a YAML file.") from error
    if not isinstance(content, dict):
        raise InputError(f"{path} holds no settings; it is a mapping of keys to values.")
    return content


def _write_settings(path: Path, config: dict) -> None:
    """Write a trial's configuration; one that is there must be the same, for its run goes on."""
    text = yaml.safe_dump(config, sort_keys=False)
    if path.exists() and path.read_text(encoding="utf-8") != text:
        raise InputError(f"{path.parent} holds a trial with other settings; choose another --run for this sweep.")
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_suffix(".part")
    part.write_text(text, encoding="utf-8")
    os.replace(part, path)


def _write_results(folder: Path, rows: list[dict]) -> None:
    part = folder / "results.part"
    part.write_text(json.dumps(rows, indent=1), encoding="utf-8")
    os.replace(part, folder / "results.json")
    with part.open("w", newline="", encoding="utf-8") as stream:
        table = csv.DictWriter(stream, rows[0].keys())
        table.writeheader()
        table.writerows(rows)
    os.replace(part, folder / "results.csv")
