"""Several who share a worker, and what they are told: events per job, names, patches, devices."""

import os
import time

import numpy as np

from LesionSegmentationLib.engine.geometry import Geometry
from LesionSegmentationLib.engine.volume import write_volume
from LesionSegmentationLib.engine.worker_client import WorkerClient, load_job
from worker_driving import FINAL, PATIENCE, events_until, job, last_of, slow_job


def test_each_job_has_events_of_its_own(client, files, tmp_path):
    one, two = (client.segment(job(files, tmp_path / name)) for name in ("one", "two"))
    events, end = {one: [], two: []}, time.monotonic() + PATIENCE
    while not (events[two] and events[two][-1]["event"] in FINAL):
        events[two] += client.poll(two)
        assert time.monotonic() < end
        time.sleep(0.005)
    events[one] += client.poll(one)  # all of it is still there, although nobody asked while the other was followed
    for identifier, said in events.items():
        assert {event["id"] for event in said} == {identifier}
        assert said[-1]["event"] == "done"
        assert [event["stage"] for event in said if event["event"] == "progress"][0] == "read"


def test_a_forgotten_job_is_cancelled_and_never_spoken_of(client, files, tmp_path):
    forgotten = client.segment(slow_job(files, tmp_path / "forgotten"))
    client.forget(forgotten)
    client.forget("no such job")
    other = client.segment(job(files, tmp_path / "other"))
    assert last_of(client, other)[-1]["event"] == "done"
    assert client.poll() == []
    assert not (tmp_path / "forgotten").exists()


def test_sentences_and_provenance_have_the_names_that_people_gave(client, files, tmp_path):
    command = job(files, tmp_path / "out", names={"flair": "Sag FLAIR 3D"})
    events = last_of(client, client.segment(command))
    assert load_job(events[-1]["output"])[0].provenance["inputs"]["flair"]["name"] == "Sag FLAIR 3D"
    write_volume(tmp_path / "flair.nii.gz", np.full((20, 20, 20), 5, np.float32), Geometry((20, 20, 20), np.eye(4)))
    command = job(files, tmp_path / "bad", inputs={"flair": str(tmp_path / "flair.nii.gz")}, names={"flair": "Flat"})
    error = last_of(client, client.segment(command))[-1]["error"]
    assert "Flat" in error and "flair.nii" not in error


def test_progress_counts_patches(client, files, tmp_path):
    identifier = client.segment(slow_job(files, tmp_path / "out"))
    events_until(client, lambda event: (event.get("patch") or [0])[0] == 3)
    client.cancel(identifier)
    patches = [event["patch"] for event in last_of(client, identifier) if event.get("patch")]
    assert all(done <= of for done, of in patches)
    assert len({of for _, of in patches}) <= 1


def test_devices_are_known_once_it_is_up(client):
    assert client.devices[-1]["name"] == "cpu"
    assert client.failure == ""


def test_a_worker_that_cannot_start_says_why(tmp_path, monkeypatch):
    (tmp_path / "torch.py").write_text("raise ImportError('DLL load failed while importing fbgemm.')")
    with WorkerClient(environment={**os.environ, "PYTHONPATH": str(tmp_path)}) as client:
        identifier = client.segment({"inputs": {}, "model": "any", "output": str(tmp_path / "out")})
        last = last_of(client, identifier)[-1]
        assert last["error"] == (
            "The worker process cannot start (ImportError: DLL load failed while importing fbgemm);"
            " repair or install PyTorch again."
        )
        assert "Traceback" in last["log"]
        assert client.devices is None and client.failure == last["error"]
