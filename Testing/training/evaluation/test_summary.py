"""From cases to patients and over them: means, intervals, correlation, the ISBI score, tables."""

import csv
import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from LesionSegmentationTraining.evaluation.figures import figures_of
from LesionSegmentationTraining.evaluation.froc import Findings
from LesionSegmentationTraining.evaluation.isbi_score import isbi_score, volume_correlation
from LesionSegmentationTraining.evaluation.summary import (
    bootstrap_interval,
    froc_summary,
    isbi_summary,
    per_patient,
    summarise,
    volume_summary,
)
from LesionSegmentationTraining.evaluation.tables import markdown_table, summary_rows, write_csv, write_json

shares = st.floats(0, 1)
terms = st.fixed_dictionaries(dict.fromkeys(("dice", "precision", "lesion_fdr", "lesion_tpr"), shares))


def rows_of(values, patients=None):
    patients = patients or [f"P{n}" for n in range(len(values))]
    return [{"case": f"c{n}", "patient": p, "beta": 0.5, "dice": v} for n, (v, p) in enumerate(zip(values, patients))]


def test_time_points_of_a_patient_are_averaged_first():
    rows = rows_of([0.2, 0.4, 0.9, None, None], ["A", "A", "B", "B", "C"])
    assert [row["dice"] for row in per_patient(rows)] == [pytest.approx(0.3), 0.9, None]
    assert [row["cases"] for row in per_patient(rows)] == [2, 2, 1]
    dice = summarise(rows)["dice"]
    assert dice["patients"] == 2 and dice["mean"] == dice["median"] == pytest.approx(0.6)


@pytest.mark.parametrize("patients", [1, 9, 10, 25])
def test_no_interval_below_ten_patients(patients):
    entry = summarise(rows_of(np.linspace(0.1, 0.9, patients).tolist()))["dice"]
    assert (entry["interval"] is None) == (patients < 10)
    if patients >= 10:
        assert entry["interval"][0] < entry["mean"] < entry["interval"][1]


def test_many_cases_of_few_patients_are_few_patients():
    rows = rows_of(np.linspace(0, 1, 40).tolist(), [f"P{n % 9}" for n in range(40)])
    assert summarise(rows)["dice"]["interval"] is None


@settings(deadline=None, max_examples=20)
@given(st.lists(shares, min_size=10, max_size=20), st.integers(0, 5))
def test_the_interval_is_deterministic_and_within_the_values(values, seed):
    once, twice = (bootstrap_interval(values, draws=500, seed=seed) for _ in range(2))
    assert once == twice
    assert min(values) - 1e-9 <= once[0] <= once[1] <= max(values) + 1e-9
    slow = bootstrap_interval(values, lambda drawn: float(np.mean(drawn)), draws=500, seed=seed)
    assert slow == pytest.approx(once)


def test_the_interval_covers_the_truth_about_as_often_as_it_says():
    rng = np.random.default_rng(4)
    ends = [bootstrap_interval(rng.beta(4, 2, 30), draws=400, seed=n) for n in range(300)]
    covered = np.mean([low <= 4 / 6 <= high for low, high in ends])
    assert 0.88 <= covered <= 0.98


def test_volume_correlation_is_that_of_lesion_metrics():
    from lesion_metrics.metrics import corr

    one, two = np.random.default_rng(0).random((2, 12))
    assert volume_correlation(one, two) == pytest.approx(corr(one, two))
    assert volume_correlation([1, 2, 3], [2, 4, 6]) == pytest.approx(1)
    assert volume_correlation([1, 2], [2, 4]) is None and volume_correlation([1, 1, 1], [1, 2, 3]) is None


@given(terms, st.floats(-1, 1))
def test_isbi_score_is_that_of_lesion_metrics(figures, correlation):
    from lesion_metrics.metrics import isbi15_score_from_metrics as theirs

    values = [figures[name] for name in ("dice", "precision", "lesion_fdr", "lesion_tpr")]
    assert isbi_score(figures) == pytest.approx(theirs(*values))
    whole = isbi_score(figures, correlation)
    assert whole == pytest.approx(theirs(*values, reweighted=False) + correlation / 4)
    assert -0.25 <= whole <= 1 + 1e-9
    assert isbi_score(figures, correlation, rater_score=0.5) == pytest.approx(180 * whole)
    assert isbi_score({**figures, "dice": None}) is None


def test_isbi_score_of_masks_is_that_of_lesion_metrics(pairs):
    from lesion_metrics.metrics import isbi15_score

    for predicted, reference in pairs:
        assert isbi_score(figures_of(predicted, reference, (1, 1, 1))) == pytest.approx(
            isbi15_score(predicted, reference)
        )


def test_summaries_of_real_rows(pairs):
    rows = [{"patient": f"P{n}", **figures_of(*pair, (1, 1, 1))} for n, pair in enumerate(pairs)]
    summary, volumes, isbi = summarise(rows), volume_summary(rows), isbi_summary(rows)
    assert volumes["over_cases"] == volumes["over_patients"]
    means = {name: entry["mean"] for name, entry in summary.items()}
    assert isbi["score"] == pytest.approx(isbi_score(means, volumes["over_cases"]))
    assert isbi["score_without_correlation"] == pytest.approx(isbi_score(means))
    assert isbi_summary(rows[:2])["score"] is None


def test_froc_over_patients():
    rng = np.random.default_rng(1)
    images = {
        f"P{n}": [Findings(np.ones(4), rng.choice([-np.inf, 0.6, 0.8, 0.9], 4), rng.random(3) / 2 + 0.5)] * 2
        for n in range(12)
    }
    once, twice = (froc_summary(images, draws=100) for _ in range(2))
    assert once == twice and once["images"] == 24 and once["lesions"] == 96
    assert once["interval"][0] <= once["average_recall"] <= once["interval"][1]
    assert froc_summary(dict(list(images.items())[:9]), draws=10)["interval"] is None
    assert froc_summary({"P": [Findings(np.zeros(0), np.zeros(0), np.ones(1))]}) is None


def test_tables_say_what_is_not_defined(tmp_path):
    rows = rows_of([0.5, None])
    write_csv(tmp_path / "a.csv", rows)
    assert [row["dice"] for row in csv.DictReader((tmp_path / "a.csv").open())] == ["0.5", ""]
    write_json(tmp_path / "a.json", rows)
    assert json.loads((tmp_path / "a.json").read_text()) == rows
    with pytest.raises(ValueError):
        write_json(tmp_path / "b.json", [float("nan")])
    assert sorted(path.name for path in tmp_path.iterdir()) == ["a.csv", "a.json"]
    lines = markdown_table(rows, "patient").splitlines()
    assert lines[0] == "| patient | Dice |" and lines[2:] == ["| P0 | 0.500 |", "| P1 | - |"]
    few, many = (summary_rows(summarise(rows_of([0.5] * n))) for n in (3, 12))
    assert [row["over patients"] for row in few] == ["mean", "median"]
    assert [row["over patients"] for row in many] == ["mean", "median", "95% from", "95% to"]
