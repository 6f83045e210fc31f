"""What the follow-up section says, as text: no widgets here, so that wording is tested without Qt."""

from slicer.i18n import tr as _

from ..engine.lesion_changes import CLASSES, GONE, GROWN, NEW, SHRUNK, UNCHANGED

# Where each stage begins on the progress bar, in percent; about what it takes of a run.
STAGE_STARTS = {"read": 0, "register": 10, "resample": 88, "write": 96}


def changeText(change):
    """What a class of change is called."""
    return {
        NEW: _("new"),
        GROWN: _("grown"),
        SHRUNK: _("shrunk"),
        GONE: _("gone"),
        UNCHANGED: _("unchanged"),
    }[change]


def lesionsText(change):
    """How many separate lesions a change is before and after, and what that means."""
    text = _("{earlier} → {later}").format(earlier=change.earlier_lesions, later=change.later_lesions)
    word = {"split": _("split"), "merged": _("merged"), "regrouped": _("regrouped")}.get(change.grouping)
    return text if word is None else _("{counts}, {word}").format(counts=text, word=word)


def summaryText(followUp):
    """How many lesions became what, both volumes, and at which level and limits."""
    counts = [
        _("{count} {change}").format(count=number, change=changeText(name))
        for name in CLASSES
        if (number := followUp.summary()[name])
    ]
    if not counts:
        return _("No lesion in either study at this setting.")
    figures = followUp.summary()
    text = _("{counts}. {before:.2f} ml before, {after:.2f} ml after.").format(
        counts=", ".join(counts), before=figures["earlier_ml"], after=figures["later_ml"]
    )
    if figures["threshold"] is not None and not all(followUp.pair.drawn):
        text += " " + _("Both at the common threshold {threshold:.2f}.").format(threshold=figures["threshold"])
    return text
