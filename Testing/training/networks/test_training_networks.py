"""Networks of MONAI by name: logits, the multiple found by trial, deep supervision, and bad specifications."""

import importlib.util
import sys

import pytest
import torch

from LesionSegmentationLib.engine.errors import InputError
from LesionSegmentationLib.engine.networks.adopted import main_logits
from LesionSegmentationTraining.networks import build_training_network, runtime_of

TINY = [4, 4, 8, 8, 8, 4]
DYN = {"kernel_size": [3, 3, 3], "strides": [1, 2, 2], "upsample_kernel_size": [2, 2], "filters": [4, 8, 8]}
# With the multiple that their poolings and strides ask for.
NETWORKS = [
    ({"name": "monai.BasicUNet", "features": TINY}, 16),
    ({"name": "monai.UNet", "channels": [4, 8, 8], "strides": [2, 2], "num_res_units": 1}, 4),
    ({"name": "monai.SegResNet", "init_filters": 8, "blocks_down": [1, 1], "blocks_up": [1]}, 2),
    ({"name": "monai.SegResNetDS", "init_filters": 8, "blocks_down": [1, 1, 1], "dsdepth": 2}, 4),
    ({"name": "monai.DynUNet", **DYN}, 4),
    ({"name": "monai.DynUNet", **DYN, "deep_supervision": True, "deep_supr_num": 1}, 4),
    ({"name": "monai.AttentionUnet", "channels": [4, 8], "strides": [2]}, 2),
    ({"name": "monai.BasicUNetPlusPlus", "features": TINY, "deep_supervision": True}, 16),
    ({"name": "monai.HighResNet", "layer_params": [{"name": "conv_0", "n_features": 4, "kernel_size": 3},
        {"name": "res_1", "n_features": 4, "kernels": [3], "repeat": 1}, {"name": "conv_1", "n_features": 4,
        "kernel_size": 1}, {"name": "conv_2", "kernel_size": 1}]}, 1),
]  # fmt: skip


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


@pytest.mark.parametrize("specification, multiple", NETWORKS, ids=lambda value: str(value)[:40])
def test_any_network_of_monai_gives_one_logit_per_voxel_and_learns(specification, multiple):
    network = build_training_network({**specification, "in_channels": 2})
    assert (network.in_channels, network.multiple) == (2, multiple)
    size = [2 * multiple if multiple > 1 else 6] * 3
    image = torch.randn(2, 2, *size)
    for mode in (network.train(), network.eval()):
        logits = mode(image)
        assert logits.shape == (2, 1, *size) and logits.dtype == torch.float32
    network.train()(image).square().mean().backward()
    learnt = [p.grad is not None and bool(p.grad.isfinite().all()) for p in network.parameters()]
    assert all(learnt) or "deep_supervision" in specification or "dsdepth" in specification
    assert sum(learnt) > len(learnt) / 2


def test_the_vnet_knows_what_it_cannot_do():
    with pytest.raises(InputError, match="monai.VNet.*divisible by in_channels"):
        build_training_network({"name": "monai.VNet", "in_channels": 3})


def test_the_vnet_runs():
    network = build_training_network({"name": "monai.VNet", "in_channels": 2}).eval()
    assert network.multiple == 16
    with torch.no_grad():
        assert network(torch.randn(1, 2, 16, 16, 16)).shape == (1, 1, 16, 16, 16)


@pytest.mark.skipif(importlib.util.find_spec("einops") is None, reason="MONAI's transformers need einops")
def test_transformers_of_monai():
    swin = build_training_network({"name": "monai.SwinUNETR", "in_channels": 2, "feature_size": 12, "depths": [1] * 4})
    assert swin.multiple == 32
    small = {"hidden_size": 24, "mlp_dim": 24, "num_heads": 4, "feature_size": 4}
    unetr = build_training_network({"name": "monai.UNETR", "in_channels": 2, "img_size": [32, 32, 32], **small})
    assert unetr.multiple == 32 and unetr(torch.randn(1, 2, 32, 32, 32)).shape == (1, 1, 32, 32, 32)


@pytest.mark.parametrize("specification, multiple", NETWORKS[:2], ids=lambda value: str(value)[:40])
def test_the_output_bias_moves_every_logit_alike(specification, multiple):
    network = build_training_network({**specification, "in_channels": 1}).eval()
    image = torch.randn(1, 1, *([2 * multiple] * 3))
    with torch.no_grad():
        before = network(image)
        network.output_bias.sub_(5)
        assert torch.allclose(network(image), before - 5, atol=1e-4)


def test_a_stated_multiple_is_kept_and_tried():
    attention = {"name": "monai.AttentionUnet", "in_channels": 1, "channels": [4, 8], "strides": [2]}
    assert build_training_network({**attention, "multiple": 8}).multiple == 8
    with pytest.raises(InputError, match="multiples of 1 "):
        build_training_network({**attention, "multiple": 1})


def test_the_same_seed_gives_the_same_weights():
    specification = {"name": "monai.BasicUNet", "in_channels": 1, "features": TINY}
    weights = []
    for _ in range(2):
        torch.manual_seed(5)
        weights.append(build_training_network(specification).state_dict())
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_the_engines_networks_go_by_the_same_door():
    network = build_training_network({"name": "additive_unet_shirokikh", "in_channels": 2, "features": [4, 6]})
    assert type(network).__name__ == "AdditiveUNet"
    assert runtime_of({"name": "additive_unet_shirokikh"}) == "engine"
    assert runtime_of({"name": "monai.VNet"}) == "monai"


def test_the_main_logits_of_every_kind_of_answer():
    full, other = torch.zeros(2, 1, 8, 8, 8), torch.ones(2, 1, 8, 8, 8)
    half, loss = torch.zeros(2, 1, 4, 4, 4), torch.zeros(())
    size = (8, 8, 8)
    assert main_logits(full, size) is full
    assert torch.equal(main_logits(torch.stack([full, other], 1), size), full)
    assert main_logits([full, half], size) is full
    assert main_logits((half, [other, full], loss), size) is full
    assert main_logits({"out": full, "loss": loss}, size) is full
    for none in (half, loss, [half], torch.zeros(2, 3, 8, 8, 8), None):
        assert main_logits(none, size) is None


@pytest.mark.parametrize(
    "specification, words",
    [
        ({"name": "nope"}, "salehi_unet.*monai.ClassName"),
        ({}, "unknown"),
        ({"name": "monai.BasicUnett", "in_channels": 1}, "close to it are monai.BasicUNet,"),
        ({"name": "monai.", "in_channels": 1}, "there are .*SegResNet"),
        ({"name": "monai.os", "in_channels": 1}, "unknown"),
        ({"name": "monai.BasicUNet"}, "needs 'in_channels'"),
        ({"name": "monai.BasicUNet", "in_channels": 1, "multiple": "8"}, "needs 'multiple'"),
        ({"name": "monai.BasicUNet", "in_channels": 1, "depth": 3}, "has no 'depth'; it takes .*features"),
        ({"name": "monai.BasicUNet", "in_channels": 1, "out_channels": 2}, "leave 'out_channels' out"),
        ({"name": "monai.BasicUNet", "in_channels": 1, "spatial_dims": 2}, "leave 'spatial_dims' out"),
        ({"name": "monai.UNet", "in_channels": 1}, "missing 2 required"),
        ({"name": "monai.DenseNet121", "in_channels": 1}, "no logit for every voxel"),
    ],
)
def test_bad_specifications_name_the_mend(specification, words):
    with pytest.raises(InputError, match=words):
        build_training_network(specification)


def test_without_monai_the_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "monai.networks", None)
    with pytest.raises(InputError, match="monai.UNet.*needs MONAI.*pip install monai"):
        build_training_network({"name": "monai.UNet", "in_channels": 1})
