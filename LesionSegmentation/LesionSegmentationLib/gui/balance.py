"""The slider's number: balance = log2(beta / alpha), with alpha + beta = 1."""

import math

from ..engine.lesions import find_lesions

LOWEST, HIGHEST = -5.0, 5.0


def balanceOf(alpha, beta):
    """Return the slider position of the weights, the nearest end where they lie beyond it."""
    balance = math.log2(beta / alpha) if beta > 0 else LOWEST
    return min(max(round(balance, 6), LOWEST), HIGHEST)


def weights(balance):
    """Return (alpha, beta), weight of false positives and of false negatives, of a slider position."""
    rho = 2.0**balance
    return 1.0 / (1.0 + rho), rho / (1.0 + rho)


def firstBalanceWithLesion(curve, minimumVolumeMl, minimumDiameterMm=0.0, step=0.02):
    """Return the lowest slider position (a multiple of ``step``) that shows a lesion, or None if none does.

    The sets are nested, so a lesion that is large enough stays so to the right: bisection finds it.
    """

    def hasLesion(index):
        point = curve.at(*weights(LOWEST + index * step))
        return len(find_lesions(curve, point, minimumVolumeMl, minimum_diameter_mm=minimumDiameterMm)) > 0

    low, high = 0, round((HIGHEST - LOWEST) / step)
    if not hasLesion(high):
        return None
    while low < high:
        middle = (low + high) // 2
        if hasLesion(middle):
            high = middle
        else:
            low = middle + 1
    return LOWEST + low * step
