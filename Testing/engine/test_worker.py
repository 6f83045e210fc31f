"""The worker process and its client, with a real model, real files and a real process."""

import json
import os
import signal
import subprocess
import sys
import textwrap
import time
from pathlib import Path

import numpy as np
import pytest

from LesionSegmentationLib.engine.bundle import load_bundle
from LesionSegmentationLib.engine.errors import InputError
from LesionSegmentationLib.engine.lesions import find_lesions
from LesionSegmentationLib.engine.operating_curve import OperatingCurve
from LesionSegmentationLib.engine.process import process
from LesionSegmentationLib.engine.study import read_study
from LesionSegmentationLib.engine.worker_client import WorkerClient, load_job
from worker_driving import FINAL, PATIENCE, events_until, head, job, last_of, slow_job, under_way


def test_what_comes_back_is_what_process_makes(client, files, tmp_path):
    identifier = client.segment(job(files, tmp_path / "out"))
    events = last_of(client, identifier)
    assert events[-1]["event"] == "done", events[-1]
    assert events[-1]["device"] == "cpu" and events[-1]["seconds"] > 0
    found, tree = load_job(events[-1]["output"])
    study = read_study({"flair": files / "flair.nii.gz"})
    direct = process(study, load_bundle(files / "bright"), device="cpu")
    assert found.array.dtype == np.float32 and found.array.flags.c_contiguous
    np.testing.assert_array_equal(found.array, direct.array)
    np.testing.assert_array_equal(found.geometry.affine, direct.geometry.affine)
    made = OperatingCurve.of(direct)
    given = OperatingCurve.of(found, tree)
    assert given.tree is tree
    assert np.array_equal(find_lesions(given, given.at(1, 2)).labels(), find_lesions(made, made.at(1, 2)).labels())
    assert found.floor == direct.floor and found.calibration == direct.calibration
    assert found.provenance["inputs"]["flair"] == {
        "name": "flair.nii.gz",
        "sha256": study.channels["flair"].sha256,
    }
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == [
        "component_tree.npz",
        "probability.npy",
        "result.json",
    ]
    assert [p.name for p in tmp_path.iterdir()] == ["out"]


def test_progress_rises_through_the_stages(client, files, tmp_path):
    identifier = client.segment(slow_job(files, tmp_path / "out"))
    events_until(client, under_way(identifier))
    reports = events_until(client, lambda e: e.get("seconds_left") is not None)
    assert reports[-1]["seconds_left"] > 0
    client.cancel(identifier)
    last_of(client, identifier)

    identifier = client.segment(job(files, tmp_path / "out"))
    reports = [(e["stage"], e["fraction"]) for e in last_of(client, identifier) if e["event"] == "progress"]
    stages = list(dict.fromkeys(stage for stage, _ in reports))
    assert stages == ["read", "prepare", "predict", "restore", "curve", "write"]
    for stage in stages:
        fractions = [fraction for s, fraction in reports if s == stage]
        assert fractions == sorted(fractions) and 0 <= fractions[0] and fractions[-1] <= 1


def test_cancel_answers_within_a_patch_and_leaves_nothing(client, files, tmp_path):
    identifier = client.segment(slow_job(files, tmp_path / "out"))
    events_until(client, under_way(identifier))
    start = time.monotonic()
    client.cancel(identifier)
    assert last_of(client, identifier)[-1]["event"] == "cancelled"
    assert time.monotonic() - start < 1.0
    assert list(tmp_path.iterdir()) == []


def test_a_waiting_job_is_cancelled_at_once(client, files, tmp_path):
    first = client.segment(slow_job(files, tmp_path / "one"))
    second = client.segment(job(files, tmp_path / "two"))
    events_until(client, under_way(first))
    client.cancel(second)
    events = last_of(client, second)
    assert events[-1]["event"] == "cancelled"
    assert not any(e.get("id") == first and e["event"] in FINAL for e in events)
    client.cancel(first)
    last_of(client, first)


def test_jobs_run_one_after_the_other_and_ids_can_be_used_again(client, files, tmp_path):
    ids = [client.segment(job(files, tmp_path / str(n), id=str(n))) for n in range(3)]
    assert ids == ["0", "1", "2"]
    events = last_of(client, "2")
    assert [e["id"] for e in events if e["event"] in FINAL] == ids
    assert all((tmp_path / n / "result.json").is_file() for n in ids)
    # An earlier result in the same place is replaced.
    client.segment(job(files, tmp_path / "0", id="0"))
    assert last_of(client, "0")[-1]["event"] == "done"


def test_channels_on_other_grids_are_logged(client, files, tmp_path):
    other = head(tmp_path, (36, 40, 32), "t1.nii.gz")
    inputs = {"flair": str(files / "flair.nii.gz"), "t1": str(other)}
    identifier = client.segment(job(files, tmp_path / "out", inputs=inputs))
    events = last_of(client, identifier)
    assert events[-1]["event"] == "done"
    assert any("t1.nii.gz" in e["message"] and "grid" in e["message"] for e in events if e["event"] == "log")


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"inputs": {"flair": "/nowhere/lost.nii.gz"}}, "lost.nii.gz"),
        ({"model": "no-such-model"}, "no-such-model"),
        ({"device": "cuda:99"}, "cuda:99"),
        ({"device": "abacus"}, "abacus"),
        ({"reference": "t1"}, "t1"),
        ({"inputs": {}}, "inputs"),
        ({"output": ""}, "output"),
    ],
)
def test_bad_input_is_said_and_the_worker_lives_on(client, files, tmp_path, changes, says):
    identifier = client.segment({**job(files, tmp_path / "out"), **changes})
    last = last_of(client, identifier)[-1]
    assert (last["event"], last["kind"], last["log"]) == ("failed", "input", None)
    assert says in last["error"] and last["error"].endswith(".")
    assert client.alive and list(tmp_path.iterdir()) == []


def test_an_output_folder_with_other_files_is_refused(client, files, tmp_path):
    (tmp_path / "thesis.txt").write_text("mine")
    identifier = client.segment(job(files, tmp_path))
    last = last_of(client, identifier)[-1]
    assert last["kind"] == "input" and tmp_path.name in last["error"]
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.txt"]


def test_an_error_inside_is_told_with_its_traceback(client, files, tmp_path):
    # A number where a path belongs is no mistake a person makes; it stands for any error of the program.
    identifier = client.segment(job(files, tmp_path / "out", inputs={"flair": 5}))
    last = last_of(client, identifier)[-1]
    assert last["kind"] == "internal" and "Traceback" in last["log"] and "\n" not in last["error"]
    identifier = client.segment(job(files, tmp_path / "out"))
    assert last_of(client, identifier)[-1]["event"] == "done"


def test_a_worker_that_dies_is_told_and_replaced(files, tmp_path):
    with WorkerClient() as client:
        identifier = client.segment(slow_job(files, tmp_path / "out"))
        events_until(client, under_way(identifier))
        client._worker.process.kill()
        last = last_of(client, identifier)[-1]
        assert last["kind"] == "internal" and "ended unexpectedly" in last["error"]
        assert not client.alive
        identifier = client.segment(job(files, tmp_path / "out"))
        assert last_of(client, identifier)[-1]["event"] == "done"


def test_a_worker_that_cannot_start_is_told_with_its_last_words(tmp_path):
    (tmp_path / "torch.py").write_text("raise ImportError('no torch here')")
    environment = dict(os.environ, PYTHONPATH=str(tmp_path))
    with WorkerClient(environment=environment) as client:
        # The library's own folder comes first on the path, the broken torch next.
        client.start()
        last = events_until(client, lambda e: e["event"] == "failed")[-1]
        assert last["id"] is None and "no torch here" in last["log"]


def test_an_interpreter_that_is_not_there_is_bad_input(tmp_path):
    with pytest.raises(InputError, match="NoPython"):
        WorkerClient(python=tmp_path / "NoPython").start()


def test_closing_cancels_and_ends_the_process(files, tmp_path):
    client = WorkerClient()
    identifier = client.segment(slow_job(files, tmp_path / "out"))
    waiting = client.segment(job(files, tmp_path / "two"))
    events_until(client, under_way(identifier))
    process_of = client._worker.process
    start = time.monotonic()
    client.close()
    assert time.monotonic() - start < 4 and process_of.returncode == 0 and not client.alive
    assert {e["id"]: e["event"] for e in client.poll() if e["event"] in FINAL} == {
        identifier: "cancelled",
        waiting: "cancelled",
    }
    assert list(tmp_path.iterdir()) == []
    client.close()


def start_worker(**options):
    command = [sys.executable, "-m", "LesionSegmentationLib.engine.worker"]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, **options)


def test_the_worker_ends_when_its_input_closes(files, tmp_path):
    worker = start_worker(stderr=subprocess.PIPE)
    assert json.loads(worker.stdout.readline())["event"] == "ready"
    command = {"command": "segment", "id": "1", **slow_job(files, tmp_path / "out")}
    worker.stdin.write(json.dumps(command).encode() + b"\n")
    worker.stdin.flush()
    while json.loads(worker.stdout.readline()).get("stage") != "predict":
        pass
    out, errors = worker.communicate(timeout=PATIENCE)
    assert json.loads(out.splitlines()[-1]) == {"event": "cancelled", "id": "1"}
    assert worker.returncode == 0 and errors == b""
    assert list(tmp_path.iterdir()) == []


def test_ready_names_versions_and_devices_and_nonsense_is_answered():
    worker = start_worker()
    out, _ = worker.communicate(b"nonsense\n[]\n\n" + b'{"command": "dance", "id": "7"}\n{"command": "stop"}\n')
    ready, *answers = [json.loads(line) for line in out.splitlines()]
    assert ready["event"] == "ready" and ready["versions"]["torch"] and ready["devices"][-1]["name"] == "cpu"
    assert [(a["event"], a["id"], a["kind"]) for a in answers] == [
        ("failed", None, "input"),
        ("failed", None, "input"),
        ("failed", "7", "input"),
    ]


@pytest.mark.skipif(os.name == "nt", reason="on Windows the closed standard input is the only sign")
def test_the_worker_ends_when_its_parent_is_gone(tmp_path):
    # The grandparent (this test) holds the worker's input open, so that only the missing parent can tell it.
    script = textwrap.dedent("""
        import subprocess, sys, time
        worker = subprocess.Popen([sys.executable, "-m", "LesionSegmentationLib.engine.worker"],
                                  stdin=0, stdout=subprocess.PIPE)
        worker.stdout.readline()
        print(worker.pid, flush=True)
        time.sleep(600)
    """)
    read, write = os.pipe()
    parent = subprocess.Popen([sys.executable, "-c", script], stdin=read, stdout=subprocess.PIPE)
    os.close(read)
    pid = int(parent.stdout.readline())
    parent.send_signal(signal.SIGKILL)
    parent.wait()
    end = time.monotonic() + 20
    while _runs(pid) and time.monotonic() < end:
        time.sleep(0.1)
    os.close(write)
    assert not _runs(pid)


def _runs(pid):
    """A process that ended and was not yet collected by anybody counts as gone."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    state = Path(f"/proc/{pid}/stat")
    return not (state.is_file() and state.read_text().rsplit(")", 1)[1].split()[0] == "Z")


def test_nothing_but_events_on_standard_output(files, tmp_path):
    # Code that prints, from Python or from C, must not break the line protocol.
    noisy = textwrap.dedent("""
        import os
        from LesionSegmentationLib.engine import worker
        real = worker.process
        def chatty(*arguments, **keywords):
            print("hello from python")
            os.write(1, b"hello from C\\n")
            return real(*arguments, **keywords)
        worker.process = chatty
        worker.main()
    """)
    started = subprocess.Popen(
        [sys.executable, "-c", noisy], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    command = {"command": "segment", "id": "1", **job(files, tmp_path / "out")}
    started.stdin.write(json.dumps(command).encode() + b"\n")
    started.stdin.flush()
    events = []
    while not events or events[-1]["event"] not in FINAL:
        events.append(json.loads(started.stdout.readline()))
    _, errors = started.communicate(timeout=PATIENCE)
    assert events[-1]["event"] == "done"
    assert b"hello from python" in errors and b"hello from C" in errors


@pytest.mark.parametrize("damage", ["missing", "json", "array", "tree"])
def test_a_job_folder_that_is_not_whole_is_refused(client, files, tmp_path, damage):
    identifier = client.segment(job(files, tmp_path / "out"))
    assert last_of(client, identifier)[-1]["event"] == "done"
    if damage == "missing":
        (tmp_path / "out" / "probability.npy").unlink()
    elif damage == "tree":
        (tmp_path / "out" / "component_tree.npz").write_bytes(b"PK\x03\x04 and then nothing")
    elif damage == "json":
        (tmp_path / "out" / "result.json").write_text("{}")
    else:
        np.save(tmp_path / "out" / "probability.npy", np.zeros((2, 2, 2), np.float32))
    with pytest.raises(InputError, match="out"):
        load_job(tmp_path / "out")
