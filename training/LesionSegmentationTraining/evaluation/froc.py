"""Lesion-level free-response curve: share of lesions found against false positives per image.

After Shirokikh et al. (2020): components of p > 0.5, each scored by its highest probability. Here every image counts in
both axes, also one without any lesion or component; a published bootstrap divided the false positives of four images in
five by the number of all of them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from LesionSegmentationLib.engine.agreement import union_box
from LesionSegmentationLib.engine.errors import InputError

from .lesion_figures import labelled

MISSED = -np.inf


@dataclass(frozen=True, eq=False)
class Findings:
    """What one image contributes. ``lesion_ml``, ``lesion_score`` (K,): size of every reference lesion and the score at
    which it is found (-inf: never); ``false_score`` (M,): scores of the components that touch no lesion.
    """

    lesion_ml: np.ndarray
    lesion_score: np.ndarray
    false_score: np.ndarray

    def to_dict(self) -> dict:
        """Return the findings ready for JSON; a lesion that is never found has the score None."""
        scores = [None if score == MISSED else float(score) for score in self.lesion_score]
        return {"lesion_ml": self.lesion_ml.tolist(), "lesion_score": scores, "false_score": self.false_score.tolist()}

    @classmethod
    def from_dict(cls, entry: dict) -> Findings:
        """Return the findings that :meth:`to_dict` gave."""
        scores = [MISSED if score is None else score for score in entry["lesion_score"]]
        return cls(np.array(entry["lesion_ml"], float), np.array(scores, float), np.array(entry["false_score"], float))


@dataclass(frozen=True, eq=False)
class Froc:
    """A step curve: at ``levels[n]`` (falling) ``false_positives[n]`` per image and ``recall[n]``; starts at (0, 0)."""

    levels: np.ndarray
    false_positives: np.ndarray
    recall: np.ndarray

    def recall_at(self, false_positives: float) -> float:
        """Return the highest recall with at most ``false_positives`` per image."""
        return float(self.recall[np.searchsorted(self.false_positives, false_positives, side="right") - 1])

    def average_recall(self, limit: float = 5.0) -> float:
        """Return the mean of :meth:`recall_at` over 0 to ``limit`` false positives per image, exactly."""
        ends = np.clip(np.append(self.false_positives, limit), 0, limit)
        ends[-1] = limit
        return float((np.diff(ends) * self.recall).sum() / limit)


def findings(
    probability: np.ndarray, reference: np.ndarray, voxel_ml: float, level: float = 0.5, match: str = "highest"
) -> Findings:
    """Match the components of {p > ``level``} of one image with its reference lesions, both 26-connected.

    A component's score is its highest probability; it is false when it touches no lesion. A lesion is found when a
    component touches it (one shared voxel); its score is the highest of those (``match="highest"``, so that it is found
    at exactly the levels at which a kept component touches it) or that of the component with the best Dice with it
    (``match="best_dice"``, as published). Raises InputError for another ``match``.
    """
    if match not in ("highest", "best_dice"):
        raise InputError(f"Lesions are matched by highest or best_dice, not by '{match}'.")
    reference, marked = np.asarray(reference) != 0, probability > level
    box = union_box(marked, reference)
    lesion, lesions = labelled(reference[box])
    component, components = labelled(marked[box])
    score = np.full(components + 1, MISSED)
    inside = component > 0
    np.maximum.at(score, component[inside], probability[box][inside])
    lesion_voxels = np.bincount(lesion.ravel(), minlength=lesions + 1)
    component_voxels = np.bincount(component.ravel(), minlength=components + 1)
    both = (lesion > 0) & inside
    pairs, shared = np.unique(np.stack([lesion[both], component[both]]).astype(np.int64), axis=1, return_counts=True)
    found = np.full(lesions + 1, MISSED)
    if match == "highest":
        np.maximum.at(found, pairs[0], score[pairs[1]])
    else:
        dice = 2 * shared / (lesion_voxels[pairs[0]] + component_voxels[pairs[1]])
        for n in np.lexsort((score[pairs[1]], dice)):  # the best comes last and stays
            found[pairs[0, n]] = score[pairs[1, n]]
    false = np.setdiff1d(np.arange(1, components + 1), pairs[1])
    return Findings(lesion_voxels[1:] * voxel_ml, found[1:], score[false])


def froc(cases: Sequence[Findings], images: int | None = None) -> Froc | None:
    """Return the curve over all ``cases``; None when they hold no lesion.

    ``images``: what false positives are divided by, all cases when left out. Another number reproduces procedures that
    divide the false positives of a part of the images by the number of all.
    """
    images = len(cases) if images is None else images
    hits = np.concatenate([case.lesion_score for case in cases]) if cases else np.zeros(0)
    if not hits.size:
        return None
    false = np.sort(np.concatenate([case.false_score for case in cases]))
    total, hits = hits.size, np.sort(hits[hits > MISSED])
    levels = np.unique(np.concatenate([hits, false]))[::-1]
    counts = [values.size - np.searchsorted(values, levels, side="left") for values in (false, hits)]
    false_positives, recall = (np.concatenate([[0.0], n / whole]) for n, whole in zip(counts, (images, total)))
    return Froc(np.concatenate([[np.inf], levels]), false_positives, recall)


def lesions_at(cases: Sequence[Findings], level: float) -> list[dict]:
    """Return every reference lesion with ``volume_ml`` and whether it is ``found`` at ``level``; for recall_by_size."""
    return [
        {"volume_ml": float(volume), "found": bool(score >= level)}
        for case in cases
        for volume, score in zip(case.lesion_ml, case.lesion_score)
    ]
