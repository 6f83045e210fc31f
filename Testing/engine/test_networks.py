"""Networks: shapes, learning, published settings, the folding stem, and bad specifications."""

import pytest
import torch

from LesionSegmentationLib.engine.errors import InputError
from LesionSegmentationLib.engine.networks import NETWORKS, build_network, known_networks, resolve_network
from LesionSegmentationLib.engine.networks.normalisation import normalisation
from LesionSegmentationLib.engine.networks.presets import PRESETS
from LesionSegmentationLib.engine.networks.voxel_folding import fold, unfold

DENSE = {"name": "fc_densenet", "growth": 4, "layers": 2, "blocks": 2, "first_features": 6}
SPECIFICATIONS = [
    {"name": "unet", "in_channels": 2, "features": [4, 8, 12]},
    {"name": "unet", "in_channels": 1, "features": [4, 6], "stem": "full", "convolutions": 1},
    {"name": "unet", "in_channels": 1, "features": [4, 6], "norm": "group"},
    {**DENSE, "in_channels": 3},
    {"name": "salehi_unet", "in_channels": 3, "first_features": 2, "levels": 4},
    {"name": "salehi_unet", "in_channels": 1, "first_features": 2, "levels": 3, "convolutions": 1, "norm": "batch"},
    {"name": "residual_unet", "in_channels": 2, "features": [4, 6, 8]},
    {"name": "residual_unet", "in_channels": 1, "features": [4, 6], "stem": "full", "norm": "batch", "up": "trilinear"},
    {"name": "residual_unet", "in_channels": 1, "features": [4, 6, 8], "blocks": [1, 2, 1], "norm": "group"},
    {"name": "additive_unet", "in_channels": 2, "features": [4, 6, 8]},
    {"name": "additive_unet_shirokikh", "in_channels": 1, "features": [4, 6]},
]
# Of the settings in PRESETS and of the defaults, with the channels that the authors had. Nobody published these
# counts; they were counted from the layers, and a change of a layer shows here.
PARAMETERS = {
    ("fc_densenet_hashemi", 5): 1_608_454,
    ("fc_densenet_released", 4): 4_456_301,
    ("additive_unet_shirokikh", 1): 11_074_306,
    ("salehi_unet", 3): 5_656_553,
}


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


@pytest.mark.parametrize("specification", SPECIFICATIONS, ids=lambda s: s["name"])
def test_logits_have_the_shape_of_the_image_and_every_weight_learns(specification):
    network = build_network(specification)
    assert network.in_channels == specification["in_channels"]
    size = [network.multiple * n for n in (2, 3, 2)]
    logits = network(torch.randn(2, specification["in_channels"], *size))
    assert logits.shape == (2, 1, *size)
    logits.square().mean().backward()
    without = [name for name, p in network.named_parameters() if p.grad is None or not p.grad.isfinite().all()]
    assert not without
    # Weights that matter move: only biases before a norm may have a gradient of nothing but rounding.
    assert all(p.grad.abs().max() > 0 for name, p in network.named_parameters() if name.endswith("weight"))


@pytest.mark.parametrize("specification", SPECIFICATIONS, ids=lambda s: s["name"])
def test_the_multiple_is_needed(specification):
    network = build_network(specification).eval()
    with torch.no_grad(), pytest.raises((RuntimeError, ValueError)):
        network(torch.zeros(1, specification["in_channels"], *([2 * network.multiple + network.multiple // 2] * 3)))


@pytest.mark.parametrize("specification", SPECIFICATIONS, ids=lambda s: s["name"])
def test_the_output_bias_moves_every_logit_alike(specification):
    network = build_network(specification).eval()
    image = torch.randn(1, specification["in_channels"], *([2 * network.multiple] * 3))
    with torch.no_grad():
        before = network(image)
        network.output_bias.sub_(3)
        assert torch.allclose(network(image), before - 3, atol=1e-4)


@pytest.mark.parametrize("specification", SPECIFICATIONS, ids=lambda s: s["name"])
def test_training_differs_from_use_by_dropout_and_batch_norm_only(specification):
    network = build_network(specification)
    differing = [m for m in network.modules() if isinstance(m, (torch.nn.BatchNorm3d, torch.nn.Dropout3d))]
    image = torch.randn(2, specification["in_channels"], *([2 * network.multiple] * 3))
    with torch.no_grad():
        network.train()
        for module in differing:
            module.eval()
        trained = network(image)
        assert torch.equal(trained, network.eval()(image))
        if any(isinstance(m, torch.nn.BatchNorm3d) for m in differing):
            assert not torch.allclose(trained, network.train()(image))


@pytest.mark.parametrize(
    "specification",
    [
        {"name": "unet", "in_channels": 1, "features": [4, 6], "norm": "batch"},
        {"name": "salehi_unet", "in_channels": 1, "first_features": 4, "levels": 2},
        {"name": "residual_unet", "in_channels": 1, "features": [4, 6], "blocks": 1, "norm": "batch"},
        {
            "name": "residual_unet",
            "in_channels": 1,
            "features": [4, 6],
            "blocks": 1,
            "norm": "batch",
            "up": "trilinear",
        },
        {"name": "additive_unet", "in_channels": 1, "features": [4, 6]},
        {**DENSE, "in_channels": 1, "blocks": 1},
    ],
    ids=lambda s: s["name"],
)
def test_an_image_moved_by_the_multiple_gives_logits_moved_alike(specification):
    network = build_network(specification).eval()
    step = network.multiple
    image = torch.randn(1, 1, 64, 16, 16)
    with torch.no_grad():
        one, other = network(image[:, :, :-step]), network(image[:, :, step:])
    middle = slice(24, 64 - step - 24)  # clear of the border, where padding differs
    spread = one.std()
    assert spread > 0
    assert torch.allclose(one[:, :, step:][:, :, middle], other[:, :, middle], atol=1e-4 * float(spread))
    assert not torch.allclose(one[:, :, middle], other[:, :, middle], atol=0.1 * float(spread))


def test_fold_and_unfold_are_inverse():
    x = torch.randn(2, 1, 6, 4, 8)
    assert torch.equal(unfold(fold(x)), x)


@pytest.mark.parametrize("norm", ["instance", "group", "batch", "none"])
def test_norms_keep_the_shape_and_scale_where_they_should(norm):
    x = 5 + 3 * torch.randn(2, 12, 6, 6, 6)
    y = normalisation(norm, 12)(x)
    assert y.shape == x.shape
    assert torch.equal(y, x) if norm == "none" else (abs(y.mean()) < 0.01 and abs(y.std() - 1) < 0.01)


def test_the_published_densenet_is_a_preset():
    """Hashemi et al. 2019: growth 12, four layers a block, eleven blocks, that is five a path and the bottleneck."""
    network = build_network({"name": "fc_densenet_hashemi", "in_channels": 4})
    blocks = [m for m in network.modules() if type(m).__name__ == "_DenseBlock"]
    assert len(blocks) == 11 and network.multiple == 32
    assert all(len(block.layers) == 4 and block.layers[0][2].out_channels == 12 for block in blocks)
    network.eval()
    with torch.no_grad():
        assert network(torch.zeros(1, 4, 32, 32, 32)).shape == (1, 1, 32, 32, 32)


@pytest.mark.parametrize("name, channels", PARAMETERS)
def test_published_settings_have_the_stated_number_of_parameters(name, channels):
    with torch.device("meta"):
        network = build_network({"name": name, "in_channels": channels})
    assert sum(p.numel() for p in network.parameters()) == PARAMETERS[name, channels]


def test_the_count_of_the_salehi_unet_follows_from_its_layers():
    widths = [8, 16, 32, 64, 128, 256]
    convolution = lambda a, b: 27 * a * b + b  # noqa: E731
    down = sum(convolution(a, b) + convolution(b, b) for a, b in zip([3, *widths], widths))
    up = sum(8 * 2 * w * w + w + convolution(2 * w, w) + convolution(w, w) for w in widths[:-1])
    assert PARAMETERS["salehi_unet", 3] == down + up + 8 + 1


def test_a_preset_may_be_overridden():
    resolved = resolve_network({"name": "fc_densenet_released", "in_channels": 2, "growth": 8})
    assert resolved == {**PRESETS["fc_densenet_released"], "in_channels": 2, "growth": 8}
    assert build_network(resolved).down[0].layers[0][2].out_channels == 8
    assert PRESETS["fc_densenet_released"]["growth"] == 16


def test_every_preset_is_of_a_known_network():
    assert {preset["name"] for preset in PRESETS.values()} <= NETWORKS.keys()
    assert not PRESETS.keys() & NETWORKS.keys()
    assert known_networks() == sorted([*NETWORKS, *PRESETS])


def test_weights_of_older_bundles_still_fit():
    """Names in the files of bundles that exist."""
    names = build_network({"name": "unet", "in_channels": 1, "features": [4, 6], "convolutions": 1}).state_dict()
    block = ["0.weight", "1.weight", "1.bias"]
    blocks = [f"{part}.{part_block}" for part in ("encoder.0", "encoder.1", "decoder.0") for part_block in block]
    assert list(names) == [*blocks, "head.weight", "head.bias"]


@pytest.mark.parametrize(
    "specification, words",
    [
        ({"name": "transformer"}, "unet"),
        ({"name": ["unet"]}, "unknown"),
        ({}, "unknown"),
        ({"name": "unet"}, "in_channels"),
        ({"name": "unet", "in_channels": 1, "depth": 4}, "depth"),
        ({"name": "unet", "in_channels": 1, "stem": "half"}, "half"),
        ({"name": "unet", "in_channels": 1, "norm": "layer"}, "layer.*instance, group, batch, none"),
        ({"name": "residual_unet", "in_channels": 1, "blocks": [1]}, "blocks"),
        ({"name": "residual_unet", "in_channels": 1, "up": "nearest"}, "nearest"),
        ({"name": "salehi_unet", "in_channels": 1, "levels": 1}, "levels"),
        ({"name": "additive_unet", "in_channels": 1, "features": [4]}, "two levels"),
        ({"name": "fc_densenet", "in_channels": 1, "compression": 0}, "compression"),
    ],
)
def test_bad_specifications_name_the_mend(specification, words):
    with pytest.raises(InputError, match=words):
        build_network(specification)
