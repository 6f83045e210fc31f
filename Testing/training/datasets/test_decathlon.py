"""The Medical Segmentation Decathlon in miniature."""

import json

import numpy as np
import pytest

from LesionSegmentationLib.engine.errors import InputError
from LesionSegmentationLib.engine.prepare import Plan
from LesionSegmentationLib.engine.volume import read_volume
from LesionSegmentationTraining.datasets import read_layout
from LesionSegmentationTraining.datasets.prepare_case import prepare_case

MODALITY = {"0": "FLAIR", "1": "T1w", "2": "t1gd", "3": "T2w"}
LABELS = {"0": "background", "1": "edema", "2": "non-enhancing tumor", "3": "enhancing tumour"}


def describe(tree, task: str, modality: dict, labels: dict, *ids: str) -> None:
    content = {
        "name": task[7:], "description": "made up", "licence": "CC-BY-SA 4.0", "tensorImageSize": "4D",
        "modality": modality, "labels": labels, "numTraining": len(ids), "numTest": 1,
        "training": [{"image": f"./imagesTr/{id}.nii.gz", "label": f"./labelsTr/{id}.nii.gz"} for id in ids],
        "test": ["./imagesTs/unlabelled.nii.gz"],
    }  # fmt: skip
    tree.file(f"{task}/dataset.json").write_text(json.dumps(content))


@pytest.fixture
def tumours(tree):
    """Task01 with one case of four channels."""
    describe(tree, "Task01_BrainTumour", MODALITY, LABELS, "BRATS_001")
    channels = np.stack([tree.head() for _ in range(4)], axis=-1)
    tree.save("Task01_BrainTumour/imagesTr/BRATS_001.nii.gz", channels)
    mask = tree.lesions(3)
    mask[3:5, 3:5, 3:5] = 1
    tree.save("Task01_BrainTumour/labelsTr/BRATS_001.nii.gz", mask)
    tree.channels = channels
    return tree


def test_four_dimensional_images_are_taken_apart(tumours):
    work = tumours.folder / "work"
    (case,) = read_layout("decathlon", tumours.folder, work=work)
    assert (case.id, list(case.channels)) == ("BRATS_001", ["flair", "t1", "t1c", "t2"])
    assert (case.mask_values, case.lesion_values) == ((0, 1, 2, 3), (1, 2, 3))
    for index, path in enumerate(case.channels.values()):
        assert np.array_equal(read_volume(path).array, tumours.channels[..., index])
    prepared = prepare_case(case, Plan(("flair", "t1c")))
    assert prepared.facts["load_ml"] == pytest.approx(0.017)
    stamps = [path.stat().st_mtime_ns for path in case.channels.values()]
    (again,) = read_layout("decathlon", tumours.folder / "Task01_BrainTumour", work=work)
    assert [path.stat().st_mtime_ns for path in again.channels.values()] == stamps


def test_labels_and_channels_can_be_chosen(tumours):
    options = {"work": tumours.folder / "work", "channels": {"T1w": None, "FLAIR": "pd"}}
    (case,) = read_layout("decathlon", tumours.folder, lesion_labels=["enhancing tumour"], **options)
    assert (list(case.channels), case.lesion_values) == (["pd", "t1c", "t2"], (3,))


def test_one_modality_is_read_where_it_lies(tree):
    describe(tree, "Task03_Liver", {"0": "CT"}, {"0": "background", "1": "liver", "2": "cancer"}, "liver_0", "liver_1")
    tree.images("Task03_Liver/imagesTr/liver_0.nii.gz", "Task03_Liver/imagesTr/liver_1.nii.gz")
    tree.masks("Task03_Liver/labelsTr/liver_0.nii.gz", value=2)
    (case,) = read_layout("decathlon", tree.folder)
    assert case.channels == {"ct": tree.folder / "Task03_Liver/imagesTr/liver_0.nii.gz"}
    assert case.lesion_values == (2,)


def test_bad_decathlon_input_has_its_sentences(tumours):
    task = tumours.folder / "Task01_BrainTumour"
    with pytest.raises(InputError, match="BRATS_001.nii.gz holds 4 channels .*option work"):
        read_layout("decathlon", task)
    with pytest.raises(InputError, match="no label 'necrosis'; its labels are background, edema"):
        read_layout("decathlon", task, lesion_labels=["necrosis"])
    describe(tumours, "Task01_BrainTumour", {"0": "FLAIR", "1": "T1w"}, LABELS, "BRATS_001")
    with pytest.raises(InputError, match="24 x 26 x 20 x 4, but its task names 2 modalities"):
        read_layout("decathlon", task, work=tumours.folder / "work")
    describe(tumours, "Task02_Heart", {"0": "MRI"}, {"0": "background", "1": "left atrium"}, "la_003")
    with pytest.raises(InputError, match="modality 'MRI', which is no channel known here"):
        read_layout("decathlon", tumours.folder / "Task02_Heart")
    with pytest.raises(InputError, match="no label that says tumour, cancer, edema or lesion; .* left atrium"):
        read_layout("decathlon", tumours.folder / "Task02_Heart", channels={"MRI": "t1"})
    (task / "dataset.json").write_text('{"modality": {"0": "CT"}}')
    with pytest.raises(InputError, match="Task01_BrainTumour/dataset.json cannot be understood"):
        read_layout("decathlon", task)


def test_a_channel_with_a_voxel_that_is_no_number_is_named(tumours):
    tumours.channels[3, 4, 5, 2] = np.nan
    tumours.save("Task01_BrainTumour/imagesTr/BRATS_001.nii.gz", tumours.channels)
    with pytest.raises(InputError, match="BRATS_001.nii.gz holds 1 voxel that is not a number"):
        read_layout("decathlon", tumours.folder, work=tumours.folder / "work")
