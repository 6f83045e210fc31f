"""Every plot is a PNG with something on it; looked at by eye when they were made."""

import numpy as np
import pytest
from PIL import Image

from LesionSegmentationTraining.evaluation import plots
from LesionSegmentationTraining.evaluation.lesion_figures import recall_by_size
from LesionSegmentationTraining.evaluation.score_figures import pooled, precision_recall, reliability

from .conftest import blobs, posterior_of


def inked(path) -> float:
    """Share of the pixels that are not white."""
    return float((np.asarray(Image.open(path).convert("L")) < 250).mean())


def a_case(n: int) -> dict:
    mask = blobs(n).ravel()
    probability = posterior_of(blobs(n), n + 9).ravel()
    settings = [{"beta": beta, "recall": beta, "precision": 1 - beta / 2} for beta in (0.3, 0.5, 0.9)]
    return {"id": f"case-{n}", "curve": precision_recall(probability, mask), "settings": settings}


@pytest.mark.parametrize("cases", [0, 1, 4, 15])
def test_operating_curves(tmp_path, cases):
    plots.operating_curves(tmp_path / "a.png", [a_case(n) for n in range(cases)])
    plots.operating_curves(tmp_path / "empty.png", [])
    assert inked(tmp_path / "a.png") > inked(tmp_path / "empty.png") - (cases == 0) * 1e-9
    assert (cases == 0) == (inked(tmp_path / "a.png") == inked(tmp_path / "empty.png"))


def test_cases_of_masks_and_undefined_figures(tmp_path):
    mask_row = {"beta": None, "recall": 0.5, "precision": None}
    plots.operating_curves(tmp_path / "a.png", [{"id": "a", "curve": None, "settings": [mask_row]}])
    plots.volumes(tmp_path / "b.png", [])
    plots.recall_by_size_bars(tmp_path / "c.png", {"mask": recall_by_size([])})
    plots.reliability_diagram(tmp_path / "d.png", [], None)
    assert all(inked(tmp_path / f"{name}.png") > 0.005 for name in "abcd")


@pytest.mark.parametrize("patients", [3, 12])
def test_volumes(tmp_path, patients):
    true = np.random.default_rng(0).gamma(2, 6, patients)
    plots.volumes(tmp_path / "a.png", [{"prediction_ml": 0.9 * v + 0.4, "reference_ml": v} for v in true], "beta 0.5")
    assert inked(tmp_path / "a.png") > 0.01


def test_the_others(tmp_path):
    tables = [reliability(posterior_of(blobs(n), n + 9).ravel(), blobs(n).ravel()) for n in range(3)]
    plots.reliability_diagram(tmp_path / "reliability.png", pooled(tables), 0.05)
    lesions = [{"volume_ml": v, "found": v > 0.03} for v in np.geomspace(0.002, 3, 60)]
    classes = {f"beta {beta}": recall_by_size(lesions) for beta in (0.3, 0.5, 0.7)}
    plots.recall_by_size_bars(tmp_path / "sizes.png", classes)
    curve = {"false_positives": [0, 0.5, 1.5, 4], "recall": [0, 0.4, 0.6, 0.8], "limit": 5, "average_recall": 0.58}
    plots.froc_curve(tmp_path / "froc.png", {**curve, "interval": [0.5, 0.65], "lesions": 50, "images": 12})
    assert all(inked(path) > 0.01 for path in tmp_path.glob("*.png"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["froc.png", "reliability.png", "sizes.png"]
