"""What a bundle reached on scans left out, as a mean of its rows."""

import json

import pytest

from LesionSegmentationLib.engine.bundle import SHIPPED_MODELS
from LesionSegmentationLib.engine.measured_figures import MeasuredFigures


def row(case, beta, precision, recall, role="left out", channels="flair"):
    return {
        "patient": "p", "case": case, "role": role, "channels": channels,
        "beta": beta, "precision": precision, "recall": recall,
    }  # fmt: skip


FIGURES = [
    row("a", 0.5, 0.8, 0.4),
    row("b", 0.5, 0.6, 0.6, role="left out by a fold"),
    row("a", 0.8, 0.6, 0.6),
    row("b", 0.8, 0.4, 0.8, role="left out by a fold"),
    row("a", 0.3, 0.9, 0.2),
    row("c", 0.5, 1.0, 1.0, role="trained on"),
    row("a", 0.5, 1.0, 1.0, channels="flair + t1"),
]


def test_they_are_means_over_the_scans_left_out():
    measured = MeasuredFigures.of({"figures": FIGURES}, ["flair"])
    assert measured.scans == 2
    assert [known[0] for known in measured.rows] == pytest.approx([1.0, 4.0])  # at 0.3 one scan is missing
    here = measured.at(1.0)
    assert here["precision"] == pytest.approx(0.7) and here["recall"] == pytest.approx(0.5)
    assert here["dice"] == pytest.approx((2 * 0.32 / 1.2 + 0.6) / 2)
    assert here["f2"] == pytest.approx((5 * 0.32 / 3.6 + 0.6) / 2)
    assert measured.at(2.0)["precision"] == pytest.approx(0.6)
    assert measured.at(0.9) is None and measured.at(4.5) is None and measured.at(0.0) is None
    assert MeasuredFigures.from_dict(json.loads(json.dumps(measured.to_dict()))) == measured


def test_only_the_channels_that_were_used_count():
    assert MeasuredFigures.of({"figures": FIGURES}, ["t1", "flair"]).scans == 1
    assert MeasuredFigures.of({"figures": FIGURES}, ["t2"]) is None


def test_nothing_marked_counts_as_missed():
    measured = MeasuredFigures.of({"figures": [row("a", 0.5, None, 0.0), row("b", 0.5, 1.0, 1.0)]}, ["flair"])
    assert measured.at(1.0) == pytest.approx({"precision": 0.5, "recall": 0.5, "dice": 0.5, "f2": 0.5})


@pytest.mark.parametrize("figures", [[], [{}], [{"role": "left out"}], {"a": 1}, None, 3, ["left out"]])
def test_a_bundle_without_usable_figures_has_none(figures):
    assert MeasuredFigures.of({"figures": figures}, ["flair"]) is None
    assert MeasuredFigures.of({}, ["flair"]) is None


def test_the_shipped_model_says_what_it_reached():
    for folder in SHIPPED_MODELS.glob("*/bundle.json"):
        description = json.loads(folder.read_text(encoding="utf-8"))
        measured = MeasuredFigures.of(description, [description["channels"][0]["name"]])
        assert measured is not None and 0 < measured.at(1.0)["dice"] < 1
