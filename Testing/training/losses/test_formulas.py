"""The losses against MONAI, against counts by hand, and against each other."""

import itertools
import math

import monai.losses
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from LesionSegmentationTraining.losses import build_loss
from LesionSegmentationTraining.losses.lovasz import lovasz_extension

from .conftest import batch

WEIGHTS = st.floats(0.05, 3)
SEEDS = st.integers(0, 10_000)


def one(name: str, data, **arguments) -> float:
    return float(build_loss({"name": name, **arguments})(*data))


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("channels", [1, 3])
def test_tversky_dice_and_jaccard_are_those_of_monai(channels, together):
    logits, target, _ = batch(channels, (6, 5, 4))
    how = {"softmax": True, "include_background": False, "to_onehot_y": True} if channels > 1 else {"sigmoid": True}
    how |= {"batch": together}
    ours = {"over": "batch" if together else "image"}
    peers = {
        ("tversky", (("alpha", 0.3), ("beta", 0.7))): monai.losses.TverskyLoss(
            alpha=0.3, beta=0.7, smooth_nr=0, smooth_dr=0, soft_label=True, **how
        ),
        ("dice", ()): monai.losses.DiceLoss(smooth_nr=0, smooth_dr=0, **how),
        ("squared_dice", ()): monai.losses.DiceLoss(smooth_nr=0, smooth_dr=0, squared_pred=True, **how),
        ("jaccard", ()): monai.losses.DiceLoss(smooth_nr=0, smooth_dr=0, jaccard=True, **how),
    }
    for (name, arguments), peer in peers.items():
        expected = float(peer(logits, target.double()))
        assert one(name, (logits, target), **dict(arguments), **ours) == pytest.approx(expected, abs=1e-7), name


def test_focal_is_that_of_monai():
    logits, target, _ = batch(1, (6, 5, 4))
    expected = float(monai.losses.FocalLoss(gamma=2.0, alpha=0.75)(logits, target.double()))
    assert one("focal", (logits, target)) == pytest.approx(expected, abs=1e-7)


def test_generalized_dice_is_that_of_monai_with_both_classes_and_a_smooth_that_does_not_count():
    """MONAI with one channel lets the weights cancel; with lesion and background as two channels they do not."""
    logits, target, _ = batch(2, (6, 5, 4))
    peer = monai.losses.GeneralizedDiceLoss(
        softmax=True, to_onehot_y=True, include_background=True, batch=True, smooth_nr=0, smooth_dr=0
    )
    expected = float(peer(logits, target.double()))
    assert one("generalized_dice", (logits, target)) == pytest.approx(expected, abs=1e-7)
    single = logits[:, 1:] - logits[:, :1]
    assert one("generalized_dice", (single, target)) == pytest.approx(expected, abs=1e-7)


def test_a_fully_missed_large_lesion_costs_nearly_all_of_generalized_dice():
    """A smoothing term of 1e-5, against weights of 1 / size^2, makes this 0.48."""
    target = torch.zeros(1, 1, 128**3)
    target[..., :100_000] = 1
    logits = torch.full(target.shape, -30.0)
    weights = {size: 1 / size**2 for size in (100_000, 128**3 - 100_000)}
    lesion, background = weights
    expected = 1 - 2 * weights[background] * background / (
        weights[lesion] * lesion + weights[background] * (background + 128**3)
    )
    assert expected > 0.9
    assert one("generalized_dice", (logits, target)) == pytest.approx(expected, abs=1e-4)


def test_cross_entropy_is_that_of_torch():
    logits, target, weight = batch(1)
    expected = torch.nn.functional.binary_cross_entropy_with_logits(logits, target.double(), weight)
    assert one("cross_entropy", (logits, target, weight)) == pytest.approx(float(expected), abs=1e-12)
    heavy = torch.nn.functional.binary_cross_entropy_with_logits(
        logits, target.double(), pos_weight=torch.tensor(5.0, dtype=torch.float64)
    )
    assert one("cross_entropy", (logits, target), lesion_weight=5.0) == pytest.approx(float(heavy), abs=1e-12)
    logits, target, _ = batch(4)
    expected = torch.nn.functional.cross_entropy(logits, target[:, 0].long())
    assert one("cross_entropy", (logits, target)) == pytest.approx(float(expected), abs=1e-12)


def test_by_hand():
    """p = 0.5, 0.8, 0.2, 0.5 on g = 1, 1, 0, 0: TP 1.3, FP 0.7, FN 0.7."""
    p = torch.tensor([0.5, 0.8, 0.2, 0.5], dtype=torch.float64)
    data = torch.logit(p)[None, None], torch.tensor([1, 1, 0, 0])[None, None]
    tp, fp, fn = 1.3, 0.7, 0.7
    expected = {
        ("tversky", 0.3, 0.7): 1 - tp / (tp + 0.3 * fp + 0.7 * fn),
        ("tversky", 0.9, 0.1): 1 - tp / (tp + 0.9 * fp + 0.1 * fn),
    }
    for (name, alpha, beta), value in expected.items():
        assert one(name, data, alpha=alpha, beta=beta) == pytest.approx(value)
    assert one("dice", data) == pytest.approx(1 - 2 * tp / 4)
    assert one("jaccard", data) == pytest.approx(1 - tp / (4 - tp))
    assert one("squared_dice", data) == pytest.approx(1 - 2 * tp / (0.25 + 0.64 + 0.04 + 0.25 + 2))
    assert one("asymmetric_similarity", data, fbeta=1.5) == pytest.approx(1 - 3.25 * tp / (2.25 * 2 + 1.18))
    assert one("focal_tversky", data, alpha=0.5, beta=0.5, gamma=2) == pytest.approx(math.sqrt(0.35))
    factor = (4 - 2) / 2
    missed, false = -math.log(0.5) - math.log(0.8), -math.log(0.8) - math.log(0.5)
    assert one("predicted_weight_cross_entropy", data) == pytest.approx((factor * missed + false) / 4)


def test_alpha_weighs_false_positives_and_beta_false_negatives():
    target = torch.tensor([[[1, 1, 0, 0]]])
    too_much, too_little = (
        torch.tensor([[values]], dtype=torch.float64) for values in ([9, 9, 9, -9], [9, -9, -9, -9])
    )
    for name in ("tversky", "focal_tversky"):
        strict = [one(name, (z, target), alpha=0.9, beta=0.1) for z in (too_much, too_little)]
        sensitive = [one(name, (z, target), alpha=0.1, beta=0.9) for z in (too_much, too_little)]
        assert strict[0] > strict[1] and sensitive[0] < sensitive[1]


@settings(max_examples=40, deadline=None)
@given(SEEDS, WEIGHTS, WEIGHTS, st.sampled_from([1, 2, 3]))
def test_relations_of_the_tversky_family(seed, alpha, beta, channels):
    data = batch(channels, (4, 4), seed=seed)
    square = beta / alpha
    relations = [
        (one("tversky", data, alpha=0.5, beta=0.5), one("dice", data)),
        (one("tversky", data, alpha=1, beta=1), one("jaccard", data)),
        (one("fbeta", data, fbeta=math.sqrt(square)),
         one("tversky", data, alpha=1 / (1 + square), beta=square / (1 + square))),
        (one("focal_tversky", data, alpha=alpha, beta=beta, gamma=1), one("tversky", data, alpha=alpha, beta=beta)),
        (one("asymmetric_similarity", data, fbeta=1), one("squared_dice", data)),
        (one("focal", data, alpha=None, gamma=0), one("cross_entropy", data)),
    ]  # fmt: skip
    for left, right in relations:
        assert left == pytest.approx(right, abs=1e-9)
    if channels <= 2:
        dice, jaccard = 1 - one("dice", data), 1 - one("jaccard", data)
        assert jaccard == pytest.approx(dice / (2 - dice), abs=1e-9)


@settings(max_examples=30, deadline=None)
@given(SEEDS, WEIGHTS, WEIGHTS)
def test_weights_of_both_errors_change_places_with_prediction_and_target(seed, alpha, beta):
    """FP of (P, G) are FN of (G, P): for hard predictions the loss is the same with alpha and beta exchanged."""
    random = np.random.default_rng(seed)
    p, g = (torch.as_tensor(random.random((1, 1, 30)) < 0.5) for _ in range(2))
    sure = [80.0 * (2 * mask.double() - 1) for mask in (p, g)]
    left = one("tversky", (sure[0], g), alpha=alpha, beta=beta)
    right = one("tversky", (sure[1], p), alpha=beta, beta=alpha)
    assert left == pytest.approx(right, abs=1e-9)


@settings(max_examples=20, deadline=None)
@given(SEEDS, st.sampled_from(["tversky", "generalized_dice", "lovasz_hinge", "lovasz_softmax", "focal"]))
def test_the_order_of_voxels_does_not_matter(seed, name):
    logits, target, weight = batch(1, (40,), seed=seed)
    order = torch.randperm(40, generator=torch.Generator().manual_seed(seed))
    left, right = one(name, (logits, target, weight)), one(name, tuple(x[..., order] for x in (logits, target, weight)))
    assert left == pytest.approx(right, abs=1e-9)


def jaccard_loss(errors: np.ndarray, lesion: np.ndarray, weight: np.ndarray) -> float:
    """Jaccard loss of the prediction that is wrong exactly at ``errors`` (bool)."""
    predicted = lesion ^ errors
    union = weight[predicted | lesion].sum()
    return 1 - weight[predicted & lesion].sum() / union if union else 0.0


def test_on_hard_errors_the_lovasz_extension_is_the_set_function():
    random = np.random.default_rng(0)
    for lesion in itertools.product([False, True], repeat=4):
        lesion = np.array(lesion)
        weight = random.uniform(0.5, 2, 4)
        for errors in itertools.product([False, True], repeat=4):
            errors = np.array(errors)
            extension = lovasz_extension(*map(torch.as_tensor, (errors.astype(float), lesion, weight)))
            assert float(extension) == pytest.approx(jaccard_loss(errors, lesion, weight), abs=1e-12)


@settings(max_examples=60, deadline=None)
@given(SEEDS)
def test_the_lovasz_extension_is_the_mean_over_thresholds_and_convex(seed):
    """At m it is the integral of the set function over {m > t}; and convex, as the Jaccard loss is submodular."""
    random = np.random.default_rng(seed)
    lesion, weight = random.random(7) < 0.5, np.ones(7)
    first, second = random.random((2, 7))

    def extension(errors):
        return float(lovasz_extension(torch.as_tensor(errors), torch.as_tensor(lesion), None))

    levels = np.concatenate([[0], np.sort(first)])
    steps = [(b - a) * jaccard_loss(first > a, lesion, weight) for a, b in zip(levels, levels[1:])]
    assert extension(first) == pytest.approx(sum(steps), abs=1e-9)
    share = random.random()
    mixed = extension(share * first + (1 - share) * second)
    assert mixed <= share * extension(first) + (1 - share) * extension(second) + 1e-9
