"""The loss of a network whose head takes the setting."""

import math

import numpy as np
import pytest
import torch

from LesionSegmentationLib.engine.errors import InputError
from LesionSegmentationTraining.losses import build_loss


def _data(seed=0, shape=(2, 1, 4, 5, 6)):
    random = torch.Generator().manual_seed(seed)
    logits = torch.randn(shape[0], 3, *shape[2:], generator=random, dtype=torch.float64)
    return logits, (torch.rand(shape, generator=random) > 0.7).double()


def test_in_evaluation_it_is_tversky_at_equal_weights_and_cross_entropy_of_the_third_output():
    logits, target = _data()
    loss = build_loss({"name": "conditioned_tversky", "posterior": 2.0}).eval()
    tversky = build_loss({"name": "tversky", "alpha": 0.5, "beta": 0.5})(logits[:, :1], target)
    cross_entropy = build_loss({"name": "cross_entropy"})(logits[:, 2:], target)
    assert float(loss(logits, target)) == pytest.approx(float(tversky + 2 * cross_entropy), rel=1e-5)


def test_a_step_uses_one_setting_that_the_seed_decides():
    logits, target = _data()
    loss = build_loss({"name": "conditioned_tversky", "lowest": 0.5, "highest": 8.0, "posterior": 0.0})
    torch.manual_seed(7)
    found = float(loss(logits, target))
    torch.manual_seed(7)
    log_rho = math.log(0.5) + float(torch.rand(())) * math.log(16)
    rho = math.exp(log_rho)
    a, s = logits[:, :1].numpy(), logits[:, 1:2].numpy()
    p = 1 / (1 + np.exp(-(a + np.logaddexp(0, s) * log_rho)))
    g = target.numpy()
    tp, fp, fn = (p * g).sum(), (p * (1 - g)).sum(), ((1 - p) * g).sum()
    assert found == pytest.approx(1 - tp / (tp + fp / (1 + rho) + rho / (1 + rho) * fn), rel=1e-5)
    assert len({float(loss(logits, target)) for _ in range(5)}) == 5


def test_every_output_learns_by_the_gradient_of_the_loss():
    logits, target = _data(shape=(1, 1, 2, 2, 3))
    logits.requires_grad_()
    assert torch.autograd.gradcheck(build_loss({"name": "conditioned_tversky"}).eval(), (logits, target), atol=1e-6)
    build_loss({"name": "conditioned_tversky"})(logits, target).backward()
    assert (logits.grad.abs().amax(dim=(0, 2, 3, 4)) > 0).all()


@pytest.mark.parametrize("arguments", [{"lowest": 0.0}, {"lowest": 3.0, "highest": 2.0}, {"posterior": -1.0}])
def test_refuses_what_makes_no_sense(arguments):
    with pytest.raises(InputError):
        build_loss({"name": "conditioned_tversky", **arguments})


def test_says_what_to_set_when_the_network_has_one_output():
    logits, target = _data()
    with pytest.raises(InputError, match="outputs"):
        build_loss({"name": "conditioned_tversky"})(logits[:, :1], target)
