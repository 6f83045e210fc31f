"""Generalized Dice: one ratio for all classes, each class weighed by the inverse square of its size.

Sudre et al. 2017 (arXiv 1707.03237): 1 - 2 sum_l v_l sum p_l g_l / sum_l v_l sum (p_l + g_l), v_l = 1 / (sum g_l)^2.
One channel means two classes, lesion and background; with the lesion alone v would cancel and leave plain Dice.

A class that is absent has an infinite v; it gets the largest v of the classes present instead. So a patch without
lesion has loss (sum p) / N, whose gradient presses false alarms down. The weights are then divided by sum_l v_l sum
g_l, so that the denominator is never below 1: no smoothing term is needed, and none can outweigh v = 1e-10.
"""

from __future__ import annotations

import torch

from LesionSegmentationLib.engine.errors import InputError
from LesionSegmentationTraining.losses.overlap_sums import OverlapSums, overlap_sums
from LesionSegmentationTraining.losses.tversky import NOTHING, OverlapLoss


class GeneralizedDiceLoss(OverlapLoss):
    """Generalized Dice over all classes, background included.

    form: "sudre" as above, or "shirokikh" (Shirokikh et al. 2020): v_l = 1 / (1 + (sum g_l)^2) and squares in the
    denominator.
    """

    def __init__(self, *, form: str = "sudre", over: str = "batch") -> None:
        super().__init__(over=over, background=True)
        if form not in ("sudre", "shirokikh"):
            raise InputError(f"form={form!r} of the generalized Dice is neither 'sudre' nor 'shirokikh'.")
        self.form = form
        self.squares = form == "shirokikh"

    def index(self, sums: OverlapSums) -> torch.Tensor:
        """Index of each image, (images,)."""
        # Sizes of 1e6 voxels and their inverse squares: float64 on a handful of numbers costs nothing.
        sums = OverlapSums(*(row.double() for row in sums))
        size = sums.reference.detach()
        if self.form == "shirokikh":
            weight = 1 / (1 + size**2)
            of = (weight * (sums.predicted_squared + sums.reference_squared)).sum(dim=1)
            return 2 * (weight * sums.both).sum(dim=1) / of.clamp_min(NOTHING)
        present = size > NOTHING
        finite = torch.where(present, size, torch.inf) ** -2.0
        weight = torch.where(present, finite, finite.amax(dim=1, keepdim=True))
        weight = weight / (weight * size).sum(dim=1, keepdim=True).clamp_min(NOTHING)
        of = (weight * (sums.predicted + sums.reference)).sum(dim=1)
        return 2 * (weight * sums.both).sum(dim=1) / of.clamp_min(NOTHING)

    def forward(self, logits: torch.Tensor, target: torch.Tensor, weight: torch.Tensor | None = None) -> torch.Tensor:
        """Scalar loss; shapes as in :func:`voxels.flatten`; 0 where the weight map is 0 everywhere."""
        sums = overlap_sums(logits, target, weight, squares=self.squares, over=self.over, background=True)
        loss = torch.where(sums.weight.amax(dim=1) > 0, 1 - self.index(sums), 0.0)
        return loss.mean().to(sums.both.dtype)
