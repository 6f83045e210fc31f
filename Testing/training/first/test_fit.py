import numpy as np
import pytest
import torch

from LesionSegmentationTraining.first.fit import Run, fit
from LesionSegmentationTraining.first.losses import tversky_loss


class Killed(Exception):
    pass


def test_three_steps_run_and_change_the_weights(cases, configuration, tmp_path):
    run = Run(configuration)
    before = {name: value.clone() for name, value in run.network.state_dict().items()}
    fit(run, cases, tmp_path, workers=0)
    assert run.step == 3
    assert any(not torch.equal(before[name], value) for name, value in run.network.state_dict().items())
    assert (tmp_path / "state.pt").exists() and not (tmp_path / "state.part").exists()
    assert all(torch.isfinite(value).all() for value in run.mean_weights.values())


def test_a_killed_run_resumes_to_the_same_weights(cases, configuration, tmp_path):
    whole = Run(configuration)
    fit(whole, cases, tmp_path / ".", workers=0)

    def kill(run):
        if run.step == 2:
            raise Killed

    (tmp_path / "killed").mkdir()
    with pytest.raises(Killed):
        fit(Run(configuration), cases, tmp_path / "killed", workers=0, save_seconds=-1, look=kill, look_every=1)
    resumed = Run.load(tmp_path / "killed" / "state.pt")
    assert resumed.step == 2
    fit(resumed, cases, tmp_path / "killed", workers=0)
    assert resumed.step == 3
    for name, value in whole.mean_weights.items():
        assert torch.equal(value, resumed.mean_weights[name]), name
    for name, value in whole.network.state_dict().items():
        assert torch.equal(value, resumed.network.state_dict()[name]), name


def test_a_warm_start_begins_with_the_earlier_weights_and_says_so(cases, configuration, tmp_path):
    earlier = Run(configuration | {"data": "made-up heads"})
    fit(earlier, cases, tmp_path, workers=0)
    run = Run(configuration | {"seed": 2, "data": "others"})
    run.start_from(tmp_path / "state.pt")
    assert run.step == 0
    assert [start["steps"] for start in run.config["started_from"]] == [3]
    for name, value in earlier.mean_weights.items():
        assert torch.equal(run.network.state_dict()[name], value), name


def test_tversky_by_hand():
    target = torch.tensor([1.0, 1.0, 0.0, 0.0])
    logits = torch.logit(torch.tensor([0.8, 0.4, 0.3, 0.1]))
    true_positive, false_positive, false_negative = 1.2, 0.4, 0.8
    index = (true_positive + 1) / (true_positive + 0.3 * false_positive + 0.7 * false_negative + 1)
    assert float(tversky_loss(logits, target, 0.3, 0.7)) == pytest.approx(1 - index, rel=1e-5)


def test_the_learning_rate_rises_then_falls_to_zero(configuration):
    run = Run(configuration | {"steps": 1000})
    rates = []
    for run.step in range(1001):
        rates.append(run.learning_rate())
    assert np.argmax(rates) in range(40, 60)
    assert rates[-1] == pytest.approx(0, abs=1e-9)
