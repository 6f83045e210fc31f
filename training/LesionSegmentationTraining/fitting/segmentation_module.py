"""The network, its loss and its optimiser as a Lightning module."""

from __future__ import annotations

import time
from collections import defaultdict
from statistics import fmean
from typing import Any

import lightning.pytorch as pl
import numpy as np
import torch

from LesionSegmentationLib.engine.bridge import to_tensor
from LesionSegmentationLib.engine.calibration import calibrated
from LesionSegmentationLib.engine.errors import InputError
from LesionSegmentationLib.engine.geometry import Geometry
from LesionSegmentationLib.engine.operating_curve import OperatingCurve
from LesionSegmentationLib.engine.probability_map import ProbabilityMap

from ..evaluation.case_logits import case_maps, case_score
from ..evaluation.score_figures import average_precision
from ..losses import build_loss
from ..losses.conditioned import rho_range
from ..losses.weighted_sum import WeightedSum
from ..networks import build_training_network
from .averaged_weights import AveragedWeights
from .optimisers import build_optimiser
from .schedules import build_schedule
from .trained_run import TrainedRun, load_run


class SegmentationModule(pl.LightningModule):
    """Learns lesion logits from patches and is judged on whole cases, as at inference, with the averaged weights.

    A batch is {"image": (B, C, P, P, P), "target": (B, 1, P, P, P), "weight": the same or missing}. Whole cases are
    those of ``CaseDataModule``.

    Args:
        network: {"name": "unet", ...}, see ``networks.build_training_network``.
        loss: {"name": "tversky", "alpha": 0.3, "beta": 0.7, ...}; alpha weighs false positives, beta false negatives.
        optimiser: {"name": "adamw" | "adam" | "sgd", "learning_rate": ..., ...}, or the name of a published setting.
        schedule: {"name": "cosine" | "polynomial" | "step" | "exponential" | "constant", "warmup": steps, ...}, or the
            name of a published setting.
        ema: decay of the running mean of the weights; 0 for none.
        initial_logit: what the untrained network says everywhere, about; -5 calls lesions rare, as they are.
        seed: of the first weights and of what is drawn within a step (dropout).
        start_from: checkpoint of an earlier run of the same network whose averaged weights this one begins with; what
            it was fitted on is remembered in ``hparams.earlier``. A conditioned head (three outputs) may begin with a
            network of one output.

    Raises InputError for names and arguments that are not known. A checkpoint's ``state_dict`` holds the averaged
    weights under ``network.``; see ``trained_run.load_run``.
    """

    def __init__(
        self,
        network: dict[str, Any],
        loss: dict[str, Any],
        optimiser: dict[str, Any] | str = {"name": "adamw", "learning_rate": 1e-3},  # noqa: B006 - never changed
        schedule: dict[str, Any] | str = {"name": "cosine", "warmup": 50},  # noqa: B006
        ema: float = 0.998,
        initial_logit: float = -5.0,
        seed: int = 0,
        start_from: str | None = None,
    ):
        super().__init__()
        self.save_hyperparameters(ignore="start_from")
        if not 0 <= ema < 1:
            raise InputError(f"ema lies from 0 (no mean) to below 1; {ema:g} does not.")
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            self.network = build_training_network(network)
            _start_at(self.network, initial_logit)
        if start_from is not None:
            self.hparams["earlier"] = _begin_with(self.network, network, load_run(start_from), start_from)
        self.loss = build_loss(loss)
        self._check_outputs()
        build_optimiser(optimiser, [torch.nn.Parameter(torch.zeros(1))])  # says now what is wrong with them
        build_schedule(schedule, 1)
        self._rows: list[dict] = []
        self._clock: tuple[float, int] | None = None

    def forward(self, image: torch.Tensor) -> torch.Tensor:
        """Logits (B, 1, i, j, k) of ``image`` (B, C, i, j, k); three maps of a network with a conditioned head."""
        return self.network(image)

    def configure_callbacks(self) -> list:
        """The running mean, if there is one."""
        return [AveragedWeights(self.hparams.ema)] if self.hparams.ema else []

    def configure_optimizers(self) -> dict:
        """Optimiser and, step by step, its learning rate."""
        optimiser = build_optimiser(self.hparams.optimiser, self.network.parameters())
        factor = build_schedule(self.hparams.schedule, self.trainer.datamodule.steps)
        schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, factor)
        return {"optimizer": optimiser, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def on_fit_start(self) -> None:
        """Raise InputError where patches or channels do not fit the network."""
        data, network = self.trainer.datamodule, self.network
        if any(size % network.multiple for size in data.tile):
            raise InputError(
                f"Patches of {' x '.join(map(str, data.tile))} voxels do not fit this network; "
                f"set data.patch to a multiple of {network.multiple}."
            )
        if len(data.cache.channels) != network.in_channels:
            raise InputError(
                f"The cases have {len(data.cache.channels)} channels ({', '.join(data.cache.channels)}), the network "
                f"takes {network.in_channels}; set model.network.in_channels."
            )

    def on_train_start(self) -> None:
        """Start the clock of this process, whatever step the run is at."""
        self._clock = (time.monotonic(), self.global_step)

    def on_train_batch_start(self, batch: dict, batch_idx: int) -> None:
        """Seed what is drawn within a step by the step, so that a run that goes on draws the same."""
        words = np.random.SeedSequence([self.hparams.seed, self.global_step, self.global_rank]).generate_state(2)
        torch.manual_seed(int(words[0]) << 31 ^ int(words[1]))

    def training_step(self, batch: dict, batch_idx: int) -> dict:
        """Loss of one batch, its terms and the learning rate it is learnt with."""
        logits = self.network(batch["image"])
        loss, terms = self._loss(logits, batch["target"], batch.get("weight"))
        rate = self.optimizers().param_groups[0]["lr"]
        self.log("loss", loss, prog_bar=True)
        self.log("learning_rate", rate)
        for name, value in terms.items():
            self.log(name, value)
        return {"loss": loss, "terms": terms, "learning_rate": rate}

    def on_train_batch_end(self, outputs: dict, batch: dict, batch_idx: int) -> None:
        """Tell the pace every so many steps."""
        started, first = self._clock
        if self.global_step > first and self.global_step % self.trainer.log_every_n_steps == 0:
            self.log("steps_per_second", (self.global_step - first) / (time.monotonic() - started), prog_bar=True)

    def validation_step(self, case, batch_idx: int) -> None:
        """Figures of one whole case. With several processes each does all cases: losses add up over processes."""
        self._rows.append({"patient": case.patient, **self._figures(case)})

    def on_validation_epoch_end(self) -> None:
        """Log the figures, averaged over the cases of a patient first and then over patients."""
        self._log_figures("validate")

    def test_step(self, case, batch_idx: int) -> None:
        """As in validation, on the cases of the split "test"."""
        self.validation_step(case, batch_idx)

    def on_test_epoch_end(self) -> None:
        """As in validation."""
        self._log_figures("test")

    def _loss(self, logits: torch.Tensor, target: torch.Tensor, weight: torch.Tensor | None):
        """The loss, and {"term_0_dice": its share, ...} of a sum of losses."""
        if not isinstance(self.loss, WeightedSum):
            return self.loss(logits, target, weight), {}
        names = [f"term_{n}_{term['name']}" for n, term in enumerate(self.hparams.loss["terms"])]
        values = [factor * loss(logits, target, weight) for factor, loss in zip(self.loss.factors, self.loss.losses)]
        return sum(values), {name: value.detach() for name, value in zip(names, values)}

    def _check_outputs(self) -> None:
        """Raise InputError for a network of three outputs whose loss takes one; the loss itself says the reverse."""
        outputs = getattr(self.network, "outputs", 1)
        if outputs != 1 and rho_range(self.loss) is None:
            raise InputError(
                f"The loss {self.hparams.loss['name']} wants a network of one output, not {outputs}; "
                "set model.network.outputs to 1 or model.loss to conditioned_tversky."
            )

    def _figures(self, case) -> dict:
        # Judged at rho = 1, where s plays no part: that it went through softplus already does not matter to the loss.
        data = self.trainer.datamodule
        intensity = data.cache.facts.get("recipe", {}).get("intensity")
        maps = case_maps(self.network, case, data.tile, device=self.device, intensity=intensity)
        mask = np.array(case.mask)
        on_device = [to_tensor(array[None]).to(self.device) for array in (maps, mask[None].astype(np.float32))]
        posterior = calibrated(maps[-1], {"scale": 1.0, "bias": 0.0})
        score = case_score(maps, rho_range(self.loss))
        curve = OperatingCurve.of(ProbabilityMap(posterior, Geometry(posterior.shape, np.eye(4)), score=score))
        return {
            "loss": float(self.loss(*on_device)),
            "average_precision": average_precision(posterior.ravel(), mask.ravel()),
            "dice": _dice(curve.mask(curve.at(0.5, 0.5)) != 0, mask),
            "dice_at_half": _dice(posterior > 0.5, mask),
        }

    def _log_figures(self, split: str) -> None:
        for name, value in mean_over_patients(self._rows).items():
            self.log(f"{split}/{name}", value, prog_bar=name == "average_precision")
        self._rows.clear()


def mean_over_patients(rows: list[dict]) -> dict[str, float]:
    """Mean of every figure: over the rows of a patient first, then over patients; None and all-None are left out."""
    figures = {}
    for name in dict.fromkeys(key for row in rows for key in row if key != "patient"):
        values = defaultdict(list)
        for row in rows:
            if row[name] is not None:
                values[row["patient"]].append(row[name])
        if values:
            figures[name] = fmean(fmean(of_one) for of_one in values.values())
    return figures


def _dice(marked: np.ndarray, mask: np.ndarray) -> float | None:
    both = int(marked.sum()) + int(mask.sum())
    return 2 * int((marked & mask).sum()) / both if both else None


def _begin_with(network: torch.nn.Module, specification: dict, run: TrainedRun, path: str) -> list[dict]:
    """Load the weights of ``run``; answers what is known of it and of those before it, the first one first."""
    outputs = (run.network_spec.get("outputs", 1), specification.get("outputs", 1))
    alike = {**run.network_spec, "outputs": 1} == {**specification, "outputs": 1}
    if not alike or (outputs[0] != outputs[1] and outputs != (1, 3)):
        raise InputError(
            f"{path} holds the network {run.network_spec}, not {specification}; give model.network the same settings."
        )
    network.load_state_dict(run.weights if outputs[0] == outputs[1] else _three_of_one(run.weights, network))
    settings = run.hyper_parameters
    this = {"steps": run.step, "loss": run.loss, "patients": settings.get("patients", {})}
    return [*settings.get("earlier", []), this]


def _three_of_one(weights: dict[str, torch.Tensor], network: torch.nn.Module) -> dict[str, torch.Tensor]:
    """A conditioned head from a plain one: score and posterior begin as its logit, the setting's effect at 0."""
    shapes = {name: value.shape for name, value in network.state_dict().items()}
    return {
        name: value if value.shape == shapes[name] else torch.cat([value, torch.zeros_like(value), value])
        for name, value in weights.items()
    }


def _start_at(network: torch.nn.Module, logit: float) -> None:
    """Set the bias that is added last, so that a network need not first push every background voxel down.

    Of the three outputs of a conditioned network the second, which says how much the setting moves, starts at 0.
    """
    if logit:
        if network.output_bias is None:
            raise InputError("The network adds no bias last that it could start from; set initial_logit to 0.")
        torch.nn.init.constant_(network.output_bias, logit)
        if getattr(network, "outputs", 1) == 3:
            torch.nn.init.zeros_(network.output_bias.data.view(3, -1)[1])
