"""Which volume of the scene is which channel, by its name."""

import re

PATTERNS = {
    "flair": r"flair",
    "t1": r"(^|[^a-z0-9])t1|mprage|tfl3d",
    "t2": r"(^|[^a-z0-9])t2(?!.*flair)",
}


def guessChannel(channel, names):
    """Return the one name that looks like ``channel`` ("flair", "t1", "t2"), or None if none or several do.

    A wrong guess would be worse than none, so names that also look like FLAIR are no T1 or T2.
    """
    matching = [name for name in names if re.search(PATTERNS[channel], name.lower())]
    if channel != "flair":
        matching = [name for name in matching if not re.search(PATTERNS["flair"], name.lower())]
    return matching[0] if len(matching) == 1 else None
