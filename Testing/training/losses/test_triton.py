"""The Triton kernels in Triton's interpreter, against the torch path: the same loss and the same gradient."""

import os
import subprocess
import sys

import pytest

pytest.importorskip("triton", reason="Triton is not installed; it exists for Linux only")

# TRITON_INTERPRET has to be set before Triton is imported, so the comparison runs in a process of its own.
COMPARISON = """
import itertools, torch
from LesionSegmentationTraining.losses import build_loss, triton_tversky

def both(loss, logits, target, weight):
    answers = []
    for usable in (triton_tversky.usable, lambda voxels: False):
        kept, triton_tversky.usable = triton_tversky.usable, usable
        z = logits.clone().requires_grad_()
        value = loss(z, target, weight)
        value.backward()
        triton_tversky.usable = kept
        answers.append((float(value.detach()), z.grad.float()))
    return answers

calls = []
kernels = triton_tversky.sums
triton_tversky.sums = lambda voxels: (calls.append(1), kernels(voxels))[1]
losses = [build_loss(spec) for spec in ({"name": "tversky"}, {"name": "dice", "over": "image"},
          {"name": "asymmetric_similarity"}, {"name": "generalized_dice"})]
torch.manual_seed(0)
for space, kind, channels, weighted in itertools.product(
        [(5000,), (17, 19, 23)], [torch.float32, torch.float16, torch.bfloat16], [1, 2], [False, True]):
    logits = torch.randn(2, channels, *space).to(kind)
    weight = torch.rand(2, 1, *space) if weighted else None
    label = torch.rand(2, 1, *space) > 0.7
    targets = [label, label.long(), label.float()]
    if channels == 2:
        targets.append(torch.cat([~label, label], 1))
    for target, loss in itertools.product(targets, losses):
        (value, slope), (expected, wanted) = both(loss, logits, target, weight)
        assert abs(value - expected) < 2e-6, (space, kind, channels, weighted, value, expected)
        limit = {torch.float32: 2e-6, torch.float16: 2e-3, torch.bfloat16: 2e-2}[kind]
        assert (slope - wanted).abs().max() <= limit * wanted.abs().max(), (space, kind, channels, weighted)
assert len(calls) > 100
print("compared", len(calls))
"""


def test_the_kernels_give_the_numbers_of_the_torch_path(pytestconfig):
    folders = [str(pytestconfig.rootpath / name) for name in ("training", "LesionSegmentation")]
    environment = {
        **os.environ,
        "TRITON_INTERPRET": "1",
        "PYTHONPATH": os.pathsep.join(folders),
        "OMP_NUM_THREADS": "1",
    }
    done = subprocess.run(
        [sys.executable, "-c", COMPARISON], env=environment, capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("compared")
