"""The engine's side of a network in another process: asking, failing, dying, closing; with a stand-in library."""

import gc
import io
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import torch

from LesionSegmentationLib.engine.array_messages import receive, send
from LesionSegmentationLib.engine.errors import Cancelled, InputError
from LesionSegmentationLib.engine.foreign_network import ForeignNetwork
from LesionSegmentationLib.engine.geometry import Geometry
from LesionSegmentationLib.engine.networks import build_network
from LesionSegmentationLib.engine.predict import predict
from LesionSegmentationLib.engine.prepare import Prepared
from LesionSegmentationLib.engine.python_process import this_python
from LesionSegmentationLib.engine.runtimes import RUNTIMES, Runtime

SPECIFICATION = {"name": "standin.unet", "in_channels": 2, "features": [2, 3], "convolutions": 1, "stem": "full"}
PATIENCE = 30


@pytest.fixture(scope="module")
def environment():
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(RUNTIMES, "standin", Runtime("Stand-in", "stand_in_runtime", "STAND_IN_PYTHON"))
        patch.setenv("PYTHONPATH", str(Path(__file__).parent), prepend=os.pathsep)
        patch.setenv("OMP_NUM_THREADS", "1")
        yield patch


def start(**changes) -> ForeignNetwork:
    return ForeignNetwork("standin", "strange", {**SPECIFICATION, **changes}, Path("weights.safetensors"))


@pytest.fixture(scope="module")
def shared(environment):
    network = start()
    yield network
    network.close()


@pytest.fixture
def network(shared):
    """A running network; started anew where a test has ended it."""
    return shared.to("cpu")


def gone(pid: int) -> bool:
    """Whether the process has ended within some seconds."""
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


def test_messages_and_arrays_come_through_a_pipe_whole():
    stream = io.BytesIO()
    array = np.random.default_rng(0).random((1, 2, 3, 4, 5)).astype(np.float32)
    send(stream, {"command": "run", "name": "Ä\n"}, array[..., ::-1])
    send(stream, {"event": "ready"})
    stream.seek(0)
    message, values = receive(stream)
    assert message == {"command": "run", "name": "Ä\n", "shape": [1, 2, 3, 4, 5]}
    assert np.array_equal(values, array[..., ::-1]) and values.flags.writeable
    assert receive(stream) == ({"event": "ready"}, None)
    with pytest.raises(EOFError):
        receive(stream)
    with pytest.raises(EOFError):
        receive(io.BytesIO(stream.getvalue()[:200]))
    with pytest.raises(ValueError):
        receive(io.BytesIO(b"Hello\n"))


def test_it_answers_what_the_network_answers_here(network):
    here = build_network({**SPECIFICATION, "name": "unet"}).eval()
    for parameter in here.parameters():
        parameter.data.fill_(0.5)
    assert (network.in_channels, network.multiple, network.versions) == (2, 2, {"standin": "1.0"})
    patch = torch.randn(1, 2, 8, 6, 4)
    with torch.inference_mode():
        assert torch.allclose(network(patch), here(patch), atol=1e-5)


def test_a_failure_inside_is_a_sentence_and_the_next_patch_works(network):
    pid = network._process.pid
    with pytest.raises(InputError, match=r"network failed \(RuntimeError: the beast is here\)"):
        network(torch.full((1, 2, 4, 4, 4), 666.0))
    assert network(torch.ones(1, 2, 4, 4, 4)).shape == (1, 1, 4, 4, 4)
    assert network._process.pid == pid


def test_a_device_that_is_not_there_is_a_sentence(network):
    with pytest.raises(InputError, match="sees no device 'cuda:77'; use cpu"):
        network.to("cuda:77")
    assert network(torch.ones(1, 2, 4, 4, 4)).shape == (1, 1, 4, 4, 4)


def test_a_full_gpu_there_is_a_full_gpu_here(network, monkeypatch):
    """So that predict takes smaller tiles and then the CPU."""
    monkeypatch.setattr(
        "LesionSegmentationLib.engine.foreign_network.receive",
        lambda stream: (receive(stream), ({"event": "failed", "kind": "memory", "error": "full"}, None))[1],
    )
    with pytest.raises(torch.cuda.OutOfMemoryError, match="full"):
        network(torch.ones(1, 2, 4, 4, 4))


def test_cancel_is_answered_between_two_patches(network):
    array = np.random.default_rng(0).random((2, 32, 16, 16)).astype(np.float32)
    grid = Geometry(array.shape[1:], np.eye(4))
    study = Prepared(array, np.ones(array.shape[1:], bool), tuple(map(slice, array.shape[1:])), grid, grid, grid)
    done = []
    with pytest.raises(Cancelled):
        predict(network, study, (8, 8, 8), torch.device("cpu"), done.append, lambda: len(done) == 3)
    assert len(done) == 3
    (logits,), _ = predict(network, study, (8, 8, 8), torch.device("cpu"))
    assert np.isfinite(logits).all()


def test_a_killed_process_is_a_sentence_and_a_new_one_follows(network):
    os.kill(network._process.pid, signal.SIGKILL)
    network._process.wait(PATIENCE)
    with pytest.raises(InputError, match="'strange' with Stand-in ended unexpectedly .*-9, as when memory runs out"):
        network(torch.ones(1, 2, 4, 4, 4))
    assert not network.alive
    with pytest.raises(InputError, match="was closed"):
        network(torch.ones(1, 2, 4, 4, 4))
    assert network.to("cpu").alive
    assert network(torch.ones(1, 2, 4, 4, 4)).shape == (1, 1, 4, 4, 4)


def test_a_process_that_dies_in_the_middle_of_a_patch_is_a_sentence(network):
    with pytest.raises(InputError, match=r"ended unexpectedly \(exit code 7.*\); run it again"):
        network(torch.full((1, 2, 4, 4, 4), 777.0))


def test_ctrl_c_reaches_the_parent_alone(network):
    os.kill(network._process.pid, signal.SIGINT)
    time.sleep(0.1)
    assert network(torch.ones(1, 2, 4, 4, 4)).shape == (1, 1, 4, 4, 4)


def test_an_interrupted_question_closes_the_process(network, monkeypatch):
    """Its answer would be taken for that of the next question."""

    def interrupted(stream):
        raise KeyboardInterrupt

    monkeypatch.setattr("LesionSegmentationLib.engine.foreign_network.receive", interrupted)
    with pytest.raises(KeyboardInterrupt):
        network(torch.ones(1, 2, 4, 4, 4))
    assert not network.alive


def test_it_ends_when_nobody_holds_it_any_more(environment):
    network = start()
    pid = network._process.pid
    del network
    gc.collect()
    assert gone(pid)


def test_it_ends_with_its_parent(environment):
    code = (
        "import os; from pathlib import Path\n"
        "from LesionSegmentationLib.engine.foreign_network import ForeignNetwork\n"
        "from LesionSegmentationLib.engine.runtimes import RUNTIMES, Runtime\n"
        "RUNTIMES['standin'] = Runtime('Stand-in', 'stand_in_runtime', 'STAND_IN_PYTHON')\n"
        f"network = ForeignNetwork('standin', 'strange', {SPECIFICATION}, Path('weights'))\n"
        "print(network._process.pid, flush=True)\n"
        "os._exit(1)\n"
    )
    library = Path(__file__).resolve().parents[2] / "LesionSegmentation"
    path = os.pathsep.join([str(library), os.environ["PYTHONPATH"]])
    ran = subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, "PYTHONPATH": path}, capture_output=True, timeout=PATIENCE
    )
    assert gone(int(ran.stdout))


def test_what_it_says_while_loading_is_passed_on(environment):
    with pytest.raises(InputError, match="The model 'strange' is refused."):
        start(refuse=True)
    with pytest.raises(InputError, match=r"ended unexpectedly \(exit code 1: no such library\)"):
        start(die=True)


def test_an_application_is_not_taken_for_an_interpreter(monkeypatch, tmp_path):
    assert this_python() == sys.executable
    interpreter = tmp_path / "PythonSlicer"
    interpreter.write_text("#!/bin/sh\n")
    interpreter.chmod(0o755)
    monkeypatch.setattr(sys, "executable", "/opt/Slicer/bin/SlicerApp-real")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert this_python() == str(interpreter)


def test_another_python_is_named_by_a_variable(environment, monkeypatch, tmp_path):
    """It must not find the packages of this one by the variables of this one."""
    other = tmp_path / "python"
    other.write_text('#!/bin/sh\necho "$1 $2 [$PYTHONHOME] [$PYTHONPATH]" >&2\nexit 3\n')
    other.chmod(0o755)
    monkeypatch.setenv("STAND_IN_PYTHON", str(other))
    monkeypatch.setenv("PYTHONHOME", "/nowhere")
    with pytest.raises(InputError, match=r"exit code 3: -m stand_in_runtime \[\] \[[^:]*LesionSegmentation\]"):
        start()
    monkeypatch.setenv("STAND_IN_PYTHON", str(tmp_path / "none"))
    with pytest.raises(InputError, match="interpreter none cannot be started"):
        start()
