"""The files of one case."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from LesionSegmentationLib.engine.errors import InputError
from LesionSegmentationLib.engine.study import check_channel

SPLITS = ("train", "validate", "calibrate", "test")
_LISTED = 10


@dataclass(frozen=True)
class CaseFiles:
    """One row of a case table: the images of one examination and the mask drawn on them.

    ``id`` is unique in a table; the time points of one patient share ``patient``. ``channels``: an image file or a
    DICOM folder per channel, the first is the reference, on whose grid the mask lies. ``split``: one of SPLITS or None
    (not yet dealt out). ``mask_values``: every value the mask may hold; ``lesion_values``: those that mean lesion.
    ``other_masks``: masks of further raters by name. Raises InputError for a row that contradicts itself.
    """

    id: str
    patient: str
    channels: dict[str, Path]
    mask: Path
    split: str | None = None
    mask_values: tuple[int, ...] = (0, 1)
    lesion_values: tuple[int, ...] = (1,)
    other_masks: dict[str, Path] = field(default_factory=dict)

    def __post_init__(self):
        if not self.id or not self.patient:
            raise InputError(f"The case with the mask {self.mask.name} has no id or no patient; give it one.")
        if not self.channels:
            raise InputError(f"Case {self.id} has no image; name at least one channel, such as flair.")
        for channel, path in self.channels.items():
            check_channel(channel, path.name)
        if self.split is not None and self.split not in SPLITS:
            raise InputError(f"Case {self.id} has the split '{self.split}'; the known ones are {', '.join(SPLITS)}.")
        if not self.mask_values:
            raise InputError(f"Case {self.id} does not declare the values of its mask; write them, such as 0 1.")
        stray = sorted(set(self.lesion_values) - set(self.mask_values))
        if stray or not self.lesion_values:
            raise InputError(
                f"Case {self.id} has the lesion values {_numbers(self.lesion_values)} and the mask values "
                f"{_numbers(self.mask_values)}; every lesion value must be a mask value, and there must be one."
            )

    @property
    def files(self) -> list[Path]:
        """Every path of the case: channels, mask, other masks."""
        return [*self.channels.values(), self.mask, *self.other_masks.values()]


def check_ids(cases: Iterable[CaseFiles], source: str) -> None:
    """Raise InputError, naming ``source``, when two cases have one id."""
    twice = [name for name, count in Counter(case.id for case in cases).items() if count > 1]
    if twice:
        raise InputError(f"{source} holds the id {', '.join(twice[:_LISTED])} more than once; ids must be unique.")


def check_files(cases: Iterable[CaseFiles], source: str) -> None:
    """Raise one InputError, naming ``source``, that lists the files which do not exist (up to ten of them)."""
    absent = dict.fromkeys(str(path) for case in cases for path in case.files if not path.exists())
    if absent:
        listed = ", ".join(list(absent)[:_LISTED]) + (", ..." if len(absent) > _LISTED else "")
        count = f"{len(absent)} files that do not exist" if len(absent) > 1 else "a file that does not exist"
        raise InputError(f"{source} names {count}: {listed}; correct the paths (they start at the table's folder).")


def _numbers(values: Iterable[int]) -> str:
    return " ".join(str(value) for value in values) or "(none)"
