"""A worker process with jobs to interrupt: small heads and models on disk, and the patience to wait for events."""

import time

import numpy as np
import pytest

from LesionSegmentationLib.engine.geometry import Geometry
from LesionSegmentationLib.engine.volume import write_volume

PATIENCE = 60  # seconds: torch alone takes some to import on a busy machine
FINAL = ("done", "cancelled", "failed")


def head(folder, shape=(40, 44, 36), name="flair.nii.gz"):
    """Write a noisy ball with a bright spot on an oblique left-handed grid."""
    grid = np.stack(np.meshgrid(*(np.linspace(-1, 1, n) for n in shape), indexing="ij"))
    image = np.where((grid**2).sum(0) < 0.8, 100, 0) + np.random.default_rng(3).normal(0, 3, shape)
    image[18:22, 20:24, 16:20] += 150
    affine = np.array([[-1, 0.1, 0, 20], [0.1, 1, 0, -30], [0, 0, 1, 5], [0, 0, 0, 1.0]])
    affine[:3, :3] /= np.linalg.norm(affine[:3, :3], axis=0)
    path = folder / name
    write_volume(path, image.astype(np.float32), Geometry(shape, affine))
    return path


def job(files, output, **changes):
    return {
        "inputs": {"flair": str(files / "flair.nii.gz")},
        "reference": "flair",
        "model": str(files / "bright"),
        "device": "cpu",
        "output": str(output),
        **changes,
    }


def slow_job(files, output):
    return job(files, output, model=str(files / "slow"), inputs={"flair": str(files / "large.nii.gz")})


def events_until(client, wanted):
    """Poll until ``wanted(event)`` and return all events up to then."""
    seen, end = [], time.monotonic() + PATIENCE
    while time.monotonic() < end:
        for event in client.poll():
            seen.append(event)
            if wanted(event):
                return seen
        time.sleep(0.005)
    pytest.fail(f"no such event came; seen: {seen[-5:]}")


def last_of(client, identifier):
    return events_until(client, lambda e: e.get("id") == identifier and e["event"] in FINAL)


def under_way(identifier):
    return lambda e: e.get("id") == identifier and e.get("stage") == "predict"
