import math

import pytest

from LesionSegmentationLib.engine.errors import InputError
from LesionSegmentationTraining.fitting.optimisers import PUBLISHED, build_optimiser
from LesionSegmentationTraining.fitting.schedules import SCHEDULES, build_schedule


def test_cosine_falls_from_one_to_its_last_value():
    at = build_schedule({"name": "cosine", "last": 0.1}, 100)
    assert at(0) == 1
    assert at(50) == pytest.approx(0.1 + 0.9 / 2)
    assert at(100) == pytest.approx(0.1)
    assert at(25) == pytest.approx(0.1 + 0.9 * (1 + math.sqrt(0.5)) / 2)


def test_polynomial_is_the_power_of_what_is_left():
    at = build_schedule({"name": "polynomial", "power": 0.9}, 200)
    assert [at(step) for step in (0, 100, 200, 300)] == pytest.approx([1, 0.5**0.9, 0, 0])


def test_exponential_falls_smoothly_and_step_in_steps():
    smooth = build_schedule({"name": "exponential", "factor": 0.95, "every": 500}, 1)
    stepped = build_schedule({"name": "step", "factor": 0.95, "every": 500}, 1)
    assert smooth(250) == pytest.approx(math.sqrt(0.95))
    assert [stepped(step) for step in (0, 499, 500, 1000)] == pytest.approx([1, 1, 0.95, 0.95**2])


def test_published_schedules_by_name():
    salehi, hashemi, shirokikh = (build_schedule(name, 10000) for name in ("salehi", "hashemi", "shirokikh"))
    assert [salehi(step) for step in (999, 1000, 2500)] == pytest.approx([1, 0.9, 0.81])
    assert [hashemi(step) for step in (499, 500, 1700)] == pytest.approx([1, 0.95, 0.95**3])
    assert [shirokikh(step) for step in (7999, 8000, 9999)] == pytest.approx([1, 0.1, 0.1])


def test_warmup_multiplies():
    at = build_schedule({"name": "constant", "warmup": 4}, 100)
    assert [at(step) for step in range(6)] == [0.25, 0.5, 0.75, 1, 1, 1]


def test_every_published_optimiser_can_be_built():
    import torch

    for name in PUBLISHED:
        optimiser = build_optimiser(name, [torch.nn.Parameter(torch.zeros(1))])
        assert optimiser.param_groups[0]["lr"] == PUBLISHED[name]["optimiser"]["learning_rate"]
    assert optimiser.param_groups[0]["nesterov"]


@pytest.mark.parametrize(
    "spec, words",
    [
        ({"name": "cosin"}, "cosine"),
        ({"name": "cosine", "power": 2}, "no key 'power'; it has warmup, last"),
        ({"name": "step", "factor": 0.1}, "'every'"),
        ("salehy", "hashemi, salehi, shirokikh"),
    ],
)
def test_a_schedule_that_cannot_be_is_said_with_what_can(spec, words):
    with pytest.raises(InputError, match=words):
        build_schedule(spec, 10)
    assert len(SCHEDULES) == 5


@pytest.mark.parametrize(
    "spec, words",
    [
        ({"name": "adamm", "learning_rate": 1}, "adam, adamw, sgd"),
        ({"name": "adam"}, "learning_rate above 0"),
        ({"name": "adam", "learning_rate": 1e-3, "momentum": 0.9}, "no argument 'momentum'"),
    ],
)
def test_an_optimiser_that_cannot_be_is_said_with_what_can(spec, words):
    with pytest.raises(InputError, match=words):
        build_optimiser(spec, [])


@pytest.mark.parametrize("name", ["cosine", "polynomial"])
def test_a_schedule_that_ends_needs_a_run_that_does(name):
    with pytest.raises(InputError, match="needs a run with an end"):
        build_schedule({"name": name}, -1)
