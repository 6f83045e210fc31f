"""What the Tune section says, as text: no widgets here, so that wording is tested without Qt."""

from slicer.i18n import tr as _

from .balance import weights


def weightsText(balance, bestDice=True):
    """The weights of a slider position. ``bestDice``: whether the middle is where the best Dice is expected."""
    alpha, beta = weights(balance)
    text = _("beta = {beta:.2f}, alpha = {alpha:.2f}").format(alpha=alpha, beta=beta)
    return _("{weights} (best Dice expected)").format(weights=text) if bestDice and abs(balance) < 1e-6 else text


def trainedRangeText(balance, score):
    """What is shown where a setting lies beyond those that a conditioned head learnt; "" within. ``score``: or None."""
    if score is None or score.lowest <= 2.0**balance <= score.highest:
        return ""
    low, high = (rho / (1 + rho) for rho in (score.lowest, score.highest))
    return _(
        "The model was trained for settings from beta = {low:.2f} to {high:.2f}; beyond them the nearest trained one "
        "is shown."
    ).format(low=low, high=high)


def measuredTitle(scans):
    return _("Measured, {scans} scans").format(scans=scans) if scans != 1 else _("Measured, 1 scan")


def sourcesText(probabilityMap, comparedName="", editedVoxels=0):
    """Where the figures come from, and what they leave out. ``comparedName``: of the reference, "" without one."""
    if probabilityMap.withheld:
        reasons = " ".join(probabilityMap.withheld)
        parts = [_("Expected figures are withheld: {reasons}").format(reasons=reasons)]
    else:
        fittedOn = probabilityMap.calibration["fitted_on"]
        parts = [_("Expected: from this image, by a model calibrated on {cases}.").format(cases=fittedOn)]
    if probabilityMap.measured is not None:
        parts.append(_("Measured: the mean over scans left out of the training; the model's card says how."))
    if comparedName:
        parts.append(_("True: against {name}, hand edits counted.").format(name=comparedName))
    if editedVoxels:
        parts.append(
            _("{count} voxels painted or erased by hand are kept; list and expected figures do not count them.").format(
                count=editedVoxels
            )
        )
    return " ".join(parts)


def agreementText(counts, millilitres):
    """How the lesions agree with the reference, from engine LesionCounts and the volume of the reference."""
    if counts.reference == 0:
        return _("The reference holds no lesion: all {marked} marked lesions are false.").format(marked=counts.marked)
    return _(
        "Reference: {reference} lesions, {volume:.2f} ml; {found} of them are marked. False among the {marked} marked "
        "lesions: {false}."
    ).format(
        reference=counts.reference, volume=millilitres, found=counts.found, false=counts.false, marked=counts.marked
    )
