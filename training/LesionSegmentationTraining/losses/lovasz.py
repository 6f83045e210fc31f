"""Lovasz extensions of the Jaccard loss, in any number of space axes (Berman et al. 2018, arXiv 1705.08790).

The errors m are sorted downwards and weighed by how much each further error raises the Jaccard loss of the set of
errors so far: sum_i m_(i) (J_i - J_(i-1)), J_i = 1 - (G - lost_i) / (G + false_i). For errors of 0 and 1 that is the
Jaccard loss itself; between them it is its convex closure. With a weight map, sizes of sets are sums of weights.

A patch without lesion has the largest error as its loss, so one voxel learns. ``over="batch"`` sorts a batch (of
this process: sorting does not add up over processes, so gradients are the mean of the processes' own) as one image.
"""

from __future__ import annotations

import torch
from torch import nn
from torch.nn.functional import relu

from LesionSegmentationLib.engine.errors import InputError
from LesionSegmentationTraining.losses.voxels import flatten, rows, sum_type


def lovasz_extension(
    errors: torch.Tensor, lesion: torch.Tensor, weight: torch.Tensor | None
) -> torch.Tensor:  # fmt: skip
    """Lovasz extension of the Jaccard loss at ``errors`` (n,) >= 0, for the true set ``lesion`` (n,) bool.

    weight: (n,) >= 0 or None. Sorting is O(n log n). Scalar, differentiable where no two errors are equal.
    """
    ordered, order = errors.sort(descending=True)
    with torch.no_grad():
        size = torch.ones_like(errors, dtype=torch.float64) if weight is None else weight.double()[order]
        inside = lesion[order]
        lost = torch.cumsum(size * inside, dim=0)
        false = torch.cumsum(size * ~inside, dim=0)
        true = lost[-1]
        jaccard = 1 - (true - lost) / (true + false).clamp_min(1e-30)
        # Errors of weight 0 before any other make no set yet.
        jaccard = torch.where(lost + false > 0, jaccard, 0.0)
        steps = torch.diff(jaccard, prepend=jaccard.new_zeros(1)).to(errors.dtype)
    return torch.dot(ordered, steps)


class _LovaszLoss(nn.Module):
    def __init__(self, over: str = "image") -> None:
        super().__init__()
        if over not in ("batch", "image"):
            raise InputError(f"over={over!r} is neither 'batch' nor 'image'; choose one of them.")
        self.over = over

    def forward(self, logits: torch.Tensor, target: torch.Tensor, weight: torch.Tensor | None = None) -> torch.Tensor:
        """Scalar loss; shapes as in :func:`voxels.flatten`; targets count as lesion from 0.5."""
        voxels = flatten(logits, target, weight)
        z, g = rows(voxels)  # (K, B, n)
        w = None if voxels.weight is None else voxels.weight[:, 0].to(sum_type(logits))
        if self.over == "batch":
            z, g = z.flatten(1)[:, None], g.flatten(1)[:, None]
            w = None if w is None else w.reshape(1, -1)
        images = [self._image(z[:, i], g[:, i], None if w is None else w[i]) for i in range(z.shape[1])]
        return torch.stack(images).mean()

    def _image(self, z: torch.Tensor, lesion: torch.Tensor, weight: torch.Tensor | None) -> torch.Tensor:
        raise NotImplementedError


class LovaszHingeLoss(_LovaszLoss):
    """Errors are the hinge max(0, 1 - z s) of the lesion's logit z, s = 1 in lesions and -1 elsewhere.

    over: "image" (default) or "batch". One or two channels.
    """

    def _image(self, z: torch.Tensor, lesion: torch.Tensor, weight: torch.Tensor | None) -> torch.Tensor:
        if z.shape[0] > 1:
            raise InputError("The Lovasz hinge knows lesion and background only; use 'lovasz_softmax'.")
        return lovasz_extension(relu(1 - torch.where(lesion[0], z[0], -z[0])), lesion[0], weight)


class LovaszSoftmaxLoss(_LovaszLoss):
    """Errors are 1 - p in a class and p outside it, averaged over the classes present.

    One or two channels: the lesion only, present or not. More: class 0 counts where ``background`` is true; an image
    where no counted class is present has the largest error of each as loss. over: "image" (default) or "batch".
    """

    def __init__(self, *, over: str = "image", background: bool = False) -> None:
        super().__init__(over)
        self.background = background

    def _image(self, z: torch.Tensor, lesion: torch.Tensor, weight: torch.Tensor | None) -> torch.Tensor:
        if z.shape[0] == 1:
            p = torch.sigmoid(z)
            if self.background:
                p, lesion = torch.cat([1 - p, p]), torch.cat([~lesion, lesion])
        else:
            p = torch.softmax(z, dim=0)
            if not self.background:
                p, lesion = p[1:], lesion[1:]
        counted = lesion if weight is None else lesion & (weight > 0)
        present = [k for k in range(len(p)) if counted[k].any()] or range(len(p))
        losses = [lovasz_extension(torch.where(lesion[k], 1 - p[k], p[k]), lesion[k], weight) for k in present]
        return torch.stack(losses).mean()
