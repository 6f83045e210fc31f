"""Every loss by name.

``build_loss({"name": "tversky", "alpha": 0.3, "beta": 0.7})`` gives a module ``loss(logits, target, weight=None)``.
Everywhere alpha weighs false positives and beta weighs false negatives, logits are (batch, channels, 1 to 3 space
axes), and ``weight`` is a map of one weight per voxel (see ``lesion_weights``). See :mod:`voxels` for the shapes.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping

from torch import nn

from LesionSegmentationLib.engine.errors import InputError
from LesionSegmentationTraining.losses.conditioned import ConditionedTverskyLoss
from LesionSegmentationTraining.losses.cross_entropy import CrossEntropyLoss, PredictedWeightCrossEntropyLoss
from LesionSegmentationTraining.losses.focal import FocalLoss
from LesionSegmentationTraining.losses.generalized_dice import GeneralizedDiceLoss
from LesionSegmentationTraining.losses.lovasz import LovaszHingeLoss, LovaszSoftmaxLoss
from LesionSegmentationTraining.losses.squared_dice import AsymmetricSimilarityLoss, SquaredDiceLoss
from LesionSegmentationTraining.losses.tversky import (
    DiceLoss,
    FBetaLoss,
    FocalTverskyLoss,
    JaccardLoss,
    TverskyLoss,
)
from LesionSegmentationTraining.losses.weighted_sum import WeightedSum

LOSSES: dict[str, Callable[..., nn.Module]] = {
    "tversky": TverskyLoss,
    "fbeta": FBetaLoss,
    "focal_tversky": FocalTverskyLoss,
    "dice": DiceLoss,
    "jaccard": JaccardLoss,
    "squared_dice": SquaredDiceLoss,
    "asymmetric_similarity": AsymmetricSimilarityLoss,
    "generalized_dice": GeneralizedDiceLoss,
    "lovasz_hinge": LovaszHingeLoss,
    "lovasz_softmax": LovaszSoftmaxLoss,
    "cross_entropy": CrossEntropyLoss,
    "predicted_weight_cross_entropy": PredictedWeightCrossEntropyLoss,
    "focal": FocalLoss,
    "conditioned_tversky": ConditionedTverskyLoss,
}


def build_loss(spec: Mapping) -> nn.Module:
    """Make the loss that ``spec`` names: {"name": ..., further arguments of that loss}.

    {"name": "sum", "terms": [{"name": ..., ..., "factor": 25.0}, ...]} adds losses up; factor is 1 where not given.
    Raises InputError for a name that is not known (it lists the known ones) and for an argument the loss has not.
    """
    if not isinstance(spec, Mapping) or "name" not in spec:
        raise InputError(f"A loss is a mapping with a 'name', not {spec!r}; for example {{'name': 'dice'}}.")
    arguments = dict(spec)
    name = arguments.pop("name")
    if name == "sum":
        return _build_sum(arguments)
    if name not in LOSSES:
        raise InputError(f"There is no loss {name!r}; the known ones are {', '.join(sorted(LOSSES))} and sum.")
    allowed = list(inspect.signature(LOSSES[name]).parameters)
    for argument in arguments:
        if argument not in allowed:
            raise InputError(
                f"The loss {name!r} has no argument {argument!r}; it has {', '.join(allowed) if allowed else 'none'}."
            )
    return LOSSES[name](**arguments)


def _build_sum(arguments: dict) -> WeightedSum:
    terms = arguments.pop("terms", None)
    if arguments:
        raise InputError(f"The loss 'sum' has no argument {next(iter(arguments))!r}; it has terms.")
    if not terms:
        raise InputError("The loss 'sum' needs 'terms', a list of losses, each with a 'factor'.")
    factors = [term.get("factor", 1.0) for term in terms]
    losses = [build_loss({key: value for key, value in term.items() if key != "factor"}) for term in terms]
    return WeightedSum(losses, factors)
