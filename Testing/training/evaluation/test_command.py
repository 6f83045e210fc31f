"""The ``evaluate`` command from files to files, and what it does with cases that are broken."""

import csv
import json

import numpy as np
import pytest

from bright_model import write_bright_model, write_conditioned_model
from LesionSegmentationLib.engine.agreement import agreement
from LesionSegmentationLib.engine.geometry import Geometry
from LesionSegmentationLib.engine.operating_curve import OperatingCurve
from LesionSegmentationLib.engine.process import process
from LesionSegmentationLib.engine.study import read_study
from LesionSegmentationLib.engine.volume import Volume, read_mask, write_volume
from LesionSegmentationTraining.datasets import CaseFiles, write_case_table
from LesionSegmentationTraining.evaluation import case_record
from LesionSegmentationTraining.evaluation.command import main

from .conftest import bright_head

# Not 1 mm, left-handed, anisotropic: the figures must be those of the native grid.
GRID = np.diag([-1.0, 1.0, 2.0, 1.0])


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """Four cases of three patients with images, masks and a table, and a bundle."""
    folder = tmp_path_factory.mktemp("world")
    cases = []
    for n, (patient, split) in enumerate([("A", "test"), ("A", "test"), ("B", "test"), ("C", "train")]):
        image, mask = bright_head(n)
        for name, array in (("flair", image), ("mask", mask.astype(np.uint8))):
            write_volume(folder / f"{n}-{name}.nii.gz", array, Geometry(array.shape, GRID))
        files = {"flair": folder / f"{n}-flair.nii.gz"}
        cases.append(CaseFiles(f"case {n}", patient, files, folder / f"{n}-mask.nii.gz", split))
    write_case_table(folder / "cases.csv", cases)
    write_bright_model(folder / "bright")
    return folder, cases


@pytest.fixture
def run(world, tmp_path, capsys):
    """Run the command with output into a new folder; answers exit code, summary and what was said."""

    def run(*options, table=None, model=True, output=tmp_path / "out"):
        folder, _ = world
        source = ["--model", str(folder / "bright")] if model else []
        arguments = ["--table", str(table or folder / "cases.csv"), *source, "--output", str(output), *options]
        code = main([*arguments, "--device", "cpu"])
        path = output / "summary.json"
        return code, json.loads(path.read_text()) if path.exists() else None, capsys.readouterr()

    return run


def test_a_conditioned_model_is_measured_by_its_own_sets(run, world, tmp_path):
    folder, cases = world
    bundle = write_conditioned_model(tmp_path / "conditioned")
    code, summary, _ = run("--model", str(bundle.folder), "--beta", "0.3", "0.7", model=False)
    assert code == 0 and summary["failed"] == {}
    rows = list(csv.DictReader((tmp_path / "out" / "cases.csv").open()))
    assert {row["threshold"] for row in rows} == {""}
    found = process(read_study(cases[0].channels), bundle, "cpu")
    curve = OperatingCurve.of(found)
    mask = curve.mask(curve.at(0.7, 0.3))
    expected = agreement(Volume(mask, curve.geometry, "mask"), read_mask(cases[0].mask))
    assert mask.any() and float(rows[0]["dice"]) == pytest.approx(expected["dice"])
    assert summary["provenance"]["model"]["score"] == {"kind": "conditioned", "rho": [0.1, 10.0]}


def test_figures_are_those_of_the_engine_on_the_native_grid(run, world, tmp_path):
    code, summary, said = run("--beta", "0.3", "0.7")
    assert code == 0 and summary["cases"] == 4 and summary["patients"] == 3 and summary["failed"] == {}
    rows = list(csv.DictReader((tmp_path / "out" / "cases.csv").open()))
    assert [(row["case"], row["beta"]) for row in rows[:2]] == [("case 0", "0.3"), ("case 1", "0.3")] and len(rows) == 8
    folder, cases = world
    from LesionSegmentationLib.engine.bundle import load_bundle

    curve = OperatingCurve.of(process(read_study(cases[0].channels), load_bundle(folder / "bright"), "cpu"))
    mask = curve.mask(curve.at(0.7, 0.3))
    expected = agreement(Volume(mask, curve.geometry, "mask"), read_mask(cases[0].mask))
    assert expected["dice"] > 0.3
    for name, value in expected.items():
        assert float(rows[0][name]) == pytest.approx(value), name
    assert summary["provenance"]["model"]["sha256"] and summary["provenance"]["stated"]["beta"] == [0.3, 0.7]
    assert "| A | " in said.out and "95% from" not in said.out
    plots = {path.name for path in (tmp_path / "out").glob("*.png")}
    assert plots == {"operating-curves.png", "froc.png", "reliability.png", "volumes.png", "recall-by-size.png"}


def test_a_split_alone(run):
    code, summary, _ = run("--split", "train")
    assert code == 0 and summary["cases"] == 1
    code, _, said = run("--split", "validate")
    assert code == 2 and "no case of the split 'validate'" in said.err


def test_finished_cases_are_taken_over_until_something_changes(run, world, tmp_path, monkeypatch):
    first = run("--beta", "0.5")[1]
    calls = []
    answer = case_record.ModelSource.answer
    monkeypatch.setattr(
        case_record.ModelSource,
        "answer",
        lambda self, case, progress: calls.append(case.id) or answer(self, case, progress),
    )
    code, again, said = run("--beta", "0.5")
    assert code == 0 and not calls and said.err.count("(from before)") == 4
    assert again["settings"] == first["settings"] and again["froc"] == first["froc"]
    (tmp_path / "out" / "cases" / "case 1.json").write_text('{"key": ')  # the power went off
    assert run("--beta", "0.5")[0] == 0 and calls == ["case 1"]
    run("--beta", "0.6")
    assert calls == ["case 1", "case 0", "case 1", "case 2", "case 3"]


def test_a_changed_mask_is_judged_anew(run, world, tmp_path, monkeypatch):
    folder, cases = world
    table = tmp_path / "one.json"
    mask = read_mask(cases[0].mask)
    write_volume(tmp_path / "mask.nii.gz", mask.array, mask.geometry)
    write_case_table(table, [CaseFiles("one", "A", cases[0].channels, tmp_path / "mask.nii.gz")])
    before = run(table=table)[1]["settings"][0]["figures"]["dice"]["mean"]
    write_volume(tmp_path / "mask.nii.gz", np.zeros_like(mask.array), mask.geometry)
    after = run(table=table)[1]
    assert before > 0 and after["settings"][0]["figures"]["dice"]["mean"] == 0
    assert after["froc"] is None and after["score"]["auc_pr"]["mean"] is None


def test_broken_cases_are_named_and_the_others_go_on(run, world, tmp_path):
    folder, cases = world
    image, mask = bright_head(0)
    write_volume(tmp_path / "small.nii.gz", mask[:-1].astype(np.uint8), Geometry(mask[:-1].shape, GRID))
    write_volume(tmp_path / "odd.nii.gz", 3 * mask.astype(np.uint8), Geometry(mask.shape, GRID))
    bad = np.where(mask, np.nan, image).astype(np.float32)
    write_volume(tmp_path / "nan.nii.gz", bad, Geometry(bad.shape, GRID))
    (tmp_path / "torn.nii.gz").write_bytes((folder / "0-flair.nii.gz").read_bytes()[:2000])
    flair = cases[0].channels
    table = tmp_path / "broken.json"
    write_case_table(
        table,
        [
            CaseFiles("grid", "G", flair, tmp_path / "small.nii.gz"),
            CaseFiles("values", "V", flair, tmp_path / "odd.nii.gz"),
            CaseFiles("nan", "N", {"flair": tmp_path / "nan.nii.gz"}, cases[0].mask),
            CaseFiles("torn", "T", {"flair": tmp_path / "torn.nii.gz"}, cases[0].mask),
            CaseFiles("foreign", "F", {"ct": flair["flair"]}, cases[0].mask),
            cases[2],
        ],
    )
    code, summary, said = run(table=table)
    assert code == 1 and summary["cases"] == 1
    assert list(summary["failed"]) == ["grid", "values", "nan", "torn", "foreign"]
    assert "5 of 6 cases failed: grid, values, nan, torn, foreign" in said.err
    assert "5 cases failed and not counted" in said.out and "small.nii.gz" in summary["failed"]["grid"]
    assert "torn.nii.gz" in summary["failed"]["torn"] and "no image" in summary["failed"]["foreign"]


def test_nothing_but_broken_cases(run, world, tmp_path):
    table = tmp_path / "broken.json"
    case = world[1][0]
    write_case_table(table, [CaseFiles("foreign", "F", {"ct": case.channels["flair"]}, case.mask)])
    code, summary, _ = run(table=table)
    assert code == 1 and summary["cases"] == 0 and summary["settings"] == []


def test_masks_and_probabilities_of_anyone(run, world, tmp_path):
    folder, cases = world
    masks, probabilities = tmp_path / "masks", tmp_path / "probabilities"
    for made in (masks, probabilities):
        made.mkdir()
    for case in cases[:3]:
        mask = read_mask(case.mask)
        shifted = np.roll(mask.array, 1, axis=0)
        # another voxel order of the same grid
        flipped = GRID.copy()
        flipped[0] = [1, 0, 0, -(mask.array.shape[0] - 1)]
        write_volume(masks / f"{case.id}.nii.gz", shifted[::-1], Geometry(shifted.shape, flipped))
        soft = np.where(shifted, 0.9, 0.02).astype(np.float32)
        write_volume(probabilities / f"{case.id}.nrrd", soft, mask.geometry)
    code, summary, said = run("--predictions", str(masks), "--split", "test", model=False)
    assert code == 0 and len(summary["settings"]) == 1 and "score" not in summary
    first = read_mask(cases[0].mask)
    expected = agreement(Volume(np.roll(first.array, 1, axis=0), first.geometry, "m"), first)["dice"]
    rows = list(csv.DictReader((tmp_path / "out" / "cases.csv").open()))
    assert float(rows[0]["dice"]) == pytest.approx(expected) and rows[0]["beta"] == ""
    assert "masks" in said.out
    other = tmp_path / "other"
    code, summary, _ = run(
        "--predictions", str(probabilities), "--probabilities", "--split", "test", model=False, output=other
    )
    assert code == 0 and len(summary["settings"]) == 4 and summary["froc"]["images"] == 3
    code, summary, _ = run("--predictions", str(probabilities), "--split", "test", model=False, output=other)
    assert code == 1 and "add --probabilities" in summary["failed"]["case 0"]
    code, summary, _ = run("--predictions", str(masks), model=False, output=other)
    assert code == 1 and "There is no prediction for case case 3" in summary["failed"]["case 3"]


@pytest.mark.parametrize(
    "options, words",
    [
        (["--beta", "1"], "below 1"),
        (["--froc-level", "1.5"], "--froc-level"),
        (["--probabilities"], "give both"),
    ],
)
def test_refusals(run, options, words):
    code, summary, said = run(*options)
    assert code == 2 and summary is None and words in said.err and len(said.err.splitlines()) == 1


def test_a_model_or_a_folder_that_is_not_there(run, tmp_path):
    assert run("--model", "nobody", model=False)[0] == 2
    code, _, said = run("--predictions", str(tmp_path / "nothing"), model=False)
    assert code == 2 and "There is no folder" in said.err
