"""The page of the experiment on alpha and beta: means over patients, the winner, all rows kept."""

import json

import pytest

from LesionSegmentationTraining.experiments.alpha_beta_page import write_page


def _row(network, case, patient, beta, index, precision=0.5, **more):
    figures = dict.fromkeys(("dice", "recall", "f2", "lesion_tpr", "lesion_fdr", "auc_pr"), 0.5)
    return {
        "network": network, "case": case, "patient": patient, "kind": "real", "beta": beta, "tversky": index,
        "precision": precision, **figures, **more,
    }  # fmt: skip


def _write(folder, network, rows):
    (folder / network).mkdir()
    (folder / network / "figures.json").write_text(json.dumps({"calibration": None, "rows": rows}))


def test_time_points_of_a_patient_are_averaged_first_and_settings_count_alike(tmp_path):
    _write(tmp_path, "ce", [
        _row("ce", "A-1", "A", 0.3, 0.2), _row("ce", "A-2", "A", 0.3, 0.4), _row("ce", "B", "B", 0.3, 0.9),
        _row("ce", "A-1", "A", 0.9, 0.1), _row("ce", "A-2", "A", 0.9, 0.1), _row("ce", "B", "B", 0.9, 0.1),
    ])  # fmt: skip
    _write(tmp_path, "tversky_0.3", [_row("tversky_0.3", "B", "B", 0.3, 0.5)])
    _write(tmp_path, "tversky_0.9", [_row("tversky_0.9", "B", "B", 0.9, 0.4)])
    write_page(tmp_path, ["ce", "tversky_0.3", "tversky_0.9"], tmp_path / "out")
    found = json.loads((tmp_path / "out" / "alpha-beta.json").read_text())
    assert found["mean_tversky_real"] == {"ce": pytest.approx((0.6 + 0.1) / 2), "tversky": pytest.approx(0.45)}
    assert found["winner"] == "tversky"
    assert len(found["rows"]) == 8
    assert (tmp_path / "out" / "alpha-beta.png").stat().st_size > 1000


def test_an_empty_answer_where_there_are_lesions_has_precision_zero(tmp_path):
    row = _row("ce", "A", "A", 0.5, 0.0, precision=None, expected_precision=0.4, expected_recall=0.5)
    _write(tmp_path, "ce", [row])
    write_page(tmp_path, ["ce"], tmp_path / "out")
    mean = json.loads((tmp_path / "out" / "alpha-beta.json").read_text())["means"]["real"]["ce"]["0.5"]
    assert mean["precision"] == 0 and mean["precision_gap"] == pytest.approx(0.4)
