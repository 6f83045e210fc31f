"""What the Lesions section says, as text: no widgets here, so that wording is tested without Qt."""

from slicer.i18n import tr as _

from .panel_text import NOTHING


def stateText(state):
    """A decision as the list shows it; an engine state ("undecided", "kept", "rejected", "undecided (merged)")."""
    return {
        "kept": _("kept"),
        "rejected": _("rejected"),
        "undecided (merged)": _("merged?"),
    }.get(state, NOTHING)


def sideText(side):
    """A side of the patient, or nothing where the image does not tell."""
    return {"left": _("left"), "right": _("right"), "middle": _("middle")}.get(side, "")


def betaText(beta):
    return NOTHING if beta is None else _("{value:.2f}").format(value=beta)


def summaryText(lesions, expected=True):
    """How far the reading of engine Lesions is, and, unless that is withheld, what is ``expected`` of what is shown."""
    if not lesions.listed:
        return ""
    states = list(lesions.states.values())
    kept, rejected = states.count("kept"), states.count("rejected")
    text = _("{kept} kept, {rejected} rejected, {undecided} undecided.").format(
        kept=kept, rejected=rejected, undecided=len(states) - kept - rejected
    )
    dice, f2 = lesions.figures.dice, lesions.figures.f2
    if expected and dice is not None:
        text += " " + _("Expected of what is shown: Dice {dice:.2f}, F2 {f2:.2f}.").format(dice=dice, f2=f2)
    if lesions.smaller:
        text += " " + _("Smaller than the smallest size, so not shown: {count}.").format(count=lesions.smaller)
    return text


def allRejectedText(count):
    return _("All {count} lesions at this setting are rejected.").format(count=count)


def resetDecisionsText(count):
    return _(
        "Make all lesions of this result undecided again? Decisions made so far: {count}. "
        "This cannot be undone; notes stay."
    ).format(count=count)


def resetEditsText(count):
    return _("Take back all that was painted and erased by hand ({count} voxels)? This cannot be undone.").format(
        count=count
    )


def tableText(name):
    return _("The shown lesions were written into {name}.").format(name=name)
