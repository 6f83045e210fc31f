"""Focal loss (Lin et al. 2017, arXiv 1708.02002, eq. 5). Learns from patches without lesion."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.functional import log_softmax, softplus

from LesionSegmentationLib.engine.errors import InputError
from LesionSegmentationTraining.losses.chunked import voxel_mean


class FocalLoss(nn.Module):
    """Mean over voxels of -weight alpha_t (1 - p_t)^gamma log p_t.

    alpha: weight of the lesion class (of all classes but 0 where there are several), the background's is 1 - alpha;
    None weighs neither. Here alpha does NOT weigh false positives: that is the losses' name for it since Lin et al.
    0.75 is what Shirokikh et al. 2020 found best; the code of Hashemi et al. 2019 has 0.25, which weighs lesions down.
    gamma >= 0: how much easy voxels count less; 0 with alpha None is the cross-entropy.
    """

    def __init__(self, alpha: float | None = 0.75, gamma: float = 2.0) -> None:
        super().__init__()
        if gamma < 0 or (alpha is not None and not 0 <= alpha <= 1):
            raise InputError(f"alpha={alpha}, gamma={gamma} of the focal loss: alpha is in 0..1 and gamma above 0.")
        self.gamma = gamma
        self.lesion, self.background = (1.0, 1.0) if alpha is None else (alpha, 1 - alpha)

    def forward(self, logits: torch.Tensor, target: torch.Tensor, weight: torch.Tensor | None = None) -> torch.Tensor:
        """Scalar loss; shapes as in :func:`voxels.flatten`."""
        return voxel_mean(self._voxel_loss, logits, target, weight)

    def _voxel_loss(self, z: torch.Tensor, g: torch.Tensor) -> torch.Tensor:
        if z.shape[0] == 1:
            of_background = softplus(z)  # -log(1 - p)
            of_lesion = of_background - z  # -log p
            losses = self.lesion * g * torch.exp(-self.gamma * of_background) * of_lesion
            return (losses + self.background * (1 - g) * torch.exp(-self.gamma * of_lesion) * of_background)[0]
        log_p = log_softmax(z, dim=0)
        # 1 - p from below 0 by rounding would have no power.
        losses = -g * (-torch.expm1(log_p)).clamp_min(0) ** self.gamma * log_p
        return self.background * losses[0] + self.lesion * losses[1:].sum(dim=0)
