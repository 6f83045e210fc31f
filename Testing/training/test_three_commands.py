"""Prepare, fit, export: from image files to a bundle that the command line uses. Small heads, seconds of training."""

import json

import nibabel
import numpy as np
import pytest
import yaml

from LesionSegmentationLib.cli.main import main as lesion_segmentation
from LesionSegmentationLib.engine.bundle import load_bundle
from LesionSegmentationTraining.__main__ import main
from LesionSegmentationTraining.datasets import read_case_table
from LesionSegmentationTraining.patches import CacheWriter, open_cache
from LesionSegmentationTraining.preparation.command import prepare_cache
from LesionSegmentationTraining.preparation.recipe import Recipe
from real_data import REAL_DATA, needs_real_data

SHAPE = (40, 44, 36)
SPLITS = {"a": "train", "b": "train", "c": "calibrate", "free": "calibrate", "d": "test"}


def write_head(folder, name: str, seed: int, with_lesions: bool) -> None:
    """A head of 40 x 44 x 36 mm with three bright cubes, in a left-handed, shifted grid."""
    rng = np.random.default_rng(seed)
    mask = np.zeros(SHAPE, np.uint8)
    for _ in range(3 if with_lesions else 0):
        i, j, k = rng.integers(8, 26, 3)
        mask[i : i + 5, j : j + 5, k : k + 5] = 1
    image = np.zeros(SHAPE, np.float32)
    image[3:-3, 3:-3, 3:-3] = 100
    image += 100 * (mask > 0)
    image += 5 * rng.standard_normal(SHAPE) * (image > 0)
    affine = np.diag([-1.0, 1.0, 1.0, 1.0])
    affine[:3, 3] = [20, -20, 5]
    for kind, array in (("flair", image), ("mask", mask)):
        nibabel.save(nibabel.Nifti1Image(array, affine), folder / f"{name}-{kind}.nii.gz")


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """The folder in which the three commands ran: data/, cases.safetensors, run/, small/ (the bundle)."""
    folder = tmp_path_factory.mktemp("three")
    data = folder / "data"
    data.mkdir()
    rows = ["id,split,flair,mask"]
    for seed, (name, split) in enumerate(SPLITS.items()):
        write_head(data, name, seed, with_lesions=name != "free")
        rows.append(f"{name},{split},{name}-flair.nii.gz,{name}-mask.nii.gz")
    (data / "cases.csv").write_text("\n".join(rows) + "\n")
    files = {
        "recipe": {"channels": ["flair"], "tables": ["cases.csv"]},
        "fit": {
            "seed_everything": 1,
            "model": {
                "network": {"name": "unet", "in_channels": 1, "features": [6, 12], "norm": "batch", "stem": "full"},
                "loss": {"name": "sum", "terms": [{"name": "cross_entropy", "factor": 10.0}, {"name": "dice"}]},
                "optimiser": {"name": "adamw", "learning_rate": 0.02},
                "ema": 0.9,
                "initial_logit": -3.0,
            },
            "data": {
                "caches": [str(folder / "cases.safetensors")], "patch": 24, "batch": 2, "steps_per_epoch": 40,
                "sampler": {"name": "balanced", "jitter": 6}, "workers": 0,
            },
            "trainer": {"max_epochs": 2, "accelerator": "cpu", "enable_progress_bar": False, "logger": False},
        },
        "about": {
            "name": "small", "licence": "Apache-2.0", "data": ["Made up."], "limits": ["Knows cubes only."],
            "validated": {"coarsest_spacing_mm": [1, 1, 2], "highest_lesion_ml": 9},
        },
    }  # fmt: skip
    for name, content in files.items():
        (folder / f"{name}.yaml").write_text(yaml.safe_dump(content))
    at = {name: str(folder / name) for name in ("recipe.yaml", "fit.yaml", "about.yaml", "run", "small")}
    cache = str(folder / "cases.safetensors")
    assert main(["prepare", at["recipe.yaml"], "--data", str(data), "--cache", cache]) == 0
    assert main(["fit", "--config", at["fit.yaml"], "--run", at["run"]]) == 0
    checkpoint = str(folder / "run" / "last.ckpt")
    assert main(["export", "--checkpoint", checkpoint, "--about", at["about.yaml"], "--bundle", at["small"]]) == 0
    return folder


def test_the_bundle_segments_the_patient_left_out(made, tmp_path):
    lesion_segmentation(
        ["segment", "--flair", str(made / "data" / "d-flair.nii.gz"), "--model", str(made / "small"), "--output",
         str(tmp_path / "result")]
    )  # fmt: skip
    marked = nibabel.load(tmp_path / "result" / "segmentation.nii.gz")
    truth = nibabel.load(made / "data" / "d-mask.nii.gz")
    np.testing.assert_allclose(marked.affine, truth.affine, atol=1e-5)
    one, two = marked.get_fdata() > 0, truth.get_fdata() > 0
    assert 2 * (one & two).sum() / (one.sum() + two.sum()) > 0.8


def test_the_bundle_says_what_it_was_made_from_and_measured_on(made):
    description = load_bundle(made / "small").description
    calibration, training = description["calibration"], description["training"]
    assert calibration["error"] < 0.1 and calibration["error_left_out"] is not None
    assert calibration["fitted_on"].startswith("2 whole cases (2 real)")
    assert training["loss"] == "10 x cross_entropy + dice" and training["steps"] == 80
    assert description["floor"], "a lesion-free calibration case gives a floor"
    # no figure is quoted for a case that scale, bias or floor were fitted on
    roles = {row["case"]: row["role"] for row in description["figures"]}
    assert roles == {"d": "left out", "a": "trained on", "b": "trained on"}
    best = max(row["dice"] for row in description["figures"] if row["role"] == "left out")
    assert best > 0.8
    assert description["validated"] == {"coarsest_spacing_mm": [1, 1, 2], "highest_lesion_ml": 9}
    card = (made / "small" / "CARD.md").read_text()
    for text in (
        "not a medical device",
        "Calibrated on: 2 real cases (c, free).",
        "**d**, flair. Left out",
        "cubes only",
        "- voxels of up to 1 x 1 x 2 mm\n- up to 9 ml of lesion\n",
    ):
        assert text in card


def test_the_same_seed_gives_the_same_cache(made, tmp_path):
    again = tmp_path / "again.safetensors"
    recipe = str(made / "recipe.yaml")
    assert main(["prepare", recipe, "--data", str(made / "data"), "--cache", str(again), "--processes", "2"]) == 0
    for one, two in zip(open_cache(made / "cases.safetensors").cases, open_cache(again).cases):
        assert (one.id, one.split, one.checksums) == (two.id, two.split, two.checksums)


def test_evaluate_measures_the_bundle_on_the_native_grid(made, tmp_path):
    code = main(
        ["evaluate", "--table", str(made / "data" / "cases.csv"), "--model", str(made / "small"), "--split", "test",
         "--output", str(tmp_path / "figures"), "--beta", "0.5"]
    )  # fmt: skip
    assert code == 0
    summary = json.loads((tmp_path / "figures" / "summary.json").read_text())
    assert "0.5" in json.dumps(summary) and (tmp_path / "figures" / "cases.csv").exists()


def test_a_broken_case_stops_or_is_left_out(made, tmp_path, capsys):
    data = made / "data"
    table = tmp_path / "cases.csv"
    rows = ["id,split,flair,mask"] + [
        f"{name},{split},{data / f'{name}-flair.nii.gz'},{data / f'{name}-mask.nii.gz'}"
        for name, split in SPLITS.items()
    ]
    (tmp_path / "cut.nii.gz").write_bytes((data / "a-flair.nii.gz").read_bytes()[:5000])
    rows[1] = f"a,train,{tmp_path / 'cut.nii.gz'},{data / 'a-mask.nii.gz'}"
    table.write_text("\n".join(rows) + "\n")
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump({"channels": ["flair"], "tables": ["cases.csv"]}))
    arguments = ["prepare", str(tmp_path / "recipe.yaml"), "--data", str(tmp_path)]
    assert main([*arguments, "--cache", str(tmp_path / "one.safetensors")]) == 2
    assert "cut.nii.gz" in capsys.readouterr().err
    assert not (tmp_path / "one.safetensors").exists()
    assert main([*arguments, "--cache", str(tmp_path / "two.safetensors"), "--skip-broken"]) == 0
    assert "left out: a: " in capsys.readouterr().err
    cache = open_cache(tmp_path / "two.safetensors")
    assert [case.id for case in cache.cases] == ["b", "c", "free", "d"] and list(cache.facts["left_out"]) == ["a"]


def test_what_is_in_the_way_is_not_overwritten(made, capsys):
    recipe, data = str(made / "recipe.yaml"), str(made / "data")
    assert main(["prepare", recipe, "--data", data, "--cache", str(made / "cases.safetensors")]) == 2
    assert "exists already" in capsys.readouterr().err
    checkpoint = str(made / "run" / "last.ckpt")
    about = str(made / "about.yaml")
    assert main(["export", "--checkpoint", checkpoint, "--about", about, "--bundle", str(made / "small")]) == 2
    assert "exists already" in capsys.readouterr().err
    assert main(["export", "--checkpoint", checkpoint, "--about", about, "--bundle", str(made / "other")]) == 2
    assert "give both one name" in capsys.readouterr().err


def test_the_table_of_the_dealt_splits_lies_beside_the_cache(made):
    cases = {case.id: case for case in read_case_table(made / "cases.csv")}
    assert {name: case.split for name, case in cases.items()} == SPLITS
    assert cases["d"].mask.samefile(made / "data" / "d-mask.nii.gz")


def test_no_figure_is_left_out_that_was_fitted_on(made, tmp_path, capsys):
    """The same patients, dealt otherwise after the fit: export remembers who was trained on."""
    swapped = {"a": "test", "d": "train"}
    cache = open_cache(made / "cases.safetensors")
    with CacheWriter(tmp_path / "other.safetensors", cache.channels, cache.spacing_mm, cache.facts) as writer:
        for case in cache.cases:
            split = swapped.get(case.id, case.split)
            writer.add(case.id, case.patient, split, case.kind, case.image, case.lesions, case.facts)
    code = main(
        ["export", "--checkpoint", str(made / "run" / "last.ckpt"), "--about", str(made / "about.yaml"),
         "--caches", str(tmp_path / "other.safetensors"), "--bundle", str(tmp_path / "small")]
    )  # fmt: skip
    assert code == 2 and "Patient a is in the splits train and test" in capsys.readouterr().err


def test_a_case_without_the_first_channel_is_refused(made, tmp_path, capsys):
    data = made / "data"
    row = {"id": "a", "split": "train", "channels": {"t1": "a-flair.nii.gz"}, "mask": "a-mask.nii.gz"}
    recipe = {"channels": ["flair", "t1"], "cases": [row]}
    (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    arguments = [
        "prepare",
        str(tmp_path / "recipe.yaml"),
        "--data",
        str(data),
        "--cache",
        str(tmp_path / "c.safetensors"),
    ]
    assert main(arguments) == 2
    assert "Case a has no flair" in capsys.readouterr().err


def test_files_that_a_recipe_names_and_that_are_missing_are_said(made, tmp_path, capsys):
    part = {"split": "train", "count": 1, "first_seed": 1, "label_maps": [1], "shape_patients": [0, 1]}
    for channels, says in (
        (["flair"], "ljubljana-masks.npz does not exist"),
        (["t1post"], "have the channels flair, t1, t2"),
    ):
        (tmp_path / "recipe.yaml").write_text(yaml.safe_dump({"channels": channels, "synthetic": {"parts": [part]}}))
        cache = str(tmp_path / "c.safetensors")
        assert main(["prepare", str(tmp_path / "recipe.yaml"), "--data", str(tmp_path), "--cache", cache]) == 2
        assert says in capsys.readouterr().err


def test_an_unknown_command_lists_the_known_ones(capsys):
    assert main(["train"]) == 2
    assert "prepare" in capsys.readouterr().err
    assert main([]) == 2


@needs_real_data
def test_a_made_up_patient_from_the_real_label_maps(tmp_path):
    recipe = Recipe(
        channels=["flair", "t1"],
        synthetic={
            "parts": [{"split": "train", "count": 1, "first_seed": 7, "label_maps": [3], "shape_patients": [0, 5]}]
        },
    )
    prepare_cache(recipe, REAL_DATA, tmp_path / "cases.safetensors", say=lambda line: None)
    (case,) = open_cache(tmp_path / "cases.safetensors").cases
    assert case.kind == "synthetic" and case.facts["synthetic"]["label_map"] == 3
    assert case.mask.sum() / 1000 == pytest.approx(case.facts["load_ml"])
    flair = np.asarray(case.image[0], np.float32)
    assert 0.7 < np.median(flair[flair > 0.25]) < 1.3
