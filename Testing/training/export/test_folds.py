"""A bundle whose figures come from fits that left a patient out; its card and the pictures beside it."""

import numpy as np
import pytest
from PIL import Image

from LesionSegmentationLib.engine.bundle import load_bundle
from LesionSegmentationLib.engine.errors import InputError
from LesionSegmentationTraining.export.about import About
from LesionSegmentationTraining.export.export_checkpoint import export_checkpoint
from LesionSegmentationTraining.export.pictures import COLOURS, errors_picture
from training.fitting.conftest import fit, write_cache  # noqa: F401


@pytest.fixture
def settings(tmp_path):
    return {
        "seed_everything": 3,
        "model": {
            "network": {"name": "unet", "in_channels": 2, "features": [4, 8], "norm": "batch"},
            "loss": {"name": "sum", "terms": [{"name": "cross_entropy", "factor": 25}, {"name": "dice"}]},
            "optimiser": {"name": "adamw", "learning_rate": 0.03}, "ema": 0.9, "initial_logit": -2.0,
        },
        "data": {
            "caches": [str(write_cache(tmp_path / "all.safetensors", ("train", "train", "calibrate")))],
            "patch": 16, "batch": 2, "steps_per_epoch": 20, "workers": 0, "sampler": {"name": "balanced", "jitter": 4},
        },
        "trainer": {
            "max_epochs": 2, "accelerator": "cpu", "enable_progress_bar": False, "enable_model_summary": False,
            "logger": False, "log_every_n_steps": 5,
        },
    }  # fmt: skip


def test_a_patient_is_measured_by_the_fold_that_left_him_out(fit, tmp_path):  # noqa: F811
    fold_cache = write_cache(tmp_path / "fold.safetensors", ("train", "test", "calibrate"))
    _, whole = fit("whole")
    _, fold = fit("fold", changes={"data": {"caches": [str(fold_cache)]}})
    cache = [tmp_path / "all.safetensors"]
    make = {"folds": [(fold / "last.ckpt", fold_cache)], "device": "cpu", "say": lambda line: None}
    export_checkpoint(whole / "last.ckpt", cache, tmp_path / "small", About(name="small"), **make)
    bundle = load_bundle(tmp_path / "small")
    roles = {(row["case"], row["role"]) for row in bundle.description["figures"]}
    assert roles == {("case-0", "trained on"), ("case-1", "trained on"), ("case-1", "left out by a fold")}
    assert bundle.description["calibration"]["error_left_out"] is not None
    card = (bundle.folder / "CARD.md").read_text()
    assert "made in the same way without this patient" in card
    for picture in ("case-1.png", "calibration.png"):
        assert f"({picture})" in card
        assert np.asarray(Image.open(bundle.folder / picture)).std() > 5
    assert not (bundle.folder / "case-0.png").exists()


def test_a_fold_that_did_not_leave_the_patient_out_is_refused(fit, tmp_path):  # noqa: F811
    _, whole = fit("whole")
    wrong = write_cache(tmp_path / "wrong.safetensors", ("train", "test", "calibrate"))
    with pytest.raises(InputError, match="patient-1"):
        export_checkpoint(
            whole / "last.ckpt", [tmp_path / "all.safetensors"], tmp_path / "small", About(name="small"),
            folds=[(whole / "last.ckpt", wrong)], device="cpu", say=lambda line: None,
        )  # fmt: skip
    assert not (tmp_path / "small").exists()


def test_a_patient_of_the_calibration_is_measured_with_a_calibration_without_him(fit, tmp_path):  # noqa: F811
    splits = ("train", "train", "calibrate", "calibrate")
    every = write_cache(tmp_path / "every.safetensors", splits)
    without = write_cache(tmp_path / "without.safetensors", (*splits[:2], "test", "calibrate"))
    fitted_on = write_cache(tmp_path / "fit.safetensors", splits[:2])
    _, run = fit("run", changes={"data": {"caches": [str(fitted_on)]}})
    checkpoint, make = run / "last.ckpt", {"device": "cpu", "say": lambda line: None}
    one = export_checkpoint(
        checkpoint, [every], tmp_path / "one", About(name="one"), folds=[(checkpoint, without)], **make
    ).description
    other = export_checkpoint(checkpoint, [without], tmp_path / "other", About(name="other"), **make).description
    assert one["calibration"]["scale"] != other["calibration"]["scale"]
    rows = [[{**row, "role": ""} for row in made["figures"] if row["case"] == "case-2"] for made in (one, other)]
    assert rows[0] and rows[0] == rows[1]


def test_the_right_of_the_patient_is_on_the_left_and_the_front_is_up():
    image = np.zeros((60, 70, 40), np.float32)
    marked, mask = (np.zeros(image.shape, bool) for _ in range(2))
    marked[46:54, 56:64, 18:22] = True  # extra: right, front
    mask[6:14, 6:14, 18:22] = True  # missed: left, back
    picture = np.asarray(Image.open(_file(errors_picture(image, marked, mask, (1, 1, 1)))).convert("RGB"), int)
    height, width, _ = picture.shape
    places = {}
    for name, colour in COLOURS.items():
        wanted = np.array([int(colour[n : n + 2], 16) for n in (1, 3, 5)])
        found = np.argwhere(np.abs(picture - wanted).sum(axis=2) < 120)
        places[name] = found.mean(axis=0) / (height, width) if len(found) else None
    assert places["hit"] is None
    assert places["extra"][0] < places["missed"][0], "the front is up"
    assert places["extra"][1] < places["missed"][1], "the patient's right is on the left"


def _file(content: bytes):
    from io import BytesIO

    return BytesIO(content)
