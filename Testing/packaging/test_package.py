"""The archive of `make package`: its layout, and the engine run from an unpacked copy elsewhere."""

import json
import os
import subprocess
import sys
import tarfile
import threading
from pathlib import Path

import numpy as np
import pytest
import SimpleITK as sitk
from extension_files import REPOSITORY, read_extension
from extension_package import build_package

MODULES = Path("lib/Slicer-5.12/qt-scripted-modules")


@pytest.fixture(scope="module")
def archive(tmp_path_factory):
    return build_package(REPOSITORY, tmp_path_factory.mktemp("archive"))


@pytest.fixture(scope="module")
def installed(archive, tmp_path_factory):
    """What the Extensions Manager leaves behind: the archive's one top folder, renamed to the extension's name."""
    extensions = tmp_path_factory.mktemp("Extensions-34045")
    with tarfile.open(archive) as tar:
        tar.extractall(extensions, filter="data")
    (top,) = extensions.iterdir()
    return top.rename(extensions / "LesionSegmentation")


def test_layout(archive):
    top = archive.name.removesuffix(".tar.gz")
    assert top.startswith("5.12-linux-amd64-LesionSegmentation-git")
    with tarfile.open(archive) as tar:
        names = tar.getnames()
    assert {name.split("/")[0] for name in names} == {top}
    expected = {file.destination for file in read_extension().files} | {"share/Slicer-5.12/LesionSegmentation.s4ext"}
    assert {name.removeprefix(top + "/") for name in names} == expected


def test_one_description_names_the_extension(archive, installed):
    # The Extensions Manager takes the first .s4ext file of the archive, and the extension's name from the file's name.
    assert [path.name for path in installed.rglob("*.s4ext")] == ["LesionSegmentation.s4ext"]
    lines = (installed / "share/Slicer-5.12/LesionSegmentation.s4ext").read_text().splitlines()
    description = dict(line.partition(" ")[::2] for line in lines)
    assert description["depends"] == "PyTorch"
    assert description["category"] == "Segmentation"
    assert description["scm"] == "git"
    assert description["enabled"] == "1"
    assert description["description"] == read_extension().metadata["EXTENSION_DESCRIPTION"]


def test_same_commit_same_bytes(archive, tmp_path):
    assert build_package(REPOSITORY, tmp_path).read_bytes() == archive.read_bytes()


def test_files_are_plain_and_readable(archive):
    with tarfile.open(archive) as tar:
        for member in tar:
            assert member.isfile() and member.mode == 0o644 and member.uid == 0


def test_worker_runs_from_the_unpacked_package(installed, tmp_path):
    """A whole job in a process that can see the unpacked folder only, as PythonSlicer would start it."""
    modules = installed / MODULES
    bundle = bundle_of(modules)
    assert bundle is not None, "the package holds no model"
    flair = head_like_image(tmp_path / "flair.nii.gz")
    output = tmp_path / "job"
    job = {
        "command": "segment",
        "id": "1",
        "inputs": {"flair": str(flair)},
        "reference": "flair",
        "model": str(bundle),
        "device": "cpu",
        "output": str(output),
    }
    requests = json.dumps(job) + "\n"
    events = run_worker(modules, tmp_path, requests)
    last = events[-1]
    assert last["event"] == "done", events
    probability = np.load(output / "probability.npy", allow_pickle=False)
    assert probability.shape == (64, 72, 56) and probability.dtype == np.float32
    assert 0 <= probability.min() and probability.max() <= 1
    assert json.loads((output / "result.json").read_text())["provenance"]


def test_unpacked_files_are_the_ones_imported(installed, tmp_path):
    code = (
        "import json, sys\n"
        "import LesionSegmentationLib.engine.worker, LesionSegmentationLib.engine.bundle, LesionSegmentationTraining\n"
        "names = [n for n in sys.modules if n.startswith('LesionSegmentation')]\n"
        "print(json.dumps([sys.modules[n].__file__ for n in names]))\n"
    )
    modules = installed / MODULES
    answer = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment(modules), check=True, capture_output=True, text=True
    )
    files = json.loads(answer.stdout)
    assert len(files) > 3
    assert all(Path(file).is_relative_to(modules) for file in files)


def environment(modules):
    """The environment of a process that finds this package in `modules` only, before the development install."""
    kept = {name: value for name, value in os.environ.items() if name in ("PATH", "HOME", "TMPDIR", "LANG")}
    return {**kept, "PYTHONPATH": str(modules)}


def run_worker(modules, folder, requests, seconds=300):
    """Feeds the job to the worker and returns its events up to the one that ends the job."""
    process = subprocess.Popen(
        [sys.executable, "-m", "LesionSegmentationLib.engine.worker"],
        cwd=folder,
        env=environment(modules),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    events = []
    watchdog = threading.Timer(seconds, process.kill)
    watchdog.start()
    try:
        process.stdin.write(requests)
        process.stdin.flush()
        for line in process.stdout:
            events.append(json.loads(line))
            if events[-1]["event"] in ("done", "failed", "cancelled"):
                break
        errors = process.communicate('{"command": "stop"}\n')[1]
    finally:
        watchdog.cancel()
        process.kill()
        process.wait()
    assert events, errors
    return events


def bundle_of(modules):
    """The first bundle of the unpacked package, or None."""
    return next((path.parent for path in sorted((modules / "Resources" / "Models").glob("*/bundle.json"))), None)


def head_like_image(path):
    """A small ellipsoid with texture, 64 x 72 x 56 voxels of 2 mm, as NIfTI."""
    random = np.random.default_rng(1)
    k, j, i = np.mgrid[-1:1:56j, -1:1:72j, -1:1:64j]
    inside = (i**2 + j**2 + k**2) < 0.8
    array = np.where(inside, 300 + 40 * random.standard_normal(inside.shape), 0)
    image = sitk.GetImageFromArray(array.astype(np.float32))
    image.SetSpacing((2.0, 2.0, 2.0))
    sitk.WriteImage(image, str(path))
    return path
