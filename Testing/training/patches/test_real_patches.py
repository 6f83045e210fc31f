"""A real patient on the way from the cache to batches."""

import pytest
import torch

from LesionSegmentationLib.engine.prepare import Plan
from LesionSegmentationTraining.datasets.case_files import CaseFiles
from LesionSegmentationTraining.datasets.prepare_case import prepare_case
from LesionSegmentationTraining.patches import SAMPLERS, CacheWriter, PatchBatches, build_sampler, open_cache
from real_data import REAL_DATA, needs_real_data

PATCH = (48, 48, 48)


@pytest.fixture(scope="module")
def real_cases(tmp_path_factory):
    folder = REAL_DATA / "ms-real" / "ljubljana-07"
    files = CaseFiles(
        id="ljubljana-07", patient="ljubljana-07", split="train", mask=folder / "mask.nii.gz",
        channels={"flair": folder / "flair.nii.gz", "t1": folder / "t1.nii.gz"},
    )  # fmt: skip
    prepared = prepare_case(files, Plan(("flair", "t1")))
    path = tmp_path_factory.mktemp("real") / "cases.safetensors"
    with CacheWriter(path, ("flair", "t1"), (1, 1, 1)) as writer:
        writer.add(files.id, files.patient, "train", "real", prepared.image, prepared.lesions, prepared.facts)
    return open_cache(path).split("train")


@needs_real_data
@pytest.mark.parametrize("name", sorted(SAMPLERS))
def test_patches_of_a_real_patient_look_like_mri(real_cases, name):
    sampler = build_sampler({"name": name}, real_cases, PATCH)
    batches = PatchBatches(
        real_cases, sampler=sampler, patch=PATCH, batch=3, seed=1, augmentation={"preset": "mri"},
        weight={"name": "inverse_lesion"},
    )  # fmt: skip
    flair, target, weight = (
        torch.cat([batches[number][key] for number in range(3)]) for key in ("image", "target", "weight")
    )
    flair = flair[:, :1]
    assert torch.isfinite(flair).all() and flair.min() == 0 and 0.5 < flair.max() <= 5
    # standardised tissue has its median at 1, give or take what scaling and contrast do to it
    assert 0.6 < float(flair[flair > 0.25].median()) < 1.6
    # background that brain extraction left at zero is still exactly zero
    assert 0.02 < float((flair == 0).float().mean()) < 0.9
    if target.any():
        # lesions are brighter than the tissue around them, and small in number but great in weight
        assert flair[target > 0].mean() > 1.15 * flair[(target == 0) & (flair > 0.25)].mean()
        assert weight[target > 0].mean() > 50 * weight[target == 0].mean()
    assert name == "uniform" or float(target.amax(dim=(1, 2, 3, 4)).mean()) > 0.4
