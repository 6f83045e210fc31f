"""Two processes with half the batch each learn what one process with the whole batch learns."""

import os
import socket

import numpy as np
import pytest
import torch
from torch import distributed, multiprocessing

from LesionSegmentationTraining.losses import build_loss

LOSSES = (
    {"name": "tversky", "alpha": 0.3, "beta": 0.7},
    {"name": "sum", "terms": [{"name": "cross_entropy", "factor": 5.0}, {"name": "dice"}]},
)


def _network() -> torch.nn.Module:
    from LesionSegmentationLib.engine.networks import build_network

    torch.manual_seed(0)
    return build_network({"name": "unet", "in_channels": 1, "features": [4, 8], "convolutions": 1}).double()


def _batch() -> tuple[torch.Tensor, torch.Tensor]:
    """Four patches, all lesions in the first two."""
    rng = np.random.default_rng(1)
    target = np.zeros((4, 1, 8, 8, 8))
    target[:2, :, 2:6, 2:5, 3:6] = 1
    return torch.tensor(rng.standard_normal(target.shape) + target), torch.tensor(target)


def _gradients(network: torch.nn.Module, spec: dict, part: slice) -> dict[str, torch.Tensor]:
    network.zero_grad()
    image, target = _batch()
    build_loss(spec)(network(image[part]), target[part]).backward()
    return {name.removeprefix("module."): value.grad.clone() for name, value in network.named_parameters()}


def _process(rank: int, port: int, folder: str) -> None:
    os.environ |= {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port)}
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", rank=rank, world_size=2)
    network = torch.nn.parallel.DistributedDataParallel(_network())
    part = slice(2 * rank, 2 * rank + 2)
    torch.save([_gradients(network, spec, part) for spec in LOSSES], f"{folder}/{rank}.pt")
    distributed.destroy_process_group()


@pytest.fixture(scope="module")
def of_two(tmp_path_factory) -> list:
    folder = tmp_path_factory.mktemp("processes")
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    multiprocessing.spawn(_process, (port, str(folder)), nprocs=2)
    return [torch.load(folder / f"{rank}.pt", weights_only=True) for rank in range(2)]


@pytest.mark.parametrize("number", range(len(LOSSES)))
def test_the_gradients_of_two_processes_are_those_of_one(of_two, number):
    alone = _gradients(_network(), LOSSES[number], slice(None))
    for rank in range(2):
        for name, value in alone.items():
            torch.testing.assert_close(of_two[rank][number][name], value, rtol=1e-9, atol=1e-12)
    assert max(value.abs().max() for value in alone.values()) > 1e-3


@pytest.mark.slow
def test_a_fit_in_two_processes_keeps_one_curve_and_one_set_of_checkpoints(fit):
    """Each process draws its own half; the weights stay alike, so the run can go on in one process."""
    from LesionSegmentationTraining.fitting.curve_file import read_curve
    from LesionSegmentationTraining.fitting.trained_run import load_run

    two = {"devices": 2, "strategy": "ddp_spawn", "max_epochs": 2}
    code, folder = fit(changes={"trainer": two})
    assert code == 0
    assert load_run(folder / "last.ckpt").step == 10 and (folder / "best.ckpt").is_file()
    assert [int(row["step"]) for row in read_curve(folder / "curve.csv")] == list(range(1, 11))
    code, folder = fit(changes={"trainer": {"max_epochs": 3}})
    assert code == 0 and load_run(folder / "last.ckpt").step == 15
