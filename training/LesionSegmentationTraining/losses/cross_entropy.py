"""Cross-entropy, and two ways of weighing its positives. All of them learn from patches without lesion."""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.functional import log_softmax, softplus

from LesionSegmentationLib.engine.errors import InputError
from LesionSegmentationTraining.losses.chunked import voxel_mean
from LesionSegmentationTraining.losses.overlap_sums import overlap_sums, processes, sum_over_processes


def missed(z: torch.Tensor, g: torch.Tensor) -> torch.Tensor:
    """-g log p of each voxel, lesion row (1, m) -> (m,)."""
    return (g * softplus(-z))[0]


def false_alarm(z: torch.Tensor, g: torch.Tensor) -> torch.Tensor:
    """-(1 - g) log(1 - p) of each voxel, lesion row (1, m) -> (m,)."""
    return ((1 - g) * softplus(z))[0]


class CrossEntropyLoss(nn.Module):
    """Mean over voxels of weight (-w g log p - (1 - g) log(1 - p)).

    lesion_weight: w, the class-prior form (1: plain cross-entropy; (1 - prior) / prior balances the classes); of
    several classes it is the weight of each class but 0. With the inverse lesion weights as map this is iwCE.
    """

    def __init__(self, lesion_weight: float = 1.0) -> None:
        super().__init__()
        if lesion_weight < 0:
            raise InputError(f"lesion_weight={lesion_weight} of the cross-entropy must not be negative.")
        self.lesion_weight = lesion_weight

    def forward(self, logits: torch.Tensor, target: torch.Tensor, weight: torch.Tensor | None = None) -> torch.Tensor:
        """Scalar loss; shapes as in :func:`voxels.flatten`."""
        return voxel_mean(self._voxel_loss, logits, target, weight)

    def _voxel_loss(self, z: torch.Tensor, g: torch.Tensor) -> torch.Tensor:
        if z.shape[0] == 1:
            if self.lesion_weight == 1:
                return torch.addcmul(softplus(z), z, g, value=-1)[0]  # softplus(z) - z = softplus(-z)
            return self.lesion_weight * missed(z, g) + false_alarm(z, g)
        classes = g * log_softmax(z, dim=0)
        return -classes[0] - self.lesion_weight * classes[1:].sum(dim=0)


class PredictedWeightCrossEntropyLoss(nn.Module):
    """Cross-entropy whose positives are weighed by (N - sum p) / sum p of the prediction (Shirokikh et al. 2020).

    The gradient flows through that weight, as in the authors' code. N and sum p are those of the batch and all
    processes, weighed by the map where there is one. One or two channels.
    """

    def forward(self, logits: torch.Tensor, target: torch.Tensor, weight: torch.Tensor | None = None) -> torch.Tensor:
        """Scalar loss; shapes as in :func:`voxels.flatten`; InputError for three channels and more."""
        if logits.shape[1] > 2:
            raise InputError("The cross-entropy with predicted weight knows lesion and background only; use 'focal'.")
        sums = overlap_sums(logits, target, weight)
        predicted = sums.predicted[0, 0]
        factor = (sums.weight[0, 0] - predicted) / predicted.clamp_min(1e-7)
        # The factor belongs to all processes, so what it multiplies must too: a product is no mean of products.
        of_lesions = sum_over_processes(voxel_mean(missed, logits, target, weight)) / processes()
        return factor * of_lesions + voxel_mean(false_alarm, logits, target, weight)
