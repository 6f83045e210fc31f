"""The loss of a network whose head takes the setting: one training for all of alpha and beta."""

from __future__ import annotations

import math

import torch
from torch import nn
from torch.nn.functional import softplus

from LesionSegmentationLib.engine.errors import InputError

from .cross_entropy import CrossEntropyLoss
from .tversky import TverskyLoss


class ConditionedTverskyLoss(nn.Module):
    """Tversky's loss at a setting drawn for every step, of the logit a + softplus(s) log(rho), rho = beta / alpha.

    Logits (batch, 3, ...): a, s and the logit of a posterior, which cross-entropy teaches, ``posterior`` times, so that
    figures can be expected from it. Since softplus(s) > 0 the sets over rho are nested.

    lowest, highest: range of rho; log(rho) is drawn evenly, from torch's generator; in evaluation rho is 1.
    """

    def __init__(self, lowest: float = 0.2, highest: float = 20.0, posterior: float = 25.0) -> None:
        super().__init__()
        if not 0 < lowest < highest < math.inf:
            raise InputError(f"lowest={lowest}, highest={highest} is no range of rho; both are above 0, in this order.")
        if posterior < 0:
            raise InputError(f"posterior={posterior} must not be negative.")
        self.lowest, self.highest, self.posterior = lowest, highest, posterior
        self.cross_entropy = CrossEntropyLoss()

    def forward(self, logits: torch.Tensor, target: torch.Tensor, weight: torch.Tensor | None = None) -> torch.Tensor:
        """Scalar loss; logits (batch, 3, ...), target and weight (batch, 1, ...)."""
        if logits.shape[1] != 3:
            raise InputError(
                f"conditioned_tversky wants a network of 3 outputs, not {logits.shape[1]}; set model.network.outputs."
            )
        log_rho = self._log_rho() if self.training else 0.0
        exact = logits if logits.dtype == torch.float64 else logits.float()
        a, s, posterior = exact.split(1, dim=1)
        rho = math.exp(log_rho)
        tversky = TverskyLoss(1 / (1 + rho), rho / (1 + rho))(a + softplus(s) * log_rho, target, weight)
        return tversky + self.posterior * self.cross_entropy(posterior, target, weight)

    def _log_rho(self) -> float:
        share = float(torch.rand(()))
        return math.log(self.lowest) + share * (math.log(self.highest) - math.log(self.lowest))


def rho_range(loss: nn.Module) -> tuple[float, float] | None:
    """(lowest, highest) rho that ``loss``, or a term of it, draws from; None for a loss of one output."""
    for term in getattr(loss, "losses", [loss]):
        if isinstance(term, ConditionedTverskyLoss):
            return term.lowest, term.highest
    return None
