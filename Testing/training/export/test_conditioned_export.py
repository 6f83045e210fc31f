"""A network with a conditioned head: fitted, exported, and the same in the engine as in training."""

import json
from types import SimpleNamespace

import numpy as np
import pytest
import yaml

from LesionSegmentationLib.engine.bundle import load_bundle
from LesionSegmentationLib.engine.geometry import Geometry
from LesionSegmentationLib.engine.operating_curve import OperatingCurve
from LesionSegmentationLib.engine.prepare import prepare
from LesionSegmentationLib.engine.process import process
from LesionSegmentationLib.engine.study import Study
from LesionSegmentationLib.engine.volume import Volume
from LesionSegmentationTraining.evaluation.case_logits import case_logits, case_maps, case_score
from LesionSegmentationTraining.export.about import About
from LesionSegmentationTraining.export.export_checkpoint import export_checkpoint
from LesionSegmentationTraining.fitting.checkpoints import best_score_of
from LesionSegmentationTraining.fitting.segmentation_module import SegmentationModule
from LesionSegmentationTraining.losses.conditioned import rho_range
from training.fitting.conftest import fit, write_cache  # noqa: F401 - a fixture

LOSS = {"name": "conditioned_tversky", "lowest": 0.25, "highest": 16.0, "posterior": 5.0}


@pytest.fixture
def settings(tmp_path):
    cache = write_cache(tmp_path / "cases.safetensors", ("train", "train", "validate", "calibrate", "test"))
    return {
        "seed_everything": 3,
        "model": {
            "network": {"name": "unet", "in_channels": 2, "features": [6, 12], "norm": "batch", "outputs": 3},
            "loss": LOSS, "optimiser": {"name": "adamw", "learning_rate": 0.03},
            "schedule": {"name": "cosine", "warmup": 5}, "ema": 0.9, "initial_logit": -2.0,
        },
        "data": {
            "caches": [str(cache)], "patch": 16, "batch": 2, "steps_per_epoch": 40, "workers": 0,
            "sampler": {"name": "balanced", "jitter": 4},
        },
        "trainer": {
            "max_epochs": 2, "accelerator": "cpu", "enable_progress_bar": False, "enable_model_summary": False,
            "logger": False, "log_every_n_steps": 5, "check_val_every_n_epoch": 2,
        },
    }  # fmt: skip


@pytest.fixture
def run(fit):  # noqa: F811
    code, folder = fit()
    assert code == 0
    return folder


def test_from_a_run_to_a_bundle_that_marks_at_a_setting(run, settings, tmp_path):
    assert best_score_of(run / "last.ckpt") > 0.5, "validation judges the posterior of such a network"
    caches = [tmp_path / "cases.safetensors"]
    export_checkpoint(
        run / "last.ckpt", caches, tmp_path / "small", About(name="small"), device="cpu", say=lambda line: None
    )
    bundle = load_bundle(tmp_path / "small")
    description = bundle.description
    assert description["score"] == {"kind": "conditioned", "rho": [0.25, 16.0]} and description["floor"] == []
    assert description["network"]["outputs"] == 3
    assert description["calibration"]["fitted_on"].startswith("1 whole case")
    assert description["calibration"]["error_left_out"] is not None
    rows = [row for row in description["figures"] if row["role"] == "left out" and row["channels"] == "flair + t1"]
    assert [row["beta"] for row in rows] == [0.3, 0.5, 0.7, 0.8, 0.9]
    assert all(row["threshold"] is None for row in rows) and max(row["dice"] for row in rows) > 0.5
    assert [row["prediction_ml"] for row in rows] == sorted(row["prediction_ml"] for row in rows)
    assert all(0 <= row["expected_recall"] <= 1 for row in rows)
    assert "every beta / alpha from 0.25 to 16" in (tmp_path / "small" / "CARD.md").read_text()
    json.dumps(description, allow_nan=False)

    # the engine's answer on a study is the one that training measures on its cache
    rng = np.random.default_rng(8)
    image = np.zeros((40, 36, 38), np.float32)
    image[4:-4, 4:-4, 4:-4] = 100 + rng.normal(0, 5, (32, 28, 30))
    image[15:19, 12:16, 20:24] = 300
    study = Study({"flair": Volume(image, Geometry(image.shape, np.eye(4)), "flair.nii")})
    found = process(study, bundle, device="cpu")
    prepared = prepare(study, bundle.plan)
    case = SimpleNamespace(id="c", image=prepared.array, channels=("flair", "t1"), facts={"spacing_mm": [1, 1, 1]})
    maps = case_maps(bundle.network(), case, bundle.plan.tile)
    assert maps.shape == (3, *prepared.array.shape[1:]) and maps.dtype == np.float32
    assert np.array_equal(maps[-1], case_logits(bundle.network(), case, bundle.plan.tile))
    score = case_score(maps, (0.25, 16.0))
    inside = prepared.inside
    np.testing.assert_allclose(score.array[inside], found.score.array[prepared.crop][inside], rtol=1e-3, atol=1e-3)
    curve = OperatingCurve.of(found)
    counts = [curve.at(1, rho).count for rho in (0.25, 1, 16)]
    assert counts == sorted(counts) and counts[-1] > counts[0]


def test_the_shipped_settings_fit_together(pytestconfig):
    settings = yaml.safe_load((pytestconfig.rootpath / "training" / "configs" / "conditioned.yaml").read_text())
    module = SegmentationModule(**settings["model"])
    assert module.network.outputs == 3 and rho_range(module.loss) == (0.2, 20)
    assert settings["data"]["patch"] % module.network.multiple == 0
