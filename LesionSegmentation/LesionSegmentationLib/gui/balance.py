"""The slider's number: balance = log2(beta / alpha), with alpha + beta = 1."""

import math

from ..engine.lesions import find_lesions

LOWEST, HIGHEST = -5.0, 5.0
# Settings with a name, as slider positions, and the names of their buttons. Salehi et al. 2017: alpha 0.3, beta 0.7.
PRESETS = {"strict": -2.0, "balanced": 0.0, "salehi": round(math.log2(0.7 / 0.3), 6), "sensitive": 2.0}


def balanceOf(alpha, beta):
    """Return the slider position of the weights, the nearest end where they lie beyond it."""
    if alpha <= 0 or beta <= 0:
        return LOWEST if beta <= 0 else HIGHEST
    return clamped(math.log2(beta / alpha))


def clamped(balance):
    """Return a slider position within its range, rounded as it is kept."""
    return min(max(round(balance, 6), LOWEST), HIGHEST)


def weights(balance):
    """Return (alpha, beta), weight of false positives and of false negatives, of a slider position."""
    rho = 2.0**balance
    return 1.0 / (1.0 + rho), rho / (1.0 + rho)


def fbetaOf(balance):
    """Return the B of the F_beta score that a slider position is best for: B^2 = beta / alpha."""
    return 2.0 ** (balance / 2)


def balanceOfFbeta(fbeta):
    """Return the slider position of an F_beta score, the nearest end where it lies beyond it."""
    return LOWEST if fbeta <= 0 else clamped(2 * math.log2(fbeta))


def firstBalanceWithLesion(curve, minimumVolumeMl, minimumDiameterMm=0.0, minimumVoxels=0, step=0.02):
    """Return the lowest slider position (a multiple of ``step``) that shows a lesion, or None if none does.

    The sets are nested, so a lesion that is large enough stays so to the right: bisection finds it.
    """

    def hasLesion(index):
        point = curve.at(*weights(LOWEST + index * step))
        return len(find_lesions(curve, point, minimumVolumeMl, minimumVoxels, minimumDiameterMm)) > 0

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
