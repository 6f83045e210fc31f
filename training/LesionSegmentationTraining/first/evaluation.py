"""Whole cases through a network as at inference, and how well the answer agrees with the mask."""

from __future__ import annotations

import numpy as np
import torch
from scipy import ndimage

from LesionSegmentationLib.engine.geometry import Geometry
from LesionSegmentationLib.engine.levels import PosteriorRule
from LesionSegmentationLib.engine.operating_curve import OperatingCurve
from LesionSegmentationLib.engine.predict import OUTSIDE_LOGIT, predict
from LesionSegmentationLib.engine.prepare import Prepared, head_box, head_mask

from .cases import Case


def case_logits(network, case: Case, tile: int = 96, with_t1: bool = True) -> np.ndarray:
    """Fused lesion logits of a whole case, float32 (i, j, k); outside the head far below 0."""
    image = np.array(case.image, np.float32)
    if not with_t1:
        image[1] = 0
    geometry = Geometry(case.mask.shape, np.eye(4))
    inside = head_mask(image[0])
    crop = head_box(inside, geometry.spacing) or tuple(slice(0, size) for size in case.mask.shape)
    prepared = Prepared(image[(slice(None), *crop)], inside[crop], crop, geometry, geometry, geometry)
    logits = np.full(case.mask.shape, OUTSIDE_LOGIT, np.float32)
    logits[crop] = predict(network, prepared, (tile,) * 3, torch.device("cpu"))[0]
    return logits


def probability(logits: np.ndarray, scale: float = 1.0, bias: float = 0.0) -> np.ndarray:
    """Calibrated lesion probability of logits: sigmoid(scale x + bias), float32."""
    return 1 / (1 + np.exp(-np.clip(scale * logits + bias, -40, 40), dtype=np.float32))


def agreement_at(posterior: np.ndarray, mask: np.ndarray, betas: list[float], floor: list) -> list[dict]:
    """For alpha = 1 - beta at each of ``betas``: true and expected figures of the optimal set of a 1 mm posterior.

    Dice, precision and recall are None where undefined. Lesion-wise: share of true lesions touched (``lesion_tpr``) and
    share of marked ones that touch none (``lesion_fdr``), 26-connected.
    """
    curve = OperatingCurve(posterior, Geometry(posterior.shape, np.eye(4)), PosteriorRule(floor))
    rows = []
    for beta in betas:
        point = curve.at(1 - beta, beta)
        marked = curve.mask(point)
        figures = point.figures
        rows.append(
            {"beta": beta, "threshold": float(point.threshold), **overlap(marked, mask)}
            | {
                "expected_precision": figures.precision,
                "expected_recall": figures.recall,
                "expected_dice": figures.dice,
            }
        )
    return rows


def overlap(marked: np.ndarray, mask: np.ndarray) -> dict:
    """Agreement of two 1 mm masks; volumes in ml."""
    marked, mask = marked > 0, mask > 0
    both, found, there = int((marked & mask).sum()), int(marked.sum()), int(mask.sum())
    connected = np.ones((3, 3, 3))
    true_numbers, true_count = ndimage.label(mask, connected)
    marked_numbers, marked_count = ndimage.label(marked, connected)
    touched = np.unique(true_numbers[marked & mask]).size
    right = np.unique(marked_numbers[marked & mask]).size
    return {
        "dice": _ratio(2 * both, found + there),
        "precision": _ratio(both, found),
        "recall": _ratio(both, there),
        "volume_ml": found / 1000,
        "true_ml": there / 1000,
        "lesions": marked_count,
        "true_lesions": true_count,
        "lesion_tpr": _ratio(touched, true_count),
        "lesion_fdr": _ratio(marked_count - right, marked_count),
    }


def describe(network, case: Case) -> str:
    """One line: Dice at beta 0.5 and 0.8 and at the fixed threshold 0.5, uncalibrated."""
    posterior = probability(case_logits(network, case))
    rows = agreement_at(posterior, case.mask, [0.5, 0.8], [])
    fixed = overlap(posterior > 0.5, case.mask)["dice"]
    texts = [f"beta {row['beta']} Dice {row['dice'] or 0:.3f} marked {row['volume_ml']:.2f} ml" for row in rows]
    return f"{case.name} ({rows[0]['true_ml']:.2f} ml): {'; '.join(texts)}; fixed 0.5 Dice {fixed or 0:.3f}"


def _ratio(above: float, below: float) -> float | None:
    return above / below if below else None
