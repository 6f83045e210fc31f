"""The running mean of the weights, which is what a run is judged by and what it exports."""

from __future__ import annotations

import torch
from lightning.pytorch.callbacks import WeightAveraging


def share_kept(decay: float, updates: int) -> float:
    """Return the share the mean keeps of itself at its update number ``updates`` (1 is the first).

    The mean starts short, so that a young run is not held back by its random first weights: n / (n + 10), at most
    ``decay``.
    """
    return min(decay, updates / (updates + 10))


class AveragedWeights(WeightAveraging):
    """Exponential moving average of all weights and buffers, one update a step; ``decay``: below 1, about 0.998.

    Lightning's own callback does the work: it validates with the mean, and a checkpoint holds the mean in
    ``state_dict`` and the weights still learning in ``current_model_state``. Three things differ here: the mean starts
    short (:func:`share_kept`), it lives on the device that learns, and the module keeps its learning weights at the
    end, so that a finished run can be given more steps.
    """

    def __init__(self, decay: float):
        def follow(means: list[torch.Tensor], values: list[torch.Tensor], updates: torch.Tensor) -> None:
            if means[0].is_floating_point():
                torch._foreach_lerp_(means, values, 1 - share_kept(decay, int(updates)))
            else:
                torch._foreach_copy_(means, values)

        super().__init__(multi_avg_fn=follow)

    def setup(self, trainer, pl_module, stage: str) -> None:
        """Begin with the weights of the start: counted as 0 they would be replaced by those after the first step."""
        super().setup(trainer, pl_module, stage)
        if stage == "fit":
            self._average_model.n_averaged.fill_(1)

    def on_train_start(self, trainer, pl_module) -> None:
        """Follow the module to its device, to which it moves after ``setup``."""
        self._average_model.to(pl_module.device)

    def on_load_checkpoint(self, trainer, pl_module, checkpoint: dict) -> None:
        """Take both sets of weights for fitting; for anything else the averaged ones are loaded already."""
        if self._average_model is not None:
            super().on_load_checkpoint(trainer, pl_module, checkpoint)

    def on_train_end(self, trainer, pl_module) -> None:
        """Leave the learning weights where they are."""
