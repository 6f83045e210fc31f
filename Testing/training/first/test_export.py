import json

import numpy as np
import torch

from LesionSegmentationLib.engine.bundle import load_bundle
from LesionSegmentationTraining.first.evaluation import case_logits, probability
from LesionSegmentationTraining.first.export import export_bundle
from LesionSegmentationTraining.first.finish import answers_of, calibrate, main, measure
from LesionSegmentationTraining.first.fit import Run, fit

BUNDLE = {
    "bundle": {"version": "0.0.1", "title": "Tiny", "task": "none", "licence": "Apache-2.0"},
    "data": "three made-up heads",
}


def test_export_writes_a_bundle_the_engine_loads(cases, configuration, tmp_path):
    run = Run(configuration | BUNDLE)
    fit(run, cases, tmp_path, workers=0)
    network = run.mean_network()
    calibration, floor = calibrate(answers_of(network, cases[:2]))
    figures = measure(answers_of(network, cases[2:])[0], calibration, floor, role="left out")
    written = export_bundle(tmp_path / "tiny", run, calibration, floor, figures, "# Tiny\n\n{figures}\n")
    bundle = load_bundle(tmp_path / "tiny")
    assert bundle.sha256 == written.sha256
    assert bundle.channels == [("flair", True), ("t1", False)]
    assert bundle.plan.tile == (32, 32, 32)
    assert "| beta |" in (tmp_path / "tiny" / "CARD.md").read_text()
    image = torch.rand(1, 2, 32, 32, 32)
    with torch.no_grad():
        difference = (bundle.network()(image) - network(image)).abs().max()
    assert difference < 0.02


def test_finish_goes_from_run_to_bundle(cases, configuration, tmp_path):
    run = Run(configuration | BUNDLE)
    fit(run, cases, tmp_path, workers=0)
    for part, case in (("calibrate", cases[1]), ("test", cases[2])):
        folder = tmp_path / "cases" / part / case.name
        folder.mkdir(parents=True)
        for name in ("image", "mask", "centres"):
            np.save(folder / f"{name}.npy", getattr(case, name))
        (folder / "case.json").write_text(json.dumps(case.facts))
    (tmp_path / "card.md").write_text("{figures}")
    paths = {"--run": tmp_path, "--cases": tmp_path / "cases", "--card": tmp_path / "card.md"}
    main([str(part) for pair in paths.items() for part in pair] + ["--bundle", str(tmp_path / "made")])
    assert load_bundle(tmp_path / "made").name == "tiny"


def test_without_t1_the_t1_is_not_looked_at(cases, configuration):
    network = Run(configuration).mean_network()
    with_t1, without = (case_logits(network, cases[0], tile=32, with_t1=t1) for t1 in (True, False))
    assert with_t1.shape == cases[0].mask.shape
    assert not np.array_equal(with_t1, without)
    assert 0 <= probability(with_t1).min() <= probability(with_t1).max() <= 1
