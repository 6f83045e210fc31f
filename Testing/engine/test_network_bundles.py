"""Every network of the engine as a real bundle: stored in half precision, run where nothing but the engine's own
libraries can be imported."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

from bright_model import bright_description
from LesionSegmentationLib.engine.bundle import load_bundle, write_bundle
from LesionSegmentationLib.engine.errors import InputError
from LesionSegmentationLib.engine.geometry import Geometry
from LesionSegmentationLib.engine.networks import NETWORKS, build_network
from LesionSegmentationLib.engine.process import process
from LesionSegmentationLib.engine.study import read_study
from LesionSegmentationLib.engine.volume import write_volume

SMALL = {
    "unet": {"features": [4, 6]},
    "residual_unet": {"features": [4, 6], "norm": "group"},
    "salehi_unet": {"first_features": 4, "levels": 3},
    "additive_unet": {"features": [4, 6, 8]},
    "fc_densenet": {"growth": 4, "layers": 2, "blocks": 2, "first_features": 6},
    "additive_unet_shirokikh": {"features": [4, 6]},
    "fc_densenet_hashemi": {"blocks": 2, "layers": 2, "growth": 4},
}
LIBRARY = Path(__file__).resolve().parents[2] / "LesionSegmentation"
# Refuses what the engine must not need, then runs every bundle of a folder on the image beside them.
PROGRAM = """
import sys
from importlib.abc import MetaPathFinder
from pathlib import Path

class Refuse(MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("monai", "lightning", "nibabel", "matplotlib", "LesionSegmentationTraining"):
            raise ImportError(f"{name} is not to be imported")

sys.meta_path.insert(0, Refuse())
import numpy as np
from LesionSegmentationLib.engine.bundle import load_bundle
from LesionSegmentationLib.engine.process import process
from LesionSegmentationLib.engine.study import read_study

folder = Path(sys.argv[1])
study = read_study({"flair": folder / "flair.nii.gz"})
for bundle in sorted(folder.glob("*/bundle.json")):
    found = process(study, load_bundle(bundle.parent), "cpu")
    np.save(bundle.parent / "probability.npy", found.array)
try:
    import monai
except ImportError:
    print("no monai")
"""


def trained(name: str) -> torch.nn.Module:
    """A network with weights and running statistics that are not those of the start."""
    torch.manual_seed(len(name))
    network = build_network({"name": name, "in_channels": 2, **SMALL[name]})
    with torch.no_grad():
        network.train()(torch.randn(4, 2, *([4 * network.multiple] * 3)))
    return network.eval()


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("networks")
    shape = (30, 26, 28)
    grid = np.stack(np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij"))
    image = np.where((grid**2).sum(0) < 0.8, 100, 0) + np.random.default_rng(3).normal(0, 3, shape)
    write_volume(folder / "flair.nii.gz", image.astype(np.float32), Geometry(shape, np.eye(4)))
    for name in SMALL:
        state = {
            key: value.half() if value.is_floating_point() else value
            for key, value in trained(name).state_dict().items()
        }
        plan = {"spacing_mm": [1, 1, 1], "spacing_tolerance": 0.15, "tile": [16, 16, 16]}
        network = {"name": name, "in_channels": 2, **SMALL[name]}
        write_bundle(folder / name, bright_description(name=name, network=network, plan=plan), state, "# card\n")
    path = os.pathsep.join([str(LIBRARY), os.environ.get("PYTHONPATH", "")])
    ran = subprocess.run(
        [sys.executable, "-c", PROGRAM, folder], env={**os.environ, "PYTHONPATH": path}, capture_output=True, text=True
    )
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout == "no monai\n"
    return folder


def test_no_network_is_left_out():
    assert NETWORKS.keys() <= SMALL.keys()


@pytest.mark.parametrize("name", SMALL)
def test_a_bundle_needs_the_engine_alone_and_gives_what_the_network_gives(folder, name):
    network = trained(name)
    with torch.no_grad():
        for value in network.state_dict().values():
            if value.is_floating_point():
                value.copy_(value.half())
    here = process(read_study({"flair": folder / "flair.nii.gz"}), load_bundle(folder / name), "cpu", network=network)
    there = np.load(folder / name / "probability.npy")
    assert np.allclose(there, here.array, atol=1e-4)
    assert there[here.array > 1e-6].std() > 1e-5


@pytest.mark.parametrize("name", SMALL)
def test_half_precision_moves_the_logits_little(folder, name):
    network, stored = trained(name), load_bundle(folder / name).network()
    assert all(value.dtype != torch.float16 for value in stored.state_dict().values())
    image = torch.randn(1, 2, *([2 * network.multiple] * 3))
    with torch.no_grad():
        before, after = network(image), stored(image)
    assert (after - before).abs().max() < 0.02 * before.std() + 0.002


def test_weights_that_half_precision_cannot_hold_are_refused(tmp_path):
    network = build_network({"name": "unet", "in_channels": 2, "features": [4, 6]})
    state = {name: (value * 1e9).half() for name, value in network.state_dict().items()}
    description = bright_description(network={"name": "unet", "in_channels": 2, "features": [4, 6]})
    with pytest.raises(InputError, match="encoder.0.0.weight.*not finite"):
        write_bundle(tmp_path / "bright", description, state, "card")
    assert not list(tmp_path.iterdir())
