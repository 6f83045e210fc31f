"""A bundle whose network is a class of MONAI: written, run by the engine, the command line and the worker."""

import json
import os
import time

import numpy as np
import pytest
import torch

from bright_model import bright_description
from LesionSegmentationLib.cli.main import main
from LesionSegmentationLib.engine.bundle import find_bundle, write_bundle
from LesionSegmentationLib.engine.errors import InputError
from LesionSegmentationLib.engine.foreign_network import ForeignNetwork
from LesionSegmentationLib.engine.geometry import Geometry
from LesionSegmentationLib.engine.networks.weights import load_weights
from LesionSegmentationLib.engine.process import process
from LesionSegmentationLib.engine.study import read_study
from LesionSegmentationLib.engine.volume import read_volume, write_volume
from LesionSegmentationLib.engine.worker_client import WorkerClient, load_job
from LesionSegmentationTraining.networks import build_training_network, runtime_of

NETWORK = {
    "name": "monai.BasicUNet",
    "in_channels": 2,
    "features": [4, 4, 8, 8, 8, 4],
    "norm": ["group", {"num_groups": 2}],
}
PLAN = {"spacing_mm": [1, 1, 1], "spacing_tolerance": 0.15, "tile": [32, 32, 32]}
PATIENCE = 120


@pytest.fixture(scope="module")
def study_file(tmp_path_factory):
    """A noisy ball with a bright spot."""
    shape = (40, 36, 34)
    grid = np.stack(np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij"))
    image = np.where((grid**2).sum(0) < 0.8, 100, 0) + np.random.default_rng(3).normal(0, 3, shape)
    image[18:22, 16:20, 14:18] += 150
    path = tmp_path_factory.mktemp("study") / "flair.nii.gz"
    write_volume(path, image.astype(np.float32), Geometry(shape, np.diag([-1.0, 1, 1, 1])))
    return path


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    """A network of MONAI with random weights, stored in half precision."""
    torch.manual_seed(0)
    network = build_training_network(NETWORK)
    weights = {
        name: value.half() if value.is_floating_point() else value for name, value in network.state_dict().items()
    }
    description = bright_description(name="basic", network=NETWORK, runtime=runtime_of(NETWORK), plan=PLAN)
    return write_bundle(tmp_path_factory.mktemp("models") / "basic", description, weights, "# Basic\n")


@pytest.fixture(scope="module")
def expected(bundle, study_file):
    """The posterior that the network gives in this process."""
    here = load_weights(build_training_network(NETWORK), bundle.folder / "weights.safetensors", "basic")
    array = process(read_study({"flair": study_file}), bundle, "cpu", network=here).array
    assert array.std() > 1e-4
    return array


def test_the_command_line_runs_it_and_ends_the_process(bundle, study_file, expected, tmp_path, monkeypatch, capsys):
    started = []
    start = ForeignNetwork._start
    monkeypatch.setattr(ForeignNetwork, "_start", lambda network: (start(network), started.append(network)))
    options = ["--model", str(bundle.folder), "--device", "cpu", "--output", str(tmp_path)]
    assert main(["segment", "--flair", str(study_file), *options]) == 0, capsys.readouterr().err
    assert np.allclose(read_volume(tmp_path / "probability.nii.gz").array, expected, atol=1e-4)
    assert set(json.loads((tmp_path / "provenance.json").read_text())["model"]["runtime"]) == {"monai", "torch"}
    assert len(started) == 1 and started[0]._process.returncode == 0
    assert started[0].multiple == build_training_network(NETWORK).multiple == 16


def test_the_command_line_says_what_runs_it(bundle, monkeypatch, capsys):
    monkeypatch.setenv("LESION_SEGMENTATION_MODELS", str(bundle.folder.parent))
    assert main(["models"]) == 0
    assert "runs with          monai, in a process of its own" in capsys.readouterr().out


def test_the_worker_keeps_one_process_over_a_batch_and_ends_it(bundle, study_file, expected, tmp_path):
    job = {"inputs": {"flair": str(study_file)}, "model": str(bundle.folder), "device": "cpu"}
    with WorkerClient() as client:
        for name in ("first", "second"):
            client.segment({**job, "id": name, "output": str(tmp_path / name)})
        events, end = [], time.monotonic() + PATIENCE
        while sum(event["event"] in ("done", "failed", "cancelled") for event in events) < 2:
            events += client.poll()
            assert time.monotonic() < end, events
            time.sleep(0.05)
        worker = client._worker.process.pid
        children = _children(worker)
        assert [event["event"] for event in events if event["event"] in ("done", "failed")] == ["done", "done"], events
        assert len(children) == 1
    for name in ("first", "second"):
        assert np.allclose(load_job(tmp_path / name)[0].array, expected, atol=1e-4)
    end = time.monotonic() + PATIENCE
    while any(_runs(child) for child in children):
        assert time.monotonic() < end
        time.sleep(0.05)


def test_without_monai_the_sentence_says_what_to_install(bundle, study_file, tmp_path, monkeypatch, capsys):
    (tmp_path / "monai.py").write_text("raise ImportError('there is no monai')\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path), prepend=os.pathsep)
    options = ["--model", str(bundle.folder), "--device", "cpu", "--output", str(tmp_path / "out")]
    assert main(["segment", "--flair", str(study_file), *options]) == 2
    last = capsys.readouterr().err.splitlines()[-1]
    assert "The model 'basic' needs MONAI, which is not installed in" in last and "pip install monai." in last
    assert not (tmp_path / "out").exists() or not any((tmp_path / "out").iterdir())


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"runtime": "tensorflow"}, r"runtime 'tensorflow'.*version \d.*engine, monai.*install version"),
        ({"runtime": "tensorflow", "training": {"code_version": "7.8"}}, "install version 7.8 or a later one"),
        ({"runtime": "engine"}, "network 'monai.BasicUNet', which is unknown"),
        ({"runtime": None}, "runtime 'None'"),
        ({"runtime": "monai", "network": {"name": "unet"}}, "'unet'.*monai.ClassName"),
        ({"runtime": "monai", "network": {"name": 3}}, "'3'.*monai.ClassName"),
    ],
)
def test_a_runtime_or_network_that_is_not_known_is_named(bundle, tmp_path, changes, words):
    description = json.loads((bundle.folder / "bundle.json").read_text())
    (tmp_path / "weights.safetensors").write_bytes((bundle.folder / "weights.safetensors").read_bytes())
    (tmp_path / "bundle.json").write_text(json.dumps({**description, **changes}))
    with pytest.raises(InputError, match=words):
        find_bundle(tmp_path)


def _children(pid: int) -> list[int]:
    return [int(child) for child in open(f"/proc/{pid}/task/{pid}/children").read().split()]


def _runs(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return open(f"/proc/{pid}/stat").read().split(")")[1].split()[0] != "Z"
