"""The learning rate over the steps of a run, as a factor of the optimiser's own rate."""

from __future__ import annotations

import math
from bisect import bisect_right
from collections.abc import Callable, Mapping

from LesionSegmentationLib.engine.errors import InputError

from .optimisers import published

# What a schedule may be told, with the values it takes where it is not told.
SCHEDULES = {
    "constant": {},
    "cosine": {"last": 0.0},
    "polynomial": {"power": 0.9, "last": 0.0},
    "step": {"factor": 0.1, "every": None, "at": ()},
    "exponential": {"factor": 0.999, "every": 1},
}


def build_schedule(spec: str | Mapping, steps: int) -> Callable[[int], float]:
    """Return the function from step (0 is the first) to the factor of the learning rate, for a run of ``steps``.

    ``spec``: {"name": ..., "warmup": W, ...}. With t = step / steps:
    - constant: 1
    - cosine: last + (1 - last) (1 + cos(pi t)) / 2
    - polynomial: last + (1 - last) (1 - t)^power
    - step: factor^floor(step / every), or factor^(how many of the steps ``at`` are over)
    - exponential: factor^(step / every)
    Through the first W steps (default 0) it is multiplied by (step + 1) / W. A bare name asks for the schedule of a
    published work. Raises InputError for an unknown name or key.
    """
    settings = published(spec, "schedule")
    name, warmup = settings.pop("name", None), settings.pop("warmup", 0)
    if name not in SCHEDULES:
        raise InputError(f"There is no schedule '{name}'; the known ones are {', '.join(sorted(SCHEDULES))}.")
    for key in settings:
        if key not in SCHEDULES[name]:
            known = ", ".join(["warmup", *SCHEDULES[name]])
            raise InputError(f"The schedule '{name}' has no key '{key}'; it has {known}.")
    if steps < 1 and name in ("cosine", "polynomial"):
        raise InputError(f"The schedule '{name}' needs a run with an end; set trainer.max_epochs or take 'constant'.")
    curve = _curve(name, {**SCHEDULES[name], **settings}, max(1, steps))
    return lambda step: curve(step) * (min(1.0, (step + 1) / warmup) if warmup else 1.0)


def _curve(name: str, settings: dict, steps: int) -> Callable[[int], float]:
    """The schedule without its warm-up."""

    def gone(step: int) -> float:
        return min(1.0, step / steps)

    if name == "cosine":
        last = settings["last"]
        return lambda step: last + (1 - last) * 0.5 * (1 + math.cos(math.pi * gone(step)))
    if name == "polynomial":
        last = settings["last"]
        return lambda step: last + (1 - last) * (1 - gone(step)) ** settings["power"]
    if name == "step":
        every, at = settings["every"], sorted(settings["at"])
        if bool(every) == bool(at):
            raise InputError("The schedule 'step' needs either 'every', a number of steps, or 'at', a list of steps.")
        return lambda step: settings["factor"] ** (step // every if every else bisect_right(at, step))
    if name == "exponential":
        return lambda step: settings["factor"] ** (step / settings["every"])
    return lambda step: 1.0
