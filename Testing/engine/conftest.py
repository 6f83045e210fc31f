"""One worker process for the tests of a file, and what its jobs need."""

import pytest

from bright_model import write_bright_model
from LesionSegmentationLib.engine.worker_client import WorkerClient
from worker_driving import head


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("worker")
    write_bright_model(folder / "bright")
    # Small tiles on a large head: a run long enough to be interrupted.
    plan = {"spacing_mm": [1, 1, 1], "spacing_tolerance": 0.15, "tile": [8, 8, 8]}
    write_bright_model(folder / "slow", plan=plan)
    head(folder)
    head(folder, (120, 120, 120), "large.nii.gz")
    return folder


@pytest.fixture(scope="module")
def shared_client():
    with WorkerClient() as client:
        yield client


@pytest.fixture
def client(shared_client):
    shared_client.poll()
    return shared_client
