"""The Tversky family: Tversky, F_beta, focal Tversky, Dice and Jaccard.

Everywhere alpha weighs FALSE POSITIVES and beta weighs FALSE NEGATIVES (Salehi et al. 2017, arXiv 1706.05721).

A patch without lesion has index 0 whatever is predicted (unless it is smoothed): with ``over="image"`` it has loss 1
and **no gradient**. With ``over="batch"`` its false positives count beside the other patches' lesions, so it is
harmless and even teaches, as long as one patch of the batch has a lesion; a cross-entropy term beside this one
teaches always.
"""

from __future__ import annotations

import torch
from torch import nn

from LesionSegmentationLib.engine.errors import InputError
from LesionSegmentationTraining.losses.overlap_sums import OverlapSums, overlap_sums

# Below this a denominator is nothing: no lesion, and probabilities that have underflowed to 0.
NOTHING = 1e-30


class OverlapLoss(nn.Module):
    """1 - index, averaged over classes (and over images where ``over="image"``).

    over: "batch" (sums over the batch and all processes before the index is formed) or "image".
    background: whether class 0 counts as a class of its own.
    """

    squares = False

    def __init__(self, *, over: str = "batch", background: bool = False) -> None:
        super().__init__()
        if over not in ("batch", "image"):
            raise InputError(f"over={over!r} is neither 'batch' nor 'image'; choose one of them.")
        self.over = over
        self.background = background

    def forward(self, logits: torch.Tensor, target: torch.Tensor, weight: torch.Tensor | None = None) -> torch.Tensor:
        """Scalar loss; shapes as in :func:`voxels.flatten`."""
        sums = overlap_sums(
            logits, target, weight, squares=self.squares, over=self.over, background=self.background
        )  # fmt: skip
        return self.of_index(self.index(sums)).mean()

    def index(self, sums: OverlapSums) -> torch.Tensor:
        """The index of each (image, class), 1 where prediction and target agree."""
        raise NotImplementedError

    def of_index(self, index: torch.Tensor) -> torch.Tensor:
        """The loss of each (image, class)."""
        return 1 - index


class TverskyLoss(OverlapLoss):
    """1 - (TP + s) / (TP + alpha FP + beta FN + s) with soft counts (Salehi et al. 2017, eq. 3 and 4).

    alpha: weight of false positives, beta: of false negatives, both >= 0. smooth: s, in voxels (or in weight where
    there is a weight map); 0 by default, since smoothing changes what is optimal for small lesions.
    """

    def __init__(
        self,
        alpha: float = 0.3,
        beta: float = 0.7,
        *,
        smooth: float = 0.0,
        over: str = "batch",
        background: bool = False,
    ) -> None:
        super().__init__(over=over, background=background)
        if min(alpha, beta, smooth) < 0:
            raise InputError(f"alpha={alpha}, beta={beta}, smooth={smooth}: none may be negative.")
        self.alpha, self.beta, self.smooth = alpha, beta, smooth

    def index(self, sums: OverlapSums) -> torch.Tensor:
        """Tversky's index."""
        of = sums.both + self.alpha * sums.false_positive + self.beta * sums.false_negative + self.smooth
        return (sums.both + self.smooth) / of.clamp_min(NOTHING)


class FBetaLoss(TverskyLoss):
    """Asymmetric similarity loss 1 - F_beta (Hashemi et al. 2019, arXiv 1803.11078, eq. 3); best at fbeta = 1.5.

    F_beta = (1 + B^2) TP / ((1 + B^2) TP + B^2 FN + FP), that is Tversky with alpha = 1 / (1 + B^2) on false
    positives and beta = B^2 / (1 + B^2) on false negatives. fbeta: B >= 0.
    """

    def __init__(
        self, fbeta: float = 1.5, *, smooth: float = 0.0, over: str = "batch", background: bool = False
    ) -> None:
        square = fbeta**2
        super().__init__(1 / (1 + square), square / (1 + square), smooth=smooth, over=over, background=background)
        self.fbeta = fbeta


class DiceLoss(TverskyLoss):
    """Soft Dice loss, 1 - 2 sum p g / (sum p + sum g): Tversky with alpha = beta = 0.5."""

    def __init__(self, *, smooth: float = 0.0, over: str = "batch", background: bool = False) -> None:
        super().__init__(0.5, 0.5, smooth=smooth, over=over, background=background)


class JaccardLoss(TverskyLoss):
    """Soft Jaccard loss, 1 - sum p g / (sum p + sum g - sum p g): Tversky with alpha = beta = 1."""

    def __init__(self, *, smooth: float = 0.0, over: str = "batch", background: bool = False) -> None:
        super().__init__(1.0, 1.0, smooth=smooth, over=over, background=background)


class FocalTverskyLoss(TverskyLoss):
    """(1 - Tversky index)^(1 / gamma) (Abraham and Khan 2019, arXiv 1810.07842, eq. 4; gamma = 4/3 there).

    gamma > 1 favours hard images, most useful with ``over="image"``. The slope is infinite at index 1, so the loss is
    cut off 1e-7 before it.
    """

    def __init__(
        self, alpha: float = 0.3, beta: float = 0.7, gamma: float = 4 / 3, *, smooth: float = 0.0,
        over: str = "batch", background: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(alpha, beta, smooth=smooth, over=over, background=background)
        if gamma <= 0:
            raise InputError(f"gamma={gamma} of the focal Tversky loss must be above 0.")
        self.gamma = gamma

    def of_index(self, index: torch.Tensor) -> torch.Tensor:
        """The power of 1 - index."""
        return (1 - index).clamp_min(1e-7) ** (1 / self.gamma)
