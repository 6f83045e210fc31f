"""Medical Segmentation Decathlon: ten tasks that describe themselves.

Antonelli et al., Nature Communications 2022;13:4128 (medicaldecathlon.com). Each task is a folder such as
``Task01_BrainTumour`` with ``dataset.json``: ``modality`` ({"0": "FLAIR", "1": "T1w", "2": "t1gd", "3": "T2w"}),
``labels`` ({"0": "background", "1": "edema", ...}), ``training`` ([{"image": "./imagesTr/BRATS_001.nii.gz", "label":
"./labelsTr/BRATS_001.nii.gz"}, ...]) and ``test`` (images without masks). Images of several modalities have four
dimensions; they are taken apart into one file per channel.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import numpy as np
import SimpleITK

from LesionSegmentationLib.engine.errors import InputError
from LesionSegmentationLib.engine.image_checks import check_finite
from LesionSegmentationLib.engine.nifti_file import inspect_nifti
from LesionSegmentationLib.engine.quiet import quiet
from LesionSegmentationLib.engine.volume import from_sitk, write_volume

from .case_files import CaseFiles
from .found_cases import FoundCases

_CHANNELS = {
    "flair": "flair",
    "t1": "t1",
    "t1w": "t1",
    "t1gd": "t1c",
    "t1ce": "t1c",
    "t2": "t2",
    "t2w": "t2",
    "pd": "pd",
    "ct": "ct",
}
_LESION_WORDS = ("tumor", "tumour", "cancer", "edema", "lesion")


def read(
    folder: str | Path,
    work: str | Path | None = None,
    channels: dict[str, str | None] | None = None,
    lesion_labels: list[str] | None = None,
) -> list[CaseFiles]:
    """The training cases of the task in ``folder``, or of every task folder in it.

    ``work``: folder for the channels of four-dimensional images, needed for such a task; files there are used again.
    ``channels``: our channel for each of the task's modality names, None for one to leave out; needed where a name does
    not say ("MRI", "ADC"). ``lesion_labels``: names of the labels that mean lesion (default: those that say tumour,
    cancer, edema or lesion). Raises InputError where the description does not fit.
    """
    found = FoundCases("decathlon", folder)
    tasks = [found.folder] if (found.folder / "dataset.json").is_file() else sorted(found.folder.glob("Task*"))
    for task in (task for task in tasks if (task / "dataset.json").is_file()):
        _read_task(found, task, None if work is None else Path(work), channels or {}, lesion_labels)
    return found.finish("Task01_BrainTumour/dataset.json, imagesTr/BRATS_001.nii.gz and labelsTr/BRATS_001.nii.gz")


def _read_task(found: FoundCases, task: Path, work: Path | None, given: dict, lesion_labels: list[str] | None) -> None:
    name = f"{task.absolute().name}/dataset.json"
    try:
        description = json.loads((task / "dataset.json").read_text(encoding="utf-8"))
        modality = [text for _, text in sorted(description["modality"].items(), key=lambda item: int(item[0]))]
        labels = {int(value): text for value, text in description["labels"].items()}
        training = [(entry["image"], entry["label"]) for entry in description["training"]]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(
            f"{name} cannot be understood ({error!r}); it must hold modality, labels and training."
        ) from error
    channels = [_channel(text, given, name) for text in modality]
    lesions = _lesion_values(labels, lesion_labels, name)
    for image, label in training:
        path, mask = (task / file for file in (image, label))
        id = path.name.removesuffix(".gz").removesuffix(".nii")
        if not path.is_file():
            files = {}
        elif len(modality) == 1:
            files = {channels[0]: path}
        else:
            files = _take_apart(path, channels, work, task.absolute().name)
        drawn = mask if mask.is_file() else None
        found.add(id, id, files, drawn, mask_values=tuple(sorted(labels)), lesion_values=lesions)


def _channel(text: str, given: dict, name: str) -> str | None:
    if text in given:
        return given[text]
    if text.lower() not in _CHANNELS:
        raise InputError(
            f"{name} has the modality '{text}', which is no channel known here; say which one it is, such as "
            f'channels={{"{text}": "t1"}}, or None to leave it out.'
        )
    return _CHANNELS[text.lower()]


def _lesion_values(labels: dict[int, str], wanted: list[str] | None, name: str) -> tuple[int, ...]:
    if wanted is None:
        values = tuple(v for v, text in sorted(labels.items()) if any(word in text.lower() for word in _LESION_WORDS))
    else:
        values = tuple(v for v, text in sorted(labels.items()) if text in wanted)
    missing = [text for text in wanted or [] if text not in labels.values()]
    if missing or not values:
        asked = f"has no label '{missing[0]}'" if missing else "has no label that says tumour, cancer, edema or lesion"
        raise InputError(f"{name} {asked}; its labels are {', '.join(labels.values())} (option lesion_labels).")
    return values


def _take_apart(path: Path, channels: list[str | None], work: Path | None, task: str) -> dict[str, Path]:
    """Write each channel of the four-dimensional ``path`` into ``work``, unless it is there and newer than ``path``."""
    if work is None:
        raise InputError(
            f"{path.name} holds {len(channels)} channels in one file; give a folder for them (option work)."
        )
    stem = path.name.removesuffix(".gz").removesuffix(".nii")
    files = {channel: work / task / f"{stem}_{channel}.nii.gz" for channel in channels if channel is not None}
    if all(file.is_file() and os.path.getmtime(file) >= os.path.getmtime(path) for file in files.values()):
        return files
    header = inspect_nifti(path)
    check_finite(header.not_finite, path.name)
    if len(header.shape) != 4 or header.shape[3] != len(channels):
        size = " x ".join(map(str, header.shape))
        raise InputError(f"{path.name} has the size {size}, but its task names {len(channels)} modalities.")
    with quiet():
        image = SimpleITK.ReadImage(str(path), imageIO="NiftiImageIO")
    (work / task).mkdir(parents=True, exist_ok=True)
    for index, channel in enumerate(channels):
        if channel is not None:
            array, geometry = from_sitk(image[..., index])
            write_volume(files[channel], array.astype(np.float32), geometry)
    return files
