"""Fit a network to cases on the CPU: one file of state, written often, from which the same run goes on.

python -m LesionSegmentationTraining.fit CONFIG --cases CASES --run RUN [--steps N]
"""

from __future__ import annotations

import argparse
import json
import math
import os
import time
from collections.abc import Callable
from pathlib import Path

import torch

from LesionSegmentationLib.engine.networks import build_network

from .cases import read_cases
from .losses import training_loss
from .patches import PatchBatches


class Run:
    """Network, running mean of its weights, optimiser and step; ``save`` holds all that a resumed run needs."""

    def __init__(self, config: dict):
        self.config = config
        torch.manual_seed(config["seed"])
        self.network = build_network(config["network"])
        _start_at(self.network, config.get("initial_logit", 0.0))
        self.mean_weights = {name: value.clone() for name, value in self.network.state_dict().items()}
        self.optimiser = torch.optim.AdamW(
            self.network.parameters(), lr=config["learning_rate"], weight_decay=config["weight_decay"]
        )
        self.step = 0

    def learn(self, image: torch.Tensor, target: torch.Tensor) -> float:
        """One step on one batch; answers its loss."""
        for group in self.optimiser.param_groups:
            group["lr"] = self.learning_rate()
        self.optimiser.zero_grad(set_to_none=True)
        with torch.autocast("cpu", torch.bfloat16, enabled=self.config.get("bfloat16", True)):
            logits = self.network(image)
        loss = training_loss(logits, target, self.config["loss"])
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.network.parameters(), 5.0)
        self.optimiser.step()
        self.step += 1
        self._follow()
        return float(loss.detach())

    def learning_rate(self) -> float:
        """Linear over the first 50 steps, then cosine to 0."""
        share = self.step / self.config["steps"]
        return self.config["learning_rate"] * min(1.0, (self.step + 1) / 50) * 0.5 * (1 + math.cos(math.pi * share))

    def _follow(self) -> None:
        # the mean starts short, so that a young run is not held back by its random first weights
        keep = min(self.config["ema"], self.step / (self.step + 10))
        for name, value in self.network.state_dict().items():
            self.mean_weights[name].lerp_(value, 1 - keep)

    def mean_network(self) -> torch.nn.Module:
        """A copy of the network with the mean weights, for evaluation and export."""
        network = build_network(self.config["network"])
        network.load_state_dict(self.mean_weights)
        return network.eval()

    def start_from(self, path: Path) -> None:
        """Begin with the mean weights of an earlier run's state at ``path``; the configuration remembers that run."""
        state = torch.load(path, weights_only=True)
        self.network.load_state_dict(state["mean_weights"])
        self.mean_weights = {name: value.clone() for name, value in state["mean_weights"].items()}
        earlier = {key: state["config"][key] for key in ("data", "loss", "learning_rate", "seed")}
        before = state["config"].get("started_from", [])
        self.config["started_from"] = [*before, {"steps": state["step"], **earlier}]

    def save(self, path: Path) -> None:
        """Write all that a resumed run needs to ``path``: beside it first, then renamed."""
        state = {
            "config": self.config, "step": self.step, "network": self.network.state_dict(),
            "mean_weights": self.mean_weights, "optimiser": self.optimiser.state_dict(),
        }  # fmt: skip
        part = path.with_suffix(".part")
        torch.save(state, part)
        os.replace(part, path)

    @classmethod
    def load(cls, path: Path) -> Run:
        """Return the run that :meth:`save` wrote."""
        state = torch.load(path, weights_only=True)
        run = cls(state["config"])
        run.step, run.mean_weights = state["step"], state["mean_weights"]
        run.network.load_state_dict(state["network"])
        run.optimiser.load_state_dict(state["optimiser"])
        return run


def _start_at(network: torch.nn.Module, logit: float) -> None:
    """Set the bias of the last convolution, so that a network begins by calling lesions rare, as they are.

    Without it the first hundreds of steps are spent on pushing every background voxel down.
    """
    last = [module for module in network.modules() if isinstance(module, torch.nn.Conv3d)][-1]
    torch.nn.init.constant_(last.bias, logit)


def fit(
    run: Run,
    cases: list,
    folder: Path,
    *,
    save_seconds: float = 120,
    workers: int = 1,
    look: Callable[[Run], None] | None = None,
    look_every: int = 500,
) -> None:
    """Learn until the configured number of steps; state goes to ``folder/state.pt``, ``look(run)`` comes in between."""
    config = run.config
    keys = ("patch", "batch", "seed", "lesion_share", "real_share")
    batches = PatchBatches(cases, batches=config["steps"], first=run.step, **{key: config[key] for key in keys})
    loader = torch.utils.data.DataLoader(batches, batch_size=None, num_workers=workers)
    started, saved, first, recent = time.monotonic(), time.monotonic(), run.step, []
    for image, target in loader:
        recent.append(run.learn(image, target))
        if run.step % 20 == 0:
            pace = (time.monotonic() - started) / (run.step - first)
            left = pace * (config["steps"] - run.step) / 60
            mean = sum(recent) / len(recent)
            print(f"step {run.step} loss {mean:.4f} {pace:.2f} s/step {left:.1f} minutes left", flush=True)
            recent = []
        if time.monotonic() - saved > save_seconds:
            run.save(folder / "state.pt")
            saved = time.monotonic()
        if look and (run.step % look_every == 0):
            look(run)
    run.save(folder / "state.pt")


def main(arguments: list[str] | None = None) -> None:
    """Run the command with ``arguments``, those of the process when None; see the module's description."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("config", type=Path)
    parser.add_argument("--cases", type=Path, required=True, help="folder that make_cases wrote")
    parser.add_argument("--run", type=Path, required=True, help="folder of this run; a run found there goes on")
    parser.add_argument("--steps", type=int, help="instead of the configured number")
    parser.add_argument("--start", type=Path, help="state.pt of an earlier run whose weights to begin with")
    options = parser.parse_args(arguments)
    options.run.mkdir(parents=True, exist_ok=True)
    state = options.run / "state.pt"
    if state.exists():
        run = Run.load(state)
        print(f"going on at step {run.step}", flush=True)
    else:
        config = json.loads(options.config.read_text())
        run = Run(config | ({"steps": options.steps} if options.steps else {}))
        if options.start:
            run.start_from(options.start)
    watched = {part: read_cases(options.cases / part) for part in ("calibrate", "test")}
    # for information only: nothing is chosen by the patients seen here
    real = [case for part in watched.values() for case in part if case.real]

    def look(run: Run) -> None:
        from .evaluation import describe

        network = run.mean_network()
        for case in real:
            print(f"step {run.step} {describe(network, case)}", flush=True)

    fit(run, read_cases(options.cases / "train"), options.run, look=look, look_every=300)


if __name__ == "__main__":
    main()
