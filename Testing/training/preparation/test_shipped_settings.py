"""The settings that ship are understood: every network, loss, sampler and augmentation in them can be made."""

import pytest
import yaml

from LesionSegmentationLib.engine.bundle import SHIPPED_MODELS, load_bundle
from LesionSegmentationLib.engine.errors import InputError
from LesionSegmentationTraining.export.about import about_from, read_about
from LesionSegmentationTraining.fitting.optimisers import build_optimiser
from LesionSegmentationTraining.fitting.schedules import build_schedule
from LesionSegmentationTraining.losses import build_loss
from LesionSegmentationTraining.networks import build_training_network
from LesionSegmentationTraining.patches import SAMPLERS
from LesionSegmentationTraining.patches.augmentation import build_augmentation

NAMES = [
    "tutorial-fit",
    "ms-flair-fit",
    "ms-flair-trunk",
    "salehi-2017",
    "hashemi-2019",
    "shirokikh-2020",
    "eelbode-2020",
]


@pytest.mark.parametrize("name", NAMES)
def test_the_settings_of_a_fit_can_be_made(pytestconfig, name):
    settings = yaml.safe_load((pytestconfig.rootpath / "training" / "configs" / f"{name}.yaml").read_text())
    model, data = settings["model"], settings["data"]
    network = build_training_network(model["network"])
    build_loss(model["loss"])
    build_optimiser(model["optimiser"], network.parameters())
    assert build_schedule(model["schedule"], 1000)(0) > 0
    assert data["sampler"]["name"] in SAMPLERS
    build_augmentation(data.get("augmentation"))
    assert data["patch"] % network.multiple == 0


def test_the_shipped_model_has_the_range_that_its_description_states(pytestconfig):
    about = read_about(pytestconfig.rootpath / "training" / "configs" / "ms-flair-about.yaml")
    assert about.validated == load_bundle(SHIPPED_MODELS / "ms-flair").description["validated"]


def test_a_range_that_is_none_is_refused():
    with pytest.raises(InputError, match="'validated.highest_lesion_ml' of about.yaml is -1"):
        about_from({"name": "x", "validated": {"highest_lesion_ml": -1}}, "about.yaml")


def test_the_description_of_the_tutorial_is_understood(pytestconfig):
    assert read_about(pytestconfig.rootpath / "training" / "configs" / "tutorial-about.yaml").name == "tutorial"
