"""Which volume of the scene is which channel, by its name and its DICOM description."""

import re

PATTERNS = {
    "flair": r"flair",
    "t1c": r"t1.?(c([^a-z]|$)|ce|post|gd|\+c)|post.?(gd|contrast)",
    "t1": r"(^|[^a-z0-9])t1|mprage|tfl3d|(^|[^a-z])(bravo|fspgr|spgr)([^a-z]|$)",
    "t2": r"(^|[^a-z0-9])t2(?!.*flair)",
    "pd": r"(^|[^a-z0-9])pd([^a-z]|$)|proton",
    "ct": r"(^|[^a-z0-9])ct([^a-z0-9]|$)",
}
# What a match of these speaks against: a wrong guess would be worse than none.
_RIVALS = {"t1": ("flair", "t1c"), "t2": ("flair", "pd"), "t1c": ("flair",), "pd": ("flair",), "ct": ("flair",)}


def guessChannel(channel, names):
    """Return the one of ``names`` that looks like ``channel``, or None if none or several do.

    ``names``: texts, or a dictionary of what is to be returned, each with its texts (name, series description).
    """
    texts = names if isinstance(names, dict) else {name: (name,) for name in names}
    matching = [
        key
        for key, said in texts.items()
        if _matches(channel, said) and not any(_matches(rival, said) for rival in _RIVALS.get(channel, ()))
    ]
    return matching[0] if len(matching) == 1 else None


def channelOf(texts, default="flair"):
    """Return the channel that the ``texts`` of a volume (name, series description) tell, ``default`` where none."""
    told = [channel for channel in PATTERNS if guessChannel(channel, {0: texts}) is not None]
    return told[0] if told else default


def _matches(channel, texts):
    pattern = PATTERNS.get(channel)
    return pattern is not None and any(re.search(pattern, text.lower()) for text in texts)
