"""A whole cached case through a network, as at inference."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch

from LesionSegmentationLib.engine.conditioned_score import ConditionedScore
from LesionSegmentationLib.engine.errors import InputError
from LesionSegmentationLib.engine.geometry import Geometry
from LesionSegmentationLib.engine.predict import outside_maps, predict
from LesionSegmentationLib.engine.prepare import Prepared, head_box, head_mask


def case_logits(
    network,
    case,
    tile: tuple[int, int, int] | None = (96, 96, 96),
    channels: Sequence[str | int] | None = None,
    device: str | torch.device = "cpu",
    intensity: dict | None = None,
) -> np.ndarray:
    """Return the fused lesion logits of a cached case, float32 (i, j, k); outside the head far below 0.

    Of a conditioned head they are those of its posterior. The arguments are those of :func:`case_maps`.
    """
    return case_maps(network, case, tile, channels, device, intensity)[-1]


def case_maps(
    network,
    case,
    tile: tuple[int, int, int] | None = (96, 96, 96),
    channels: Sequence[str | int] | None = None,
    device: str | torch.device = "cpu",
    intensity: dict | None = None,
) -> np.ndarray:
    """Return all fused maps of a cached case, float32 (outputs, i, j, k), the lesion logits last; see ``predict``.

    ``case``: patches.Case, or anything with ``image`` (C, i, j, k), already scaled. ``tile``: voxels per axis of one
    forward pass, None for the whole. ``channels``: those to use, by name (then the case tells its ``channels``) or by
    index; the others are set to 0, as for a study that lacks them. ``intensity``: the plan's entry, which decides where
    there is a head. Raises InputError for an unknown channel and for a case without a head.
    """
    image = np.array(case.image, np.float32)
    if channels is not None:
        kept = _indices(case, channels)
        image[[n for n in range(len(image)) if n not in kept]] = 0
    spacing = np.asarray((getattr(case, "facts", None) or {}).get("spacing_mm", (1.0, 1.0, 1.0)), float)
    geometry = Geometry(image.shape[1:], np.diag([*spacing, 1.0]))
    inside = head_mask(np.array(case.image[0], np.float32), intensity)
    crop = head_box(inside, spacing)
    if crop is None:
        raise InputError(f"Case {getattr(case, 'id', '')} shows no head: nothing stands out; leave it out.")
    prepared = Prepared(
        np.ascontiguousarray(image[(slice(None), *crop)]), inside[crop], crop, geometry, geometry, geometry
    )
    outside = np.reshape(np.float32(outside_maps(network)), (-1, 1, 1, 1))
    maps = np.tile(outside, (1, *image.shape[1:]))
    maps[(slice(None), *crop)] = predict(network, prepared, tile, torch.device(device))[0]
    return maps


def case_score(maps: np.ndarray, rho: tuple[float, float] | None) -> ConditionedScore | None:
    """Return the score of the ``maps`` of a conditioned head, as the engine makes it; None where ``rho`` is None.

    ``rho``: (lowest, highest), the range that its loss was given.
    """
    return None if rho is None else ConditionedScore.of_maps(maps[0], maps[1], rho)


def _indices(case, channels: Sequence[str | int]) -> set[int]:
    if all(not isinstance(channel, str) for channel in channels):
        return {int(channel) for channel in channels}
    names = list(case.channels)
    unknown = [channel for channel in channels if channel not in names]
    if unknown:
        raise InputError(f"Case {case.id} has no channel {', '.join(map(str, unknown))}; it has {', '.join(names)}.")
    return {names.index(channel) for channel in channels}
