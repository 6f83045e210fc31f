"""The score of the ISBI 2015 longitudinal MS lesion challenge (Carass et al., NeuroImage 2017)."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np


def isbi_score(figures: dict, correlation: float | None = None, rater_score: float | None = None) -> float | None:
    """Return SC = DSC/8 + PPV/8 + (1 - LFPR)/4 + LTPR/4 + VC/4, in 0 to 1.

    ``figures``: with ``dice``, ``precision``, ``lesion_fdr``, ``lesion_tpr``. ``correlation``: VC, Pearson's r of the
    volumes over the cases; without it the other four terms times 4/3. ``rater_score``: the raw score between raters,
    after which the answer is 90 SC / rater_score; how the challenge normalises is known from memory only, so that is
    no default. None where a term is not defined.
    """
    terms = [figures[name] for name in ("dice", "precision", "lesion_fdr", "lesion_tpr")]
    if any(term is None for term in terms):
        return None
    dice, precision, false, found = terms
    score = dice / 8 + precision / 8 + (1 - false) / 4 + found / 4
    score = score * 4 / 3 if correlation is None else score + correlation / 4
    return score if rater_score is None else 90 * score / rater_score


def volume_correlation(predicted_ml: Sequence[float], reference_ml: Sequence[float]) -> float | None:
    """Return Pearson's r of two lists of volumes; None below three (two always lie on a line) or without spread."""
    one, two = np.asarray(predicted_ml, float), np.asarray(reference_ml, float)
    if one.size < 3:
        return None
    one, two = one - one.mean(), two - two.mean()
    size = np.sqrt((one**2).sum() * (two**2).sum())
    return float(np.clip((one * two).sum() / size, -1, 1)) if size > 0 else None
