"""Patches to learn from and whole cases to be judged by, for Lightning."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import lightning.pytorch as pl
import torch
from lightning.pytorch.utilities import rank_zero_info, rank_zero_warn
from torch.utils.data import DataLoader, Sampler

from LesionSegmentationLib.engine.errors import InputError

from ..patches import Case, PatchBatches, build_sampler, open_caches
from ..patches.patch_batches import finish


class StepNumbers(Sampler):
    """The numbers of the batches of one round: round r has r * steps up to (r + 1) * steps.

    ``rounds_done()`` is asked whenever a round begins. Lightning's own ``set_epoch`` comes too late for a run that goes
    on: by then the workers are making the batches of round 0.
    """

    def __init__(self, steps: int, rounds_done: Callable[[], int]):
        self.steps, self.rounds_done = steps, rounds_done

    def __len__(self) -> int:
        return self.steps

    def __iter__(self) -> Iterator[int]:
        first = self.rounds_done() * self.steps
        return iter(range(first, first + self.steps))


class CaseDataModule(pl.LightningDataModule):
    """Batches from the split "train", whole cases from "validate" and "test".

    Args:
        caches: cache files that ``prepare`` wrote.
        patch: voxels per axis, one number or three.
        batch: patches in a batch, per process.
        sampler: where patches lie, see ``patches.build_sampler``.
        augmentation: see ``patches.augmentation.build_augmentation``; None for none. On a GPU it happens
            there, else in the workers.
        weight: the weight map, see ``patches.PatchBatches``; None for none.
        steps_per_epoch: steps of a round; there is a checkpoint after every round.
        workers: processes that make batches; 0 makes them in the training process.
        seed: of all that is drawn for the batches. Batch n depends on the seed, n and the process's rank only.
        skip_broken: leave out damaged cases, name and count them in a warning, instead of stopping.

    Raises InputError for a cache without training cases.
    """

    def __init__(
        self,
        caches: list[str],
        patch: int | list[int] = 96,
        batch: int = 2,
        sampler: dict[str, Any] = {"name": "hashemi"},  # noqa: B006 - never changed
        augmentation: dict[str, Any] | None = None,
        weight: dict[str, Any] | None = None,
        steps_per_epoch: int = 100,
        workers: int = 1,
        seed: int = 0,
        skip_broken: bool = False,
    ):
        super().__init__()
        self.save_hyperparameters()
        self.tile = (patch,) * 3 if isinstance(patch, int) else tuple(patch)

    def setup(self, stage: str) -> None:
        """Open the caches; cheap, since they are memory-mapped."""
        self.cache = open_caches(self.hparams.caches)
        # a checkpoint remembers who was in which split, so that export can refuse a figure on who was fitted on
        self.hparams["patients"] = {case.patient: case.split for case in self.cache.cases}
        if stage == "fit":
            if not self.cache.split("train"):
                raise InputError(
                    f"There is no training case in {', '.join(map(str, self.hparams.caches))}; "
                    "give at least one case the split 'train' and prepare again."
                )
            if not self.cache.split("validate"):
                rank_zero_info("No case has the split 'validate': the run is not judged on the way, and no best kept.")

    def train_dataloader(self) -> DataLoader:
        """Batches made ahead by the workers."""
        settings = self.hparams
        cases = self.cache.split("train")
        batches = self._batches = PatchBatches(
            cases,
            sampler=build_sampler(settings.sampler, cases, self.tile),
            patch=self.tile,
            batch=settings.batch,
            seed=settings.seed,
            rank=self.trainer.global_rank,
            weight=settings.weight,
            augmentation=settings.augmentation,
            on_device=self._on_gpu,
            skip_broken=settings.skip_broken,
        )
        return DataLoader(
            batches,
            batch_size=None,
            sampler=StepNumbers(settings.steps_per_epoch, self._rounds_done),
            num_workers=settings.workers,
            persistent_workers=settings.workers > 0,
            pin_memory=self._on_gpu,
        )

    @property
    def steps(self) -> int:
        """Optimiser steps of the whole run; -1 for a run without end.

        Lightning's ``estimated_stepping_batches`` would start the workers before the checkpoint is read.
        """
        trainer = self.trainer
        by_rounds = trainer.max_epochs * self.hparams.steps_per_epoch // trainer.accumulate_grad_batches
        limits = [limit for limit in (trainer.max_steps, by_rounds) if limit >= 0]
        return min(limits, default=-1)

    def val_dataloader(self) -> DataLoader | list:
        """The whole cases of the split "validate", one by one; nothing where there are none."""
        return self._whole_cases("validate")

    def test_dataloader(self) -> DataLoader | list:
        """The whole cases of the split "test"."""
        return self._whole_cases("test")

    def transfer_batch_to_device(self, batch: Any, device: torch.device, dataloader_idx: int) -> Any:
        """Move batches; a whole case is read tile by tile and stays where it is."""
        return batch if isinstance(batch, Case) else super().transfer_batch_to_device(batch, device, dataloader_idx)

    def on_after_batch_transfer(self, batch: Any, dataloader_idx: int) -> Any:
        """Resample and augment on the GPU what the workers left for it; without gradients."""
        if not self._on_gpu or isinstance(batch, Case):
            return batch
        with torch.no_grad():
            return finish(batch, self.tile, self._batches.augmentation, self.hparams.weight)

    def _rounds_done(self) -> int:
        return self.trainer.fit_loop.epoch_progress.current.processed

    @property
    def _on_gpu(self) -> bool:
        return self.trainer is not None and self.trainer.strategy.root_device.type == "cuda"

    def _whole_cases(self, split: str) -> DataLoader | list:
        cases = [case for case in self.cache.split(split) if self._is_whole(case)]
        return DataLoader(cases, batch_size=None, collate_fn=_as_it_is) if cases else []

    def _is_whole(self, case: Case) -> bool:
        try:
            case.verify()
        except InputError as error:
            if not self.hparams.skip_broken:
                raise
            rank_zero_warn(f"Left out of '{case.split}': {error}")
            return False
        return True


def _as_it_is(case: Case) -> Case:
    return case
