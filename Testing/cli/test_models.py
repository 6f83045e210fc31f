"""``models``: what is installed, broken bundles with the reason."""

import json
import shutil


def test_lists_what_a_person_needs_to_choose(run):
    ran = run("models")
    assert ran.code == 0
    text = ran.out
    for words in (
        "bright 1.0.0",
        "Bright spots in any image",
        "flair, t1 (optional)",
        "Apache-2.0",
        "0.050",
        "checksum",
    ):
        assert words in text


def test_a_broken_bundle_is_listed_with_its_reason(run, models, tmp_path, monkeypatch):
    for name in ("bright", "damaged", "mute", "renamed"):
        shutil.copytree(models / "bright", tmp_path / name)
    weights = tmp_path / "damaged" / "weights.safetensors"
    weights.write_bytes(weights.read_bytes() + b"x")
    (tmp_path / "mute" / "bundle.json").write_text("{")
    (tmp_path / "no-bundle").mkdir()
    monkeypatch.setenv("LESION_SEGMENTATION_MODELS", str(tmp_path))
    ran = run("models", "--json")
    assert ran.code == 0, ran.err
    states = {row["name"]: row["state"] for row in json.loads(ran.out)["models"]}
    assert (
        states["damaged"] == states["mute"] == states["renamed"] == "broken"
        and states["bright"] == "ok"
        and "no-bundle" not in states
    )
    assert "checksum" in run("models").out


def test_training_weights_are_shown(run, models, tmp_path, monkeypatch):
    shutil.copytree(models / "bright", tmp_path / "bright")
    description = json.loads((tmp_path / "bright" / "bundle.json").read_text())
    description["training"].update(alpha=0.3, beta=0.7)
    (tmp_path / "bright" / "bundle.json").write_text(json.dumps(description))
    monkeypatch.setenv("LESION_SEGMENTATION_MODELS", str(tmp_path))
    assert "alpha 0.3, beta 0.7" in run("models").out
    row = next(row for row in json.loads(run("models", "--json").out)["models"] if row["name"] == "bright")
    assert (row["training_alpha"], row["training_beta"]) == (0.3, 0.7) and row["calibration_error"] == 0.05
