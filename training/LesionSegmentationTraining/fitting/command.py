"""``fit``, ``validate``, ``test`` and ``export``: settings from YAML files and the command line."""

from __future__ import annotations

import logging
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

from lightning.pytorch.callbacks import Callback
from lightning.pytorch.cli import LightningCLI

from LesionSegmentationLib.engine.errors import InputError

from .case_data_module import CaseDataModule
from .checkpoints import BEST, LAST, AtomicCheckpoints, RunCheckpoints
from .curve_file import CurveFile
from .segmentation_module import SegmentationModule
from .trained_run import load_run

TRAINER_DEFAULTS = {
    # "warn": some operations of 3D networks have no deterministic form on a GPU
    "deterministic": "warn",
    "gradient_clip_val": 5.0,
    "log_every_n_steps": 10,
    "num_sanity_val_steps": 0,
    # batches know their process themselves
    "use_distributed_sampler": False,
    "max_epochs": 100,
}


class FittingCommand(LightningCLI):
    """Lightning's command line with a run's folder, from which a run goes on by itself."""

    @staticmethod
    def subcommands() -> dict[str, set[str]]:
        """The subcommands and the arguments of the Trainer's methods that are not settings."""
        known = LightningCLI.subcommands()
        return {name: known[name] | {"weights_only"} for name in ("fit", "validate", "test")}

    def add_arguments_to_parser(self, parser) -> None:
        """Add the run's folder and how it goes on; one seed for all."""
        parser.add_argument("--run", type=str, default="run", help="folder of the run: checkpoints, curve, settings")
        parser.add_argument(
            "--resume", choices=["auto", "never"], default="auto", help="go on with a run found in its folder, or never"
        )
        parser.add_lightning_class_args(RunCheckpoints, "checkpoints")
        parser.link_arguments("seed_everything", "model.seed")
        parser.link_arguments("seed_everything", "data.seed")

    def instantiate_trainer(self, **kwargs):
        """Make a trainer that writes everything into the run's folder."""
        from lightning.pytorch.loggers import TensorBoardLogger

        folder = self._get(self.config_init, "run")
        settings = self._get(self.config_init, "trainer")
        if settings.get("logger") is None or settings.get("logger") is True:
            kwargs["logger"] = TensorBoardLogger(folder, name="", version="")
        kwargs["default_root_dir"] = folder
        kwargs["plugins"] = [*(settings.get("plugins") or []), AtomicCheckpoints()]
        return super().instantiate_trainer(**kwargs)

    def fit(self, model, ckpt_path: str | None = None, **kwargs) -> None:
        """Fit, from ``ckpt_path`` or the last checkpoint of the run's folder if there is one."""
        last = Path(self._get(self.config_init, "run")) / LAST
        if ckpt_path is None and last.exists() and self._get(self.config_init, "resume") == "auto":
            ckpt_path = str(last)
        if ckpt_path is not None:
            _check_same_network(ckpt_path, model)
        self.trainer.fit(model, ckpt_path=ckpt_path, weights_only=True, **kwargs)

    def validate(self, ckpt_path: str | None = None, **kwargs) -> None:
        """Measure on the cases of "validate"."""
        self.trainer.validate(ckpt_path=self._finished(ckpt_path), weights_only=True, **kwargs)

    def test(self, ckpt_path: str | None = None, **kwargs) -> None:
        """Measure on the cases of "test"."""
        self.trainer.test(ckpt_path=self._finished(ckpt_path), weights_only=True, **kwargs)

    def _finished(self, given: str | None) -> str:
        """The checkpoint to measure: the one given, else the run's best, else its last."""
        folder = Path(self._get(self.config_init, "run"))
        paths = [Path(given)] if given else [folder / BEST, folder / LAST]
        for path in paths:
            if path.is_file():
                return str(path)
        raise InputError(f"There is no checkpoint {paths[-1]}; fit first, or name one with --ckpt_path.")


def main(arguments: list[str], callbacks: Sequence[Callback] = ()) -> int:
    """Run ``arguments``: "fit", "validate", "test" or "export" and its options; answers the exit code.

    ``callbacks``: further ones for the Trainer. 0: done; 2: the settings or the data cannot be used, with one sentence
    on stderr.
    """
    _leave_out_what_is_no_concern_of_the_user()
    try:
        if arguments[:1] == ["export"]:
            _export(arguments[1:])
        else:
            FittingCommand(
                SegmentationModule,
                CaseDataModule,
                args=arguments,
                trainer_defaults={**TRAINER_DEFAULTS, "callbacks": [CurveFile(), *callbacks]},
                seed_everything_default=0,
                save_config_kwargs={"overwrite": True},
                auto_configure_optimizers=False,
                parser_kwargs={"prog": "LesionSegmentationTraining"},
            )
    except InputError as error:
        print(f"error: {_sentence(error)}", file=sys.stderr)
        return 2
    except SystemExit as end:
        return int(end.code or 0)
    return 0


def _export(arguments: list[str]) -> None:
    """Read the options of ``export`` and write the bundle."""
    import argparse

    parser = argparse.ArgumentParser("LesionSegmentationTraining export", description="A checkpoint to a bundle.")
    parser.add_argument("--checkpoint", type=Path, required=True, help="best.ckpt or last.ckpt of a run's folder")
    parser.add_argument("--bundle", type=Path, required=True, help="folder to write; its name is the model's")
    parser.add_argument("--about", type=Path, required=True, help="YAML file that describes the model")
    parser.add_argument("--caches", type=Path, nargs="+", help="instead of those the run was fitted on")
    parser.add_argument(
        "--fold", type=Path, nargs=2, action="append", default=[], metavar=("CHECKPOINT", "CACHE"),
        help="a fit that was the same but left out the patients of the cache's split 'test'; several may be given",
    )  # fmt: skip
    parser.add_argument("--real_weight", type=float, default=1.0, help="made-up cases one real case counts as")
    parser.add_argument("--tile", type=int, help="voxels per axis of one forward pass; otherwise those of a patch")
    parser.add_argument("--device", default="auto", help="auto, cpu or cuda")
    options = parser.parse_args(arguments)
    from ..export.about import read_about
    from ..export.export_checkpoint import export_checkpoint

    caches = options.caches or [Path(path) for path in load_run(options.checkpoint).hyper_parameters["caches"]]
    about = read_about(options.about)
    export_checkpoint(
        options.checkpoint,
        caches,
        options.bundle,
        about,
        folds=[tuple(fold) for fold in options.fold],
        real_weight=options.real_weight,
        tile=options.tile,
        device=options.device,
    )


def _sentence(error: InputError) -> str:
    """The sentence of an error; one from a worker process comes with the trace of that process before it."""
    return str(error).strip().splitlines()[-1].split("InputError: ")[-1]


def _leave_out_what_is_no_concern_of_the_user() -> None:
    """Silence Lightning's advertisement and what it says about its own code and how it is called."""
    warnings.filterwarnings("ignore", message="LightningCLI's args parameter")
    warnings.filterwarnings("ignore", message=".*isinstance.treespec, LeafSpec")
    rank_zero = logging.getLogger("lightning.pytorch.utilities.rank_zero")
    rank_zero.addFilter(_is_no_advertisement)


def _is_no_advertisement(record: logging.LogRecord) -> bool:
    return "Tip: For seamless" not in record.getMessage()


def _check_same_network(checkpoint: str, model: SegmentationModule) -> None:
    """Raise InputError where the run to go on with has another network, and say where it goes on."""
    run = load_run(checkpoint)
    if run.network_spec != dict(model.hparams.network):
        raise InputError(
            f"{checkpoint} holds another network ({run.network_spec}); choose another --run, or --resume never."
        )
    print(f"Going on at step {run.step} of {checkpoint}.", flush=True)
