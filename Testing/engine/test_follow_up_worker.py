"""A follow-up in the worker process: the same as in this one, with progress, and to be cancelled."""

import time

import numpy as np
import pytest

from LesionSegmentationLib.engine.alignment_folder import load_alignment, write_map
from LesionSegmentationLib.engine.follow_up import Comparison
from LesionSegmentationLib.engine.follow_up_alignment import align
from LesionSegmentationLib.engine.setting import BALANCED
from LesionSegmentationLib.engine.volume import write_volume
from LesionSegmentationLib.engine.worker_client import WorkerClient
from two_visits import moved_visit, visit

PATIENCE_SECONDS = 300


@pytest.fixture(scope="module")
def points():
    return visit(0), moved_visit()


@pytest.fixture
def job(points, tmp_path):
    entries = {}
    for word, point in zip(("earlier", "later"), points):
        entries[word] = {"image": str(tmp_path / f"{word}.nrrd"), "map": str(tmp_path / word), "drawn": False}
        write_volume(entries[word]["image"], point.image.array, point.image.geometry)
        write_map(tmp_path / word, point.probability_map)
    return {**entries, "output": str(tmp_path / "pair")}


def events_until_the_end(client, job, on_event=lambda event: None):
    seen, end = [], time.monotonic() + PATIENCE_SECONDS
    while not seen or seen[-1]["event"] not in ("done", "cancelled", "failed"):
        assert time.monotonic() < end
        for event in client.poll():
            if event.get("id") == job:
                seen.append(event)
                on_event(event)
        time.sleep(0.01)
    return seen


def test_gives_what_this_process_gives(job, points):
    with WorkerClient() as client:
        seen = events_until_the_end(client, client.follow_up(job))
    assert seen[-1]["event"] == "done", seen[-1]
    stages = [event["stage"] for event in seen if event["event"] == "progress"]
    assert list(dict.fromkeys(stages)) == ["read", "register", "resample", "write"]
    pair = load_alignment(seen[-1]["output"])
    here = align(*points)
    assert np.allclose(pair.registration.matrix, here.registration.matrix, atol=1e-9)
    assert np.array_equal(Comparison(pair).at(BALANCED).numbers, Comparison(here).at(BALANCED).numbers)


def test_is_cancelled_within_the_registration_and_leaves_nothing(job, tmp_path):
    before = {path.name for path in tmp_path.iterdir()}
    with WorkerClient() as client:
        identifier = client.follow_up(job)

        def stop(event):
            if event.get("stage") == "register":
                client.cancel(identifier)

        seen = events_until_the_end(client, identifier, stop)
    assert seen[-1]["event"] == "cancelled"
    assert {path.name for path in tmp_path.iterdir()} == before


def test_says_in_a_sentence_what_cannot_be_compared(job, tmp_path):
    (tmp_path / "later" / "map.json").unlink()
    with WorkerClient() as client:
        first = events_until_the_end(client, client.follow_up(job))[-1]
        second = events_until_the_end(client, client.follow_up({"output": str(tmp_path / "x")}))[-1]
    assert first["event"] == second["event"] == "failed" and first["kind"] == second["kind"] == "input"
    assert "not handed over whole" in first["error"] and "no 'earlier'" in second["error"]
