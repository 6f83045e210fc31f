"""What is minimised: cross-entropy, which keeps probabilities calibratable, plus a soft Tversky term."""

from __future__ import annotations

import torch
from torch.nn import functional


def tversky_loss(logits: torch.Tensor, target: torch.Tensor, alpha: float, beta: float) -> torch.Tensor:
    """1 - TP / (TP + alpha FP + beta FN) with soft counts over the whole batch (Salehi et al. 2017, eq. 3).

    Sums over the batch, not per patch: a patch without lesions would otherwise ask for a ratio of nothing.
    """
    probability = torch.sigmoid(logits.float())
    true_positive = (probability * target).sum()
    false_positive = probability.sum() - true_positive
    false_negative = target.sum() - true_positive
    return 1 - (true_positive + 1) / (true_positive + alpha * false_positive + beta * false_negative + 1)


def training_loss(logits: torch.Tensor, target: torch.Tensor, weights: dict) -> torch.Tensor:
    """Weighted sum of both terms; ``weights``: cross_entropy, tversky, alpha (of FP), beta (of FN)."""
    cross_entropy = functional.binary_cross_entropy_with_logits(logits.float(), target)
    overlap = tversky_loss(logits, target, weights["alpha"], weights["beta"])
    return weights["cross_entropy"] * cross_entropy + weights["tversky"] * overlap
