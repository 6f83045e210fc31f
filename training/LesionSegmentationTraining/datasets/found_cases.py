"""What a reader of a folder layout finds on its way."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path

from LesionSegmentationLib.engine.errors import InputError

from .case_files import CaseFiles, check_ids

_log = logging.getLogger(__name__)
_LISTED = 10


class FoundCases:
    """Collects the cases of ``layout`` in ``folder``: those without a mask or an image are skipped, counted and said.

    ``folder`` must exist, else InputError.
    """

    def __init__(self, layout: str, folder: str | Path):
        self.layout, self.folder = layout, Path(folder)
        self.cases: list[CaseFiles] = []
        self.skipped: dict[str, str] = {}
        if not self.folder.is_dir():
            raise InputError(f"The folder {self.folder} does not exist; name the one that the {layout} data lie in.")

    def add(
        self, id: str, patient: str, channels: Mapping[str, Path | None], mask: Path | None, *,
        other_masks: Mapping[str, Path | None] | None = None, **fields,
    ) -> None:  # fmt: skip
        """Add a case, with the channels and masks that are there (not None); ``fields`` as of CaseFiles."""
        channels = {channel: path for channel, path in channels.items() if path is not None}
        others = {rater: path for rater, path in (other_masks or {}).items() if path is not None}
        if mask is None or not channels:
            return self.skip(id, "no mask" if mask is None else "no image")
        self.cases.append(CaseFiles(id, patient, channels, mask, other_masks=others, **fields))

    def skip(self, id: str, reason: str) -> None:
        """Leave the case out; ``reason``: what it has or lacks, such as "no mask"."""
        self.skipped[id] = reason

    def finish(self, expected: str) -> list[CaseFiles]:
        """Answer the cases in the order found; what was skipped is logged as a warning.

        Raises InputError, which says what was ``expected``, when there is none, or when two have one id.
        """
        for reason in dict.fromkeys(self.skipped.values()):
            ids = [id for id, why in self.skipped.items() if why == reason]
            listed = ", ".join(ids[:_LISTED]) + (", ..." if len(ids) > _LISTED else "")
            _log.warning(
                "%s in %s: %d of %d cases were skipped, they have %s: %s",
                self.layout, self.folder, len(ids), len(self.cases) + len(self.skipped), reason, listed,
            )  # fmt: skip
        if not self.cases:
            reasons = ", ".join(dict.fromkeys(self.skipped.values()))
            without = f" ({len(self.skipped)} cases were skipped, they have {reasons})" if self.skipped else ""
            raise InputError(
                f"The folder {self.folder} holds no usable case of the layout {self.layout}{without}; expected are "
                f"files such as {expected}."
            )
        check_ids(self.cases, str(self.folder))
        return self.cases


def first_of(folder: Path, *names: str) -> Path | None:
    """The first file of ``names`` in ``folder``, each also tried as .nii or .nii.gz, whichever it is not."""
    for name in names:
        stem = name.removesuffix(".gz").removesuffix(".nii")
        endings = (name,) if stem == name else (name, f"{stem}.nii.gz", f"{stem}.nii")
        for ending in endings:
            if (folder / ending).is_file():
                return folder / ending
    return None
