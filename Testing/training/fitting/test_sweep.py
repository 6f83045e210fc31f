"""Sweeps: which trials there are, and that a killed worker costs nothing."""

import csv
import json
import os
import signal
import sys
import threading
import time

import pytest
import yaml

from LesionSegmentationLib.engine.errors import InputError
from LesionSegmentationTraining.fitting.curve_file import read_curve
from LesionSegmentationTraining.fitting.sweep import Sweep, main, run_sweep, trials_of, with_settings


def test_a_grid_has_all_combinations():
    sweep = Sweep(base="fit.yaml", settings={"a.b": [1, 2], "c": ["x", "y", "z"]})
    assert len(trials_of(sweep)) == 6 and trials_of(sweep)[1] == {"a.b": 1, "c": "y"}


def test_random_settings_come_from_their_seed_and_lie_in_their_range():
    ranges = {"rate": {"low": 1e-4, "high": 1e-1, "scale": "log"}, "loss": ["dice", "tversky"]}
    sweep = Sweep(base="fit.yaml", settings=ranges, search="random", trials=200, seed=1)
    trials = trials_of(sweep)
    assert trials == trials_of(sweep)
    rates = [trial["rate"] for trial in trials]
    assert 1e-4 <= min(rates) and max(rates) <= 1e-1
    assert 60 < sum(rate < 10**-2.5 for rate in rates) < 140
    assert {trial["loss"] for trial in trials} == {"dice", "tversky"}


def test_dotted_keys_reach_into_lists_and_leave_the_base_alone():
    base = {"model": {"loss": {"terms": [{"factor": 1}, {"factor": 2}]}}}
    assert with_settings(base, {"model.loss.terms.1.factor": 5})["model"]["loss"]["terms"][1] == {"factor": 5}
    assert base["model"]["loss"]["terms"][1] == {"factor": 2}
    with pytest.raises(InputError, match="no place for the setting 'modle.ema'"):
        with_settings(base, {"modle.ema": 0})


@pytest.mark.parametrize(
    "content, words",
    [
        ({"base": "fit.yaml", "settings": {"a": [1]}, "trails": 3}, "trails"),
        ({"base": "fit.yaml", "settings": {"a": 1}}, "list of values for 'a'"),
        ({"base": "missing.yaml", "settings": {"a": [1]}}, "missing.yaml"),
        ({"base": "fit.yaml", "settings": {}}, "no settings"),
    ],
)
def test_a_sweep_that_cannot_be_is_said_in_a_sentence(tmp_path, capsys, content, words):
    pytest.importorskip("ray", reason="Ray is not installed")
    (tmp_path / "fit.yaml").write_text("a: 1\n")
    (tmp_path / "sweep.yaml").write_text(yaml.safe_dump(content))
    assert main(["--sweep", str(tmp_path / "sweep.yaml"), "--run", str(tmp_path / "run")]) == 2
    assert words in capsys.readouterr().err


def test_without_ray_the_mend_is_named(monkeypatch, tmp_path, capsys):
    monkeypatch.setitem(sys.modules, "ray", None)
    assert main(["--sweep", str(tmp_path / "sweep.yaml"), "--run", str(tmp_path)]) == 2
    assert "pip install 'lesion-segmentation[sweep]'" in capsys.readouterr().err


class Killer(threading.Thread):
    """Kills the first worker it finds at work, with SIGKILL, once its trial's curve has ``rows`` rows."""

    def __init__(self, folder, rows: int):
        super().__init__(daemon=True)
        self.folder, self.rows = folder, rows
        self.seen: set[int] = set()
        self.killed: int | None = None
        self.stopped = threading.Event()

    def run(self):
        import psutil

        while not self.stopped.is_set():
            for process in psutil.Process().children(recursive=True):
                try:
                    if "_fit_trial" in " ".join(process.cmdline()) or "ImplicitFunc" in " ".join(process.cmdline()):
                        self.seen.add(process.pid)
                except psutil.Error:
                    continue
            curves = list(self.folder.glob("trial-*/curve.csv"))
            if self.killed is None and self.seen and len(curves) == 2:
                if all(curve.read_bytes().count(b"\n") > self.rows for curve in curves):
                    self.reached = max(curve.read_bytes().count(b"\n") for curve in curves)
                    self.killed = min(self.seen)
                    os.kill(self.killed, signal.SIGKILL)
            time.sleep(0.02)


@pytest.fixture
def cluster():
    pytest.importorskip("ray", reason="Ray is not installed")
    pytest.importorskip("psutil", reason="psutil, which finds the worker to kill, is not installed")
    import ray
    from ray.cluster_utils import Cluster

    two = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "include_dashboard": False})
    two.add_node(num_cpus=1)
    ray.init(address=two.address, log_to_driver=False)
    yield two
    ray.shutdown()
    two.shutdown()


@pytest.mark.slow
def test_two_workers_of_a_cluster_one_killed_and_nothing_lost(cluster, settings, fit, tmp_path):
    import torch

    settings["trainer"] |= {"max_epochs": 60, "check_val_every_n_epoch": 20}
    (tmp_path / "fit.yaml").write_text(yaml.safe_dump(settings))
    rates = [0.01, 0.02]
    sweep = {"base": "fit.yaml", "settings": {"model.optimiser.learning_rate": rates}}
    (tmp_path / "sweep.yaml").write_text(yaml.safe_dump(sweep))
    folder = tmp_path / "sweep"
    killer = Killer(folder, 30)
    killer.start()
    rows = run_sweep(tmp_path / "sweep.yaml", folder)
    killer.stopped.set()
    killer.join()

    assert killer.killed is not None and len(killer.seen) >= 3, "no worker was killed and replaced"
    assert killer.reached < 300, "both trials had come to their end"
    assert [row["error"] for row in rows] == [None, None] and [row["step"] for row in rows] == [300, 300]
    assert rows[0]["score"] >= rows[1]["score"]
    assert json.loads((folder / "results.json").read_text()) == rows
    with (folder / "results.csv").open(newline="") as stream:
        assert len(list(csv.DictReader(stream))) == 2

    threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as Ray gives to a worker of one CPU
    try:
        for number, rate in enumerate(rates):
            optimiser = {"name": "adamw", "learning_rate": rate}
            code, undisturbed = fit(f"undisturbed-{number}", changes={"model": {"optimiser": optimiser}})
            assert code == 0
            curves = [path / "curve.csv" for path in (folder / f"trial-{number:03}", undisturbed)]
            assert len(read_curve(curves[0])) == 300
            assert curves[0].read_bytes() == curves[1].read_bytes()
    finally:
        torch.set_num_threads(threads)
