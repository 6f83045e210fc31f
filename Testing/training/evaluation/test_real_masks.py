"""Real masks: a patient's first time point judged by the second one, in every library that defines the figure."""

import json

import numpy as np
import pytest
import torch

from LesionSegmentationLib.engine.agreement import agreement
from LesionSegmentationLib.engine.bundle import find_bundle
from LesionSegmentationLib.engine.volume import read_mask
from LesionSegmentationTraining.datasets import CaseFiles, write_case_table
from LesionSegmentationTraining.evaluation.command import main
from LesionSegmentationTraining.evaluation.figures import figures_of
from LesionSegmentationTraining.evaluation.isbi_score import isbi_score
from real_data import REAL_DATA, needs_real_data

PATIENT = REAL_DATA / "ms-real" / "mslesseg-P14"


@pytest.fixture(scope="module")
def masks():
    if not REAL_DATA.is_dir():
        pytest.skip("no real scans beside the repository")
    return [read_mask(PATIENT / f"time{n}_mask.nii.gz") for n in (2, 1)]


def test_a_follow_up_as_prediction_in_every_library(masks):
    import surface_distance
    from lesion_metrics import metrics as lesion_metrics
    from monai.metrics import DiceMetric, compute_hausdorff_distance
    from sklearn.metrics import fbeta_score

    predicted, reference = (mask.array > 0 for mask in masks)
    spacing = masks[0].geometry.spacing
    ours = figures_of(predicted, reference, spacing)
    engine = agreement(*masks)
    assert {name: ours[name] for name in engine} == engine
    assert 0.2 < ours["dice"] < 1 and ours["lesions_reference"] > 5
    p, r = (torch.from_numpy(mask[None, None].astype(np.float32)) for mask in (predicted, reference))
    assert ours["dice"] == pytest.approx(DiceMetric()(p, r).item())
    assert ours["dice"] == pytest.approx(surface_distance.compute_dice_coefficient(reference, predicted))
    assert ours["f2"] == pytest.approx(fbeta_score(reference.ravel(), predicted.ravel(), beta=2))
    assert ours["lesion_tpr"] == pytest.approx(lesion_metrics.ltpr(predicted, reference))
    assert ours["lesion_fdr"] == pytest.approx(lesion_metrics.lfdr(predicted, reference))
    assert isbi_score(ours) == pytest.approx(lesion_metrics.isbi15_score(predicted, reference))
    hausdorff = compute_hausdorff_distance(p, r, percentile=95, include_background=True, spacing=list(spacing)).item()
    assert ours["hd95_mm"] == pytest.approx(hausdorff, rel=1e-5)
    # that library's surface lies between the voxels, weighed by area: near, and not the same
    theirs = surface_distance.compute_surface_distances(reference, predicted, tuple(spacing))
    assert ours["hd95_mm"] == pytest.approx(surface_distance.compute_robust_hausdorff(theirs, 95), abs=2.0)


@needs_real_data
@pytest.mark.slow
def test_the_shipped_bundle_on_a_real_case(tmp_path, capsys):
    files = {channel: PATIENT / f"time1_{channel}.nii.gz" for channel in ("flair", "t1")}
    write_case_table(tmp_path / "one.json", [CaseFiles("P14-1", "P14", files, PATIENT / "time1_mask.nii.gz")])
    options = ["--table", str(tmp_path / "one.json"), "--model", str(find_bundle("ms-flair").folder)]
    assert main([*options, "--output", str(tmp_path / "out"), "--device", "cpu"]) == 0
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["cases"] == 1 and len(summary["settings"]) == 4
    found = {setting["beta"]: setting["figures"]["recall"]["mean"] for setting in summary["settings"]}
    assert found[0.3] <= found[0.5] <= found[0.7] <= found[0.9]
    assert summary["settings"][1]["figures"]["dice"]["mean"] > 0.3
    assert summary["settings"][1]["figures"]["dice"]["interval"] is None
    assert "| P14 |" in capsys.readouterr().out
