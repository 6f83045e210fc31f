"""What the commands say about settings that cannot be."""

import pytest

from LesionSegmentationTraining.fitting.command import main
from training.fitting.conftest import write_cache


def _last_line(captured) -> str:
    return captured.err.strip().splitlines()[-1]


@pytest.mark.parametrize(
    "changes, words",
    [
        ({"model": {"loss": {"name": "dicee"}}}, "no loss 'dicee'; the known ones are"),
        ({"model": {"network": {"name": "vnet9"}}}, "vnet9"),
        ({"model": {"optimiser": {"name": "lion", "learning_rate": 1}}}, "adam, adamw, sgd"),
        ({"model": {"ema": 1.0}}, "below 1"),
        ({"model": {"network": {"name": "unet", "in_channels": 2, "features": [4, 8], "outputs": 3}}}, "one output"),
        ({"model": {"loss": {"name": "conditioned_tversky"}}}, "a network of 3 outputs, not 1"),
        ({"data": {"patch": 15}}, "a multiple of 4"),
        ({"model": {"network": {"name": "unet", "in_channels": 3, "features": [4, 8]}}}, "2 channels (flair, t1)"),
        ({"data": {"caches": ["nowhere.safetensors"]}}, "nowhere.safetensors"),
    ],
)
def test_names_that_are_not_known(fit, capsys, changes, words):
    code, _ = fit(changes=changes)
    captured = capsys.readouterr()
    assert code == 2
    assert _last_line(captured).startswith("error: ") and words in captured.err
    assert "Traceback" not in captured.err


def test_a_key_that_does_not_exist(fit, capsys):
    code, _ = fit(changes={"model": {"lerning_rate": 1}})
    captured = capsys.readouterr()
    assert code == 2
    assert "lerning_rate" in captured.err and "Traceback" not in captured.err


def test_a_value_of_the_wrong_kind(fit, capsys):
    code, _ = fit(more=["--data.batch", "many"])
    captured = capsys.readouterr()
    assert code == 2 and "batch" in captured.err and "Traceback" not in captured.err


def test_an_empty_training_split(fit, capsys, tmp_path):
    other = write_cache(tmp_path / "empty.safetensors", ("validate", "test"))
    code, _ = fit(changes={"data": {"caches": [str(other)]}})
    assert code == 2
    assert "There is no training case in" in _last_line(capsys.readouterr())


def test_validate_and_test_measure_the_best_checkpoint(fit, capsys):
    _, folder = fit()
    capsys.readouterr()
    config = ["--config", str(folder / "config.yaml")]
    assert main(["validate", *config]) == 0
    assert "validate/average_precision" in capsys.readouterr().out
    assert main(["test", *config]) == 0
    assert "test/dice" in capsys.readouterr().out
    assert main(["test", *config, "--run", str(folder / "nothing")]) == 2
    assert "fit first" in _last_line(capsys.readouterr())
