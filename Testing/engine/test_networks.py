"""Networks: shapes, the folding stem, and bad specifications."""

import pytest
import torch

from LesionSegmentationLib.engine.errors import InputError
from LesionSegmentationLib.engine.networks import build_network
from LesionSegmentationLib.engine.networks.voxel_folding import fold, unfold

SPECIFICATIONS = [
    {"name": "unet", "in_channels": 2, "features": [4, 8, 12]},
    {"name": "unet", "in_channels": 1, "features": [4, 6], "stem": "full", "convolutions": 1},
    {"name": "fc_densenet", "in_channels": 3, "growth": 4, "layers": 2, "blocks": 2, "first_features": 6},
]


@pytest.mark.parametrize("specification", SPECIFICATIONS)
def test_logits_have_the_shape_of_the_image_and_every_weight_learns(specification):
    torch.manual_seed(0)
    network = build_network(specification)
    size = [network.multiple * n for n in (2, 3, 2)]
    logits = network(torch.randn(2, specification["in_channels"], *size))
    assert logits.shape == (2, 1, *size)
    logits.square().mean().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in network.parameters())


def test_fold_and_unfold_are_inverse():
    x = torch.randn(2, 1, 6, 4, 8)
    assert torch.equal(unfold(fold(x)), x)


def test_the_published_densenet_can_be_built():
    """Hashemi et al. 2019: growth 12, four layers a block, eleven blocks, that is five a path and the bottleneck."""
    network = build_network({"name": "fc_densenet", "in_channels": 4, "growth": 12, "layers": 4, "blocks": 5})
    blocks = [m for m in network.modules() if type(m).__name__ == "_DenseBlock"]
    assert len(blocks) == 11 and network.multiple == 32
    network.eval()
    with torch.no_grad():
        assert network(torch.zeros(1, 4, 32, 32, 32)).shape == (1, 1, 32, 32, 32)


@pytest.mark.parametrize(
    "specification, words",
    [
        ({"name": "transformer"}, "unet"),
        ({}, "unknown"),
        ({"name": "unet", "in_channels": 1, "depth": 4}, "depth"),
        ({"name": "unet", "in_channels": 1, "stem": "half"}, "half"),
    ],
)
def test_bad_specifications_name_the_mend(specification, words):
    with pytest.raises(InputError, match=words):
        build_network(specification)
