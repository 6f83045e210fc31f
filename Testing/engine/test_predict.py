"""Tiles, their fusion, cancelling, and the way down when a GPU is too small."""

import numpy as np
import pytest
import torch

from LesionSegmentationLib.engine.bridge import to_array, to_tensor
from LesionSegmentationLib.engine.errors import Cancelled, InputError
from LesionSegmentationLib.engine.geometry import Geometry
from LesionSegmentationLib.engine.predict import OUTSIDE_LOGIT, predict
from LesionSegmentationLib.engine.prepare import Prepared
from LesionSegmentationLib.engine.spline_window import spline_window

CPU = torch.device("cpu")


class Local(torch.nn.Module):
    """Answers a function of the voxel alone, so tiles must not change it."""

    multiple = 4
    calls = 0

    def forward(self, x):
        self.calls += 1
        return 3 * x[:, :1] - 1


def prepared(shape=(37, 50, 29), inside=None):
    array = np.random.default_rng(0).random((2, *shape)).astype(np.float32)
    grid = Geometry(shape, np.eye(4))
    inside = np.ones(shape, bool) if inside is None else inside
    return Prepared(array, inside, tuple(slice(0, n) for n in shape), grid, grid, grid)


@pytest.mark.parametrize("tile", [None, (16, 16, 16), (64, 20, 12), (32, 48, 28)])
def test_tiles_do_not_show(tile):
    study = prepared()
    (logits,), device = predict(Local(), study, tile, CPU)
    assert device == CPU and logits.dtype == np.float32
    assert np.allclose(logits, 3 * study.array[0] - 1, atol=1e-4)


def test_tiles_without_any_head_are_not_run():
    inside = np.zeros((64, 32, 32), bool)
    inside[:10] = True
    network = Local()
    (logits,), _ = predict(network, prepared((64, 32, 32), inside), (16, 32, 32), CPU)
    assert network.calls == 2
    assert np.allclose(logits[40:], OUTSIDE_LOGIT)


def test_cancel_answers_within_one_tile():
    network, asked = Local(), []

    def cancelled():
        asked.append(True)
        return len(asked) > 3

    with pytest.raises(Cancelled):
        predict(network, prepared(), (16, 16, 16), CPU, cancelled=cancelled)
    assert network.calls == 3


def test_progress_rises_to_one():
    seen = []
    predict(Local(), prepared(), (16, 16, 16), CPU, progress=seen.append)
    assert seen == sorted(seen) and seen[-1] == 1


class Cramped(Local):
    """A network on a pretended GPU that has room for tiles up to a size only."""

    def __init__(self, room):
        super().__init__()
        self.room, self.on_gpu = room, True

    def to(self, device):
        self.on_gpu = device.type == "cuda"
        return self

    def forward(self, x):
        if self.on_gpu and x.shape[-1] > self.room:
            raise torch.cuda.OutOfMemoryError
        return super().forward(x)


@pytest.mark.parametrize("room, sentence, device", [(64, "trying 64", "cuda"), (8, "CPU takes over", "cpu")])
def test_too_little_gpu_memory_means_smaller_tiles_then_the_cpu(monkeypatch, room, sentence, device):
    monkeypatch.setattr(torch.Tensor, "to", lambda tensor, *args, **kwargs: tensor)
    study, said = prepared((128, 128, 128)), []
    (logits,), used = predict(Cramped(room), study, (128, 128, 128), torch.device("cuda"), log=said.append)
    assert used.type == device and sentence in said[-1]
    assert np.allclose(logits, 3 * study.array[0] - 1, atol=1e-4)


def test_the_window_is_a_partition_of_unity():
    for length in (8, 64, 96):
        window = spline_window(length)
        assert np.allclose(window[: length // 2] + window[length // 2 :], 1, atol=1e-6)
        assert np.allclose(window, window[::-1], atol=1e-6) and window.min() > 0


@pytest.mark.parametrize(
    "array",
    [
        np.arange(24, dtype=np.float32).reshape(2, 3, 4)[:, ::-1],
        np.arange(6, dtype=">f4"),
        np.broadcast_to(np.float32(3), (2, 2)),
        np.zeros((0, 3), np.float32),
        np.arange(8, dtype=np.uint8).reshape(2, 2, 2).T,
        np.float32(4) * np.ones(()),
    ],
)
def test_the_bridge_takes_awkward_arrays(array):
    tensor = to_tensor(array)
    assert tuple(tensor.shape) == array.shape
    back = to_array(tensor)
    assert back.flags.writeable and np.array_equal(back, array)


def test_the_bridge_answers_a_copy():
    tensor = torch.ones(3, requires_grad=True)
    array = to_array(tensor.bfloat16())
    array[0] = 5
    assert array.dtype == np.float32 and tensor[0] == 1


def test_an_unknown_device_is_refused():
    from LesionSegmentationLib.engine.device import choose_device

    for name in ("gpu", "cuda:x", "cpu:1", "cuda:99"):
        with pytest.raises(InputError, match="cpu"):
            choose_device(name)
