"""A whole fit in this process, and what its folder then holds."""

import json

import numpy as np
import pytest
import torch
import yaml
from lightning.pytorch.callbacks import Callback

from LesionSegmentationTraining.fitting.averaged_weights import share_kept
from LesionSegmentationTraining.fitting.case_data_module import CaseDataModule
from LesionSegmentationTraining.fitting.checkpoints import best_score_of
from LesionSegmentationTraining.fitting.curve_file import read_curve
from LesionSegmentationTraining.fitting.segmentation_module import SegmentationModule, mean_over_patients
from LesionSegmentationTraining.fitting.trained_run import load_run
from training.fitting.conftest import write_cache

RATE = {"name": "adamw", "learning_rate": 0.04}


class Watch(Callback):
    """Remembers the weights after every step, and what validation said."""

    def __init__(self):
        self.weights, self.figures = [], []

    def on_train_start(self, trainer, module):
        self.weights.append(_copy(module.network))

    def on_train_batch_end(self, trainer, module, *_):
        self.weights.append(_copy(module.network))

    def on_validation_end(self, trainer, module):
        self.figures.append({name: float(value) for name, value in trainer.callback_metrics.items()})


def _copy(network):
    return {name: value.detach().clone() for name, value in network.state_dict().items()}


def test_the_loss_falls_and_the_folder_holds_the_run(fit):
    trainer = {"max_epochs": 12, "check_val_every_n_epoch": 6}
    code, folder = fit(changes={"trainer": trainer, "model": {"optimiser": RATE}})
    assert code == 0
    rows = read_curve(folder / "curve.csv")
    assert [int(row["step"]) for row in rows] == list(range(1, 61))
    losses = [float(row["loss"]) for row in rows]
    assert np.mean(losses[-10:]) < 0.7 * np.mean(losses[:10])
    assert best_score_of(folder / "last.ckpt") > 0.5
    assert float(rows[0]["learning_rate"]) == pytest.approx(0.04 / 5)
    for row in rows:
        terms = float(row["term_0_cross_entropy"]) + float(row["term_1_tversky"])
        assert terms == pytest.approx(float(row["loss"]), rel=1e-5)
    run = load_run(folder / "last.ckpt")
    assert run.step == 60 and run.patch == (16, 16, 16) and run.runtime == {}
    assert run.hyper_parameters["batch"] == 2 and run.hyper_parameters["seed"] == 3
    assert json.dumps(run.loss)
    assert run.network()(torch.zeros(1, 2, 16, 16, 16)).shape == (1, 1, 16, 16, 16)
    assert (folder / "best.ckpt").is_file() and not list(folder.glob("*.part"))
    assert yaml.safe_load((folder / "config.yaml").read_text())["model"]["ema"] == 0.9


def test_the_mean_of_the_weights_is_that_of_the_formula_and_is_what_is_judged(fit):
    watch = Watch()
    code, folder = fit(callbacks=[watch])
    assert code == 0
    mean = watch.weights[0]
    for step, weights in enumerate(watch.weights[1:], start=1):
        kept = min(0.9, step / (step + 10))
        mean = {name: kept * mean[name] + (1 - kept) * weights[name] for name in mean}
    held = load_run(folder / "last.ckpt").weights
    for name, value in mean.items():
        torch.testing.assert_close(held[name], value, rtol=1e-5, atol=1e-6)
    learning = torch.load(folder / "last.ckpt", weights_only=True)["current_model_state"]
    for name, value in watch.weights[-1].items():
        assert torch.equal(learning[f"network.{name}"], value)
    assert any(not torch.allclose(mean[name], watch.weights[-1][name]) for name in mean)
    assert set(watch.figures[-1]) >= {
        "validate/loss", "validate/average_precision", "validate/dice", "validate/dice_at_half",
    }  # fmt: skip


def test_the_share_kept_starts_short():
    assert [share_kept(0.998, n) for n in (1, 10, 10**6)] == pytest.approx([1 / 11, 0.5, 0.998])


def test_without_a_mean_and_without_validation(fit, tmp_path, caplog):
    other = write_cache(tmp_path / "train.safetensors", ("train", "train"))
    code, folder = fit(changes={"model": {"ema": 0.0}, "data": {"caches": [str(other)]}, "trainer": {"max_epochs": 1}})
    assert code == 0
    assert (folder / "last.ckpt").is_file() and not (folder / "best.ckpt").exists()
    state = torch.load(folder / "last.ckpt", weights_only=True)
    assert "current_model_state" not in state
    assert "No case has the split 'validate'" in caplog.text


def test_the_same_seed_gives_the_same_run_and_another_another(fit):
    short = {"max_epochs": 1}
    curves = []
    for name, seed in (("a", 3), ("b", 3), ("c", 4)):
        _, folder = fit(name, changes={"seed_everything": seed, "trainer": short})
        curves.append((folder / "curve.csv").read_bytes())
    assert curves[0] == curves[1] != curves[2]


def test_early_stop_ends_the_run(fit):
    stop = {
        "class_path": "lightning.pytorch.callbacks.EarlyStopping",
        "init_args": {"monitor": "validate/dice", "mode": "max", "patience": 1, "min_delta": 2.0},
    }
    changes = {"trainer": {"max_epochs": 50, "check_val_every_n_epoch": 1, "callbacks": [stop]}}
    code, folder = fit(changes=changes)
    assert code == 0
    assert load_run(folder / "last.ckpt").step == 10


def test_bfloat16(fit):
    code, folder = fit(changes={"trainer": {"max_epochs": 1, "precision": "bf16-mixed"}})
    assert code == 0
    assert all(np.isfinite(float(row["loss"])) for row in read_curve(folder / "curve.csv"))
    assert all(value.dtype == torch.float32 for value in load_run(folder / "last.ckpt").weights.values())


def test_the_patients_of_several_time_points_count_once():
    rows = [
        {"patient": "a", "dice": 0.2, "average_precision": None},
        {"patient": "a", "dice": 0.4, "average_precision": 0.5},
        {"patient": "b", "dice": 0.9, "average_precision": None},
    ]
    assert mean_over_patients(rows) == pytest.approx({"dice": (0.3 + 0.9) / 2, "average_precision": 0.5})


def test_an_untrained_network_starts_at_its_logit():
    network = {"name": "unet", "in_channels": 2, "features": [4, 8], "convolutions": 1}
    module = SegmentationModule(network, {"name": "dice"}, initial_logit=-5.0)
    logits = module(torch.zeros(1, 2, 16, 16, 16))
    assert float(logits.detach().mean()) == pytest.approx(-5, abs=0.5)


def test_what_is_left_for_the_gpu_is_done_after_the_transfer(fit, monkeypatch):
    """On the CPU here, by the same path: sources are loaded, then resampled and changed."""
    monkeypatch.setattr(CaseDataModule, "_on_gpu", True)
    data = {"augmentation": {"preset": "mri"}, "weight": {"name": "inverse_lesion", "clip": None}}
    code, folder = fit(changes={"data": data, "trainer": {"max_epochs": 1}})
    assert code == 0 and len(read_curve(folder / "curve.csv")) == 5


def test_a_network_of_monai(fit):
    network = {"name": "monai.BasicUNet", "in_channels": 2, "features": [4, 4, 8, 8, 8, 4]}
    model, trainer = {"network": network, "initial_logit": 0.0}, {"max_epochs": 1}
    code, folder = fit(changes={"model": model, "data": {"patch": 32, "steps_per_epoch": 2}, "trainer": trainer})
    assert code == 0
    run = load_run(folder / "last.ckpt")
    assert run.runtime == {"runtime": "monai"}
    assert run.network()(torch.zeros(1, 2, 32, 32, 32)).shape == (1, 1, 32, 32, 32)


def test_a_run_may_begin_with_the_weights_of_another(fit):
    _, first = fit("first")
    start = str(first / "last.ckpt")
    earlier = load_run(start)
    still = {"optimiser": {**RATE, "learning_rate": 1e-9}, "start_from": start}
    code, second = fit("second", changes={"model": still, "trainer": {"max_epochs": 1}})
    assert code == 0
    run = load_run(second / "last.ckpt")
    for name, value in run.weights.items():
        assert torch.allclose(value, earlier.weights[name], atol=1e-6), name
    assert run.hyper_parameters["earlier"] == [
        {"steps": earlier.step, "loss": earlier.loss, "patients": earlier.hyper_parameters["patients"]}
    ]
    other = {"start_from": start, "network": {"name": "unet", "in_channels": 2, "features": [4, 8, 8]}}
    code, _ = fit("third", changes={"model": other})
    assert code == 2


def test_a_conditioned_head_may_begin_with_a_plain_network(fit):
    _, first = fit("first")
    plain = load_run(first / "last.ckpt")
    network = {**plain.network_spec, "outputs": 3}
    loss = {"name": "conditioned_tversky", "lowest": 0.2, "highest": 5.0}
    model = {
        "network": network, "loss": loss, "initial_logit": 0.0, "start_from": str(first / "last.ckpt"),
        "optimiser": {**RATE, "learning_rate": 1e-9},
    }  # fmt: skip
    code, second = fit("second", changes={"model": model, "trainer": {"max_epochs": 1}})
    assert code == 0
    image = torch.randn(1, 2, 32, 32, 32, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        before, maps = plain.network()(image), load_run(second / "last.ckpt").network()(image)
    assert torch.allclose(maps[:, :1], before, atol=1e-4) and torch.allclose(maps[:, 2:], before, atol=1e-4)
    assert torch.allclose(maps[:, 1], torch.zeros(()), atol=1e-4)
    code, _ = fit("back", changes={"model": {"start_from": str(second / "last.ckpt")}})
    assert code == 2
