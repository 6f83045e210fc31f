"""A small head with bright lesions as a real file, a tiny real model, and the command line run within this process."""

import json
from dataclasses import dataclass

import nibabel
import numpy as np
import pytest
from scipy.spatial.transform import Rotation

from bright_model import write_bright_model
from LesionSegmentationLib.cli.main import main

SHAPE = (44, 52, 40)
# A grid turned about two axes, with left-handed voxel order and 1.1 x 1 x 1.2 mm voxels.
OBLIQUE = np.eye(4)
OBLIQUE[:3, :3] = Rotation.from_euler("xz", [10, -6], degrees=True).as_matrix() * [-1.1, 1, 1.2]
OBLIQUE[:3, 3] = 31.5, -18.25, -7.75
# (i, j, k, radius in voxels): far enough apart to stay apart at every setting that the tests use.
LESIONS = [(14, 20, 16, 4.2), (30, 30, 24, 3.1), (24, 14, 28, 1.9), (20, 36, 12, 1.2)]


def head(shape=SHAPE, lesions=LESIONS, seed=7) -> np.ndarray:
    """Return an ellipsoid of tissue (100, noisy) with soft-edged bright lesions, float32 (i, j, k)."""
    grid = np.stack(np.meshgrid(*(np.arange(n, dtype=float) for n in shape), indexing="ij"), axis=-1)
    middle = (np.array(shape) - 1) / 2
    inside = (((grid - middle) / (np.array(shape) * 0.45)) ** 2).sum(axis=-1) < 1
    image = np.where(inside, 100 + np.random.default_rng(seed).normal(0, 4, shape), 0)
    for *centre, radius in lesions:
        distance = np.linalg.norm(grid - centre, axis=-1)
        image += 160 * np.clip(radius + 0.5 - distance, 0, 1) * inside
    return image.astype(np.float32)


def save(path, array, affine=OBLIQUE):
    """Write ``array`` as NIfTI with sform and qform and return the path."""
    nibabel.save(nibabel.Nifti1Image(array, affine), path)
    return path


@dataclass
class Ran:
    """What a run of the command line left behind."""

    code: int
    out: str
    err: str

    @property
    def summary(self) -> dict:
        """The JSON object on the last line of stdout; numbers that are none are refused."""

        def refuse(name):
            raise AssertionError(f"{name} is not JSON")

        return json.loads(self.out.splitlines()[-1], parse_constant=refuse)


@pytest.fixture(scope="session")
def models(tmp_path_factory):
    """A folder with the model 'bright'."""
    folder = tmp_path_factory.mktemp("models")
    write_bright_model(folder / "bright")
    return folder


@pytest.fixture(autouse=True)
def _only_these_models(models, monkeypatch):
    monkeypatch.setenv("LESION_SEGMENTATION_MODELS", str(models))


@pytest.fixture(scope="session")
def flair(tmp_path_factory):
    """The head as a NIfTI file with an oblique affine."""
    return save(tmp_path_factory.mktemp("study") / "flair.nii.gz", head())


@pytest.fixture
def run(capsys):
    """Run the command line in this process: ``run("segment", "--flair", path, ...)`` answers a :class:`Ran`."""

    def run_main(*arguments) -> Ran:
        capsys.readouterr()
        code = main([str(argument) for argument in arguments])
        return Ran(code, *capsys.readouterr())

    return run_main


@pytest.fixture
def segment(run, flair):
    """Run ``segment`` with the tiny model: ``segment(output, *options)``, by default on the head."""

    def run_segment(output, *options, image=None) -> Ran:
        return run("segment", "--flair", image or flair, "--model", "bright", "--output", output, *options)

    return run_segment


def contents(folder) -> list[str]:
    """Return the names of all in ``folder``, hidden ones too; empty when it is not there."""
    return sorted(path.name for path in folder.rglob("*")) if folder.exists() else []
