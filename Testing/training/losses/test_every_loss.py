"""What every loss has to keep: gradients, types, shapes, weights, and sentences for what it cannot take."""

import pytest
import torch

from LesionSegmentationLib.engine.errors import InputError
from LesionSegmentationTraining.losses import LOSSES, build_loss

from .conftest import batch

TWO_CLASSES_ONLY = {"lovasz_hinge", "predicted_weight_cross_entropy"}
# that of a network of three outputs has tests of its own
NAMES = sorted(LOSSES.keys() - {"conditioned_tversky"})
SPECS = [{"name": name} for name in NAMES] + [
    {"name": "tversky", "alpha": 0.2, "beta": 0.8, "over": "image", "background": True, "smooth": 0.5},
    {"name": "fbeta", "fbeta": 2.0},
    {"name": "generalized_dice", "form": "shirokikh"},
    {"name": "cross_entropy", "lesion_weight": 3.0},
    {"name": "focal", "alpha": None, "gamma": 1.5},
    {"name": "lovasz_softmax", "over": "batch", "background": True},
    {"name": "sum", "terms": [{"name": "cross_entropy", "factor": 25.0}, {"name": "dice"}]},
]
FITTING = [
    pytest.param(spec, channels, id=f"{n}-{spec['name']}-{channels}")
    for n, spec in enumerate(SPECS)
    for channels in (1, 2, 4)
    if channels <= 2 or spec["name"] not in TWO_CLASSES_ONLY
]


@pytest.mark.parametrize(("spec", "channels"), FITTING)
def test_the_gradient_is_that_of_the_loss(spec, channels, weighted):
    logits, target, weight = batch(channels)
    loss = build_loss(spec)
    logits.requires_grad_()
    assert torch.autograd.gradcheck(lambda z: loss(z, target, weight if weighted else None), logits, atol=1e-6)


@pytest.mark.parametrize(("spec", "channels"), FITTING)
@pytest.mark.parametrize("kind", [torch.float16, torch.bfloat16, torch.float32])
def test_half_precision_logits_give_the_float64_loss_of_the_same_values(spec, channels, kind):
    logits, target, weight = batch(channels, (8, 8, 8), kind=kind)
    logits.requires_grad_()
    value = build_loss(spec)(logits, target, weight.float())
    exact = build_loss(spec)(logits.detach().double(), target, weight)
    assert value.dtype == torch.float32
    assert float(value.detach()) == pytest.approx(float(exact), rel=2e-4, abs=1e-6)
    value.backward()
    assert logits.grad.dtype == kind and torch.isfinite(logits.grad).all()


@pytest.mark.parametrize(("spec", "channels"), FITTING)
def test_space_may_have_one_to_three_axes(spec, channels):
    logits, target, weight = batch(channels, (24,))
    loss = build_loss(spec)
    flat = loss(logits, target, weight)
    for shape in ((4, 6), (2, 3, 4)):
        shaped = [one.reshape(2, one.shape[1], *shape) for one in (logits, target, weight)]
        assert float(loss(*shaped)) == pytest.approx(float(flat), abs=1e-12)


@pytest.mark.parametrize(("spec", "channels"), FITTING)
def test_a_weight_of_nought_takes_a_voxel_out(spec, channels):
    """Whatever the masked voxels say, the loss is the same; and their gradient is nought."""
    logits, target, _ = batch(channels, (6, 6, 6))
    weight = torch.ones(2, 1, 6, 6, 6, dtype=torch.float64)
    weight[..., 3:] = 0
    changed = logits.clone()
    changed[..., 3:] = 5 - changed[..., 3:]
    one, two = (build_loss(spec)(z, target, weight) for z in (logits, changed))
    assert float(one) == pytest.approx(float(two), abs=1e-10)
    logits.requires_grad_()
    build_loss(spec)(logits, target, weight).backward()
    assert not logits.grad[..., 3:].any()
    assert logits.grad[..., :3].any()


@pytest.mark.parametrize(("spec", "channels"), FITTING)
def test_the_right_answer_costs_least(spec, channels):
    _, target, _ = batch(channels, (6, 6, 6))
    if channels == 1:
        sure = 40.0 * (2 * target.double() - 1)
    else:
        sure = 40.0 * torch.nn.functional.one_hot(target[:, 0].long(), channels).movedim(-1, 1).double()
    loss = build_loss(spec)
    assert float(loss(sure, target)) == pytest.approx(0, abs=2e-5)
    assert float(loss(-sure, target)) > 0.5


@pytest.mark.parametrize("name", NAMES)
def test_two_channels_are_one_with_the_difference_as_logit(name):
    logits, target, weight = batch(2)
    loss = build_loss({"name": name})
    two, one = loss(logits, target, weight), loss(logits[:, 1:] - logits[:, :1], target, weight)
    assert float(two) == pytest.approx(float(one), abs=1e-12)
    hot = torch.cat([1 - target, target], 1)
    assert float(loss(logits, hot, weight)) == pytest.approx(float(one), abs=1e-12)


# What a batch without any lesion does: None where the loss says nothing (no gradient), else it presses p down.
EMPTY = {
    "tversky": False, "fbeta": False, "focal_tversky": False, "dice": False, "jaccard": False, "squared_dice": False,
    "asymmetric_similarity": False, "generalized_dice": True, "lovasz_hinge": True, "lovasz_softmax": True,
    "cross_entropy": True, "predicted_weight_cross_entropy": True, "focal": True,
}  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_a_batch_without_lesion_teaches_or_is_silent_as_stated(name):
    logits, _, _ = batch(1)
    logits.requires_grad_()
    value = build_loss({"name": name})(logits, torch.zeros(2, 1, 5, 4, 3))
    assert torch.isfinite(value)
    value.backward()
    assert torch.isfinite(logits.grad).all()
    if EMPTY[name]:
        assert logits.grad.abs().max() > 1e-6 and logits.grad.sum() > 0
    else:
        assert float(value.detach()) == pytest.approx(1, abs=1e-9) and logits.grad.abs().max() < 1e-12


@pytest.mark.parametrize("name", sorted(name for name, teaches in EMPTY.items() if not teaches))
def test_beside_a_patch_with_lesion_an_empty_one_teaches(name):
    logits, target, _ = batch(1)
    target[0] = 0
    apart, together = logits.clone().requires_grad_(), logits.clone().requires_grad_()
    build_loss({"name": name, "over": "image"})(apart, target).backward()
    build_loss({"name": name, "over": "batch"})(together, target).backward()
    assert not apart.grad[0].any() and apart.grad[1].any()
    assert (together.grad[0] > 0).all()


def test_a_huge_volume_in_float16_does_not_overflow():
    logits = torch.full((1, 1, 128, 128, 128), -3.0, dtype=torch.float16)
    target = torch.zeros(1, 1, 128, 128, 128, dtype=torch.bool)
    target[..., :2] = True
    logits[..., :2] = 3
    for name in NAMES:
        value = build_loss({"name": name})(logits, target)
        assert torch.isfinite(value) and 0 <= float(value) < 1.1, name


def test_unknown_names_and_arguments_are_said():
    with pytest.raises(
        InputError, match="no loss 'tverski'; the known ones are asymmetric_similarity, conditioned_tversky"
    ):
        build_loss({"name": "tverski"})
    with pytest.raises(InputError, match="'tversky' has no argument 'alfa'; it has alpha, beta"):
        build_loss({"name": "tversky", "alfa": 1})
    with pytest.raises(InputError, match="needs 'terms'"):
        build_loss({"name": "sum"})
    with pytest.raises(InputError, match="mapping with a 'name'"):
        build_loss({"alpha": 1})
    with pytest.raises(InputError, match="neither 'batch' nor 'image'"):
        build_loss({"name": "dice", "over": "case"})
    with pytest.raises(InputError, match="negative"):
        build_loss({"name": "tversky", "alpha": -1})


def test_shapes_that_do_not_fit_are_said():
    logits, target, weight = batch(1)
    loss = build_loss({"name": "dice"})
    with pytest.raises(InputError, match="target of shape"):
        loss(logits, target[:, 0])
    with pytest.raises(InputError, match="weight map of shape"):
        loss(logits, target, weight[..., :1])
    with pytest.raises(InputError, match="not .batch, channels"):
        loss(logits[0, 0, 0], target)
    for name in sorted(TWO_CLASSES_ONLY):
        with pytest.raises(InputError, match="lesion and background only"):
            build_loss({"name": name})(*batch(3)[:2])


@pytest.mark.parametrize("kind", [torch.bfloat16, torch.float16])
@pytest.mark.parametrize(("spec", "channels"), FITTING)
def test_autocast_does_not_touch_the_sums(spec, channels, kind):
    """A training step runs under autocast, which turns some operations to half precision."""
    logits, target, weight = batch(channels, (24, 24, 24), kind=torch.float32)
    loss = build_loss(spec)
    expected = float(loss(logits, target, 100 * weight.float()))
    with torch.autocast("cpu", kind):
        assert float(loss(logits, target, 100 * weight.float())) == pytest.approx(expected, rel=1e-5)
