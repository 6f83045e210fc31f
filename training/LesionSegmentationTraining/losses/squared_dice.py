"""Overlap losses with squared denominators, as Shirokikh et al. 2020 (arXiv 2007.10033) use them.

No smoothing: a patch without lesion has index 0, so loss 1 and no gradient with ``over="image"``.
"""

from __future__ import annotations

import torch

from LesionSegmentationTraining.losses.overlap_sums import OverlapSums
from LesionSegmentationTraining.losses.tversky import NOTHING, OverlapLoss


class AsymmetricSimilarityLoss(OverlapLoss):
    """ASL: 1 - (1 + B^2) sum w p g / sum w (B^2 g^2 + p^2), B = 1.5 there.

    Its un-squared form is :class:`tversky.FBetaLoss`. fbeta: B >= 0.
    """

    squares = True

    def __init__(self, fbeta: float = 1.5, *, over: str = "batch", background: bool = False) -> None:
        super().__init__(over=over, background=background)
        self.fbeta = fbeta

    def index(self, sums: OverlapSums) -> torch.Tensor:
        """(1 + B^2) sum w p g / sum w (B^2 g^2 + p^2)."""
        square = self.fbeta**2
        of = square * sums.reference_squared + sums.predicted_squared
        return (1 + square) * sums.both / of.clamp_min(NOTHING)


class SquaredDiceLoss(AsymmetricSimilarityLoss):
    """DL: 1 - 2 sum w p g / sum w (p^2 + g^2) (Milletari et al. 2016, arXiv 1606.04797, eq. 2)."""

    def __init__(self, *, over: str = "batch", background: bool = False) -> None:
        super().__init__(1.0, over=over, background=background)
