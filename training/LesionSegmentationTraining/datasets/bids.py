"""BIDS: a dataset with lesion masks among its derivatives.

Names as in the BIDS specification (bids-specification.readthedocs.io, "Magnetic Resonance Imaging" and "Imaging data
types" of the derivatives): ``sub-01/ses-01/anat/sub-01_ses-01_FLAIR.nii.gz`` (T1w, T1w with ``ce-`` for post-contrast,
T2w, PDw) and ``derivatives/PIPELINE/sub-01/ses-01/anat/sub-01_ses-01_label-lesion_mask.nii.gz``. Sessions are time
points of one patient. Many datasets write the mask's name in a way of their own: ``_dseg``, ``_roi`` and ``_seg`` are
read like ``_mask``, and ``desc-`` is searched for "lesion" like ``label-``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

from LesionSegmentationLib.engine.errors import InputError

from .case_files import CaseFiles
from .found_cases import FoundCases

_CHANNELS = {"FLAIR": "flair", "T1w": "t1", "T2w": "t2", "PDw": "pd", "ct": "ct"}
_MASKS = ("mask", "dseg", "roi", "seg")
_ENTITY = re.compile(r"([a-zA-Z]+)-([a-zA-Z0-9+]+)")


@dataclass(frozen=True)
class _File:
    path: Path
    entities: dict[str, str]
    suffix: str
    pipeline: str | None

    @property
    def case(self) -> tuple[str, str | None]:
        return self.entities["sub"], self.entities.get("ses")

    @property
    def channel(self) -> str | None:
        channel = _CHANNELS.get(self.suffix)
        return "t1c" if channel == "t1" and "ce" in self.entities else channel


def read(
    folder: str | Path,
    pipeline: str | None = None,
    images: str | None = None,
    entities: dict[str, str] | None = None,
    mask_values: list[int] | tuple[int, ...] = (0, 1),
    lesion_values: list[int] | tuple[int, ...] = (1,),
) -> list[CaseFiles]:
    """The cases of the dataset ``folder`` (or of a derivative dataset that holds images and masks together).

    Channels flair, t1, t1c, t2, pd and ct. ``pipeline``: the folder below ``derivatives`` with the masks; any mask in
    it counts, but those of the brain. Without it, masks with "lesion" in their label or desc count. ``images``: the
    pipeline to take images from; by default the dataset itself, and where it has none the masks' own pipeline.
    ``entities``: take only images with these, such as {"run": "1", "desc": "preproc"}. Raises InputError where two
    files fit one channel or mask equally well.
    """
    found = FoundCases("bids", folder)
    files = [file for path in sorted(found.folder.rglob("sub-*.nii*")) if (file := _parse(path, found.folder))]
    masks: dict[tuple, list[_File]] = {}
    scans: dict[tuple, list[_File]] = {}
    for file in files:
        if _is_mask(file, pipeline):
            masks.setdefault(file.case, []).append(file)
        elif file.channel and (entities or {}).items() <= file.entities.items():
            scans.setdefault(file.case, []).append(file)
    for case in sorted({**masks, **scans}, key=lambda case: (case[0], case[1] or "")):
        sub, ses = case
        id = f"sub-{sub}" + (f"_ses-{ses}" if ses else "")
        drawn = _one(masks.get(case, []), id, "lesion mask", "pipeline")
        channels = _images(scans.get(case, []), drawn, images, id)
        mask = drawn and drawn.path
        values = {"mask_values": tuple(mask_values), "lesion_values": tuple(lesion_values)}
        found.add(id, f"sub-{sub}", channels, mask, **values)
    return found.finish("sub-01/anat/sub-01_FLAIR.nii.gz and derivatives/*/sub-01/anat/sub-01_label-lesion_mask.nii.gz")


def _parse(path: Path, folder: Path) -> _File | None:
    name = path.name.removesuffix(".gz").removesuffix(".nii")
    *parts, suffix = name.split("_")
    entities = dict(match.groups() for part in parts if (match := _ENTITY.fullmatch(part)))
    inside = path.relative_to(folder).parts
    if "sub" not in entities or "sourcedata" in inside:
        return None
    pipeline = inside[inside.index("derivatives") + 1] if "derivatives" in inside[:-1] else None
    return _File(path, entities, suffix, pipeline)


def _is_mask(file: _File, pipeline: str | None) -> bool:
    said = (file.entities.get("label", "") + " " + file.entities.get("desc", "")).lower()
    if file.suffix not in _MASKS or "brain" in said:
        return False
    return file.pipeline == pipeline if pipeline is not None else "lesion" in said


def _images(scans: list[_File], mask: _File | None, images: str | None, id: str) -> dict[str, Path]:
    """One image per channel: from the wanted place, and of those in the mask's space where there are some."""
    if images is not None:
        scans = [scan for scan in scans if scan.pipeline == images]
    else:
        own = [scan for scan in scans if scan.pipeline is None]
        scans = own or [scan for scan in scans if mask and scan.pipeline == mask.pipeline]
    channels = {}
    for channel in dict.fromkeys(_CHANNELS.values()) | {"t1c": None}:
        fitting = [scan for scan in scans if scan.channel == channel]
        space = mask.entities.get("space") if mask else None
        same_space = [scan for scan in fitting if scan.entities.get("space") == space]
        chosen = _one(same_space or fitting, id, channel, "images or entities")
        if chosen is not None:
            channels[channel] = chosen.path
    return channels


def _one(files: list[_File], id: str, what: str, option: str) -> _File | None:
    if len(files) > 1:
        raise InputError(
            f"{id} has {len(files)} files that may be its {what} ({files[0].path.name}, {files[1].path.name}); "
            f"choose with the option {option}, or remove one."
        )
    return files[0] if files else None
