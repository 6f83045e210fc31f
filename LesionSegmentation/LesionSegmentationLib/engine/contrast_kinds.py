"""The kinds of contrast that a head scan can look like, and which of them a channel has to.

Apart from ``tissue_contrast``, which tells them and needs scipy: the panel reads descriptions of models when it opens.
"""

from __future__ import annotations

# What an image can look like, as a person calls it.
KINDS = {"flair": "FLAIR", "t1": "T1", "t2": "T2", "ct": "CT"}
_SHOWS = {**{kind: kind for kind in KINDS}, "t1c": "t1"}


def shows(channel: str) -> str | None:
    """Return what an image of ``channel`` has to look like, a key of KINDS; None where any look will do."""
    return _SHOWS.get(channel)
