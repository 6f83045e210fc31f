"""Two processes with half of the batch each have the gradient of one process with all of it."""

import os
import subprocess
import sys

import pytest
import torch
from torch import distributed

from LesionSegmentationTraining.losses import build_loss

NAMES = ("tversky", "generalized_dice", "predicted_weight_cross_entropy", "cross_entropy", "focal")


def gradients(images, targets):
    found = []
    for name in NAMES:
        scale = torch.tensor(0.7, requires_grad=True)
        build_loss({"name": name})(scale * images, targets).backward()
        found.append(scale.grad)
    return torch.stack(found)


def batch():
    generator = torch.Generator().manual_seed(0)
    images = torch.randn(2, 1, 4, 4, 4, generator=generator)
    targets = torch.rand(2, 1, 4, 4, 4, generator=generator) < 0.3
    targets[1] = False  # one process has no lesion at all
    return images, targets


def process(rank, folder):
    """What each of the two processes runs; this file is its script."""
    torch.set_num_threads(1)
    distributed.init_process_group("gloo", init_method=f"file://{folder}/meet", rank=rank, world_size=2)
    images, targets = batch()
    mine = gradients(images[rank : rank + 1], targets[rank : rank + 1])
    distributed.all_reduce(mine)
    if rank == 0:
        torch.save(mine / 2, f"{folder}/gradients.pt")  # the mean, as DistributedDataParallel takes it
    distributed.destroy_process_group()


@pytest.mark.skipif(not distributed.is_available(), reason="torch without torch.distributed")
def test_two_processes_have_the_gradient_of_one(tmp_path, pytestconfig):
    folders = [str(pytestconfig.rootpath / name) for name in ("LesionSegmentation", "training")]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(folders)}
    both = [
        subprocess.Popen([sys.executable, __file__, str(rank), str(tmp_path)], env=environment, stderr=subprocess.PIPE)
        for rank in (0, 1)
    ]
    for one in both:
        try:
            _, said = one.communicate(timeout=120)
        finally:
            one.kill()
        assert one.returncode == 0, said.decode()
    torch.testing.assert_close(torch.load(tmp_path / "gradients.pt"), gradients(*batch()), rtol=1e-5, atol=1e-6)


if __name__ == "__main__":
    process(int(sys.argv[1]), sys.argv[2])
