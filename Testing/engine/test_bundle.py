"""Bundles: written whole, read back, refused with one sentence when something is wrong."""

import json

import pytest
import torch

from bright_model import bright_description, write_bright_model
from LesionSegmentationLib.engine.bundle import BrokenBundle, find_bundle, list_bundles, load_bundle, write_bundle
from LesionSegmentationLib.engine.errors import InputError


@pytest.fixture
def folder(tmp_path):
    return write_bright_model(tmp_path / "bright").folder


def edit(folder, change):
    description = json.loads((folder / "bundle.json").read_text())
    change(description)
    (folder / "bundle.json").write_text(json.dumps(description))


def test_a_bundle_comes_back_as_it_was_written(folder):
    bundle = load_bundle(folder)
    assert (bundle.name, bundle.version) == ("bright", "1.0.0")
    assert bundle.channels == [("flair", True), ("t1", False)]
    network = bundle.network()
    assert not network.training
    assert network.head.weight.item() == 4
    assert not (folder.parent / "bright.partial").exists()


def test_half_precision_weights_run_in_single_precision(tmp_path):
    state = {name: t.half() for name, t in write_bright_model(tmp_path / "a").network().state_dict().items()}
    bundle = write_bundle(tmp_path / "b", bright_description(), state, "card")
    assert all(p.dtype == torch.float32 for p in bundle.network().parameters())


def test_an_existing_bundle_is_not_overwritten(folder):
    with pytest.raises(InputError, match="exists already"):
        write_bright_model(folder)


def test_changed_weights_are_refused(folder):
    weights = folder / "weights.safetensors"
    content = bytearray(weights.read_bytes())
    content[-1] ^= 1
    weights.write_bytes(content)
    with pytest.raises(InputError, match="'bright'.*checksum"):
        load_bundle(folder)


@pytest.mark.parametrize(
    "field", ["name", "version", "channels", "network", "plan", "calibration", "floor", "weights", "schema", "licence"]
)
def test_a_missing_field_is_named(folder, field):
    edit(folder, lambda d: d.pop(field))
    with pytest.raises(InputError, match=f"'bright'.*'{field}'"):
        load_bundle(folder)


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda d: d["network"].update(name="gpt"), "'gpt'.*unknown"),
        (lambda d: d.update(schema=99), "schema 99"),
        (lambda d: d.update(channels=[]), "channel"),
        (lambda d: d["calibration"].update(scale=-1), "scale"),
        (lambda d: d["calibration"].pop("bias"), "calibration.bias"),
        (lambda d: d.update(floor=[[1, 0.2], [2, 0.3]]), "floor"),
        (lambda d: d["weights"].update(file="../elsewhere"), "plain file name|has no"),
        (lambda d: d["weights"].update(file="other.safetensors"), "other.safetensors"),
        (lambda d: d.update(plan="whole"), "'plan'"),
        (lambda d: d["plan"].update(spacing_mm=[1, 1]), "spacing_mm"),
        (lambda d: d["plan"].update(spacing_mm=[0, 1, 1]), "spacing_mm"),
        (lambda d: d["plan"].update(tile=[96, 96]), "tile"),
        (lambda d: d["plan"].update(tile=[1, 1, 1]), "tile"),
        (lambda d: d["plan"].update(spacing_tolerance="x"), "spacing_tolerance"),
        (lambda d: d["calibration"].update(scale=None), "scale"),
        (lambda d: d["calibration"].update(scale=float("nan")), "scale"),
        (lambda d: d["calibration"].update(bias="x"), "bias"),
        (lambda d: d["weights"].update(file=3), "plain file name"),
        (lambda d: d["network"].update(name=["unet"]), "unknown"),
    ],
)
def test_wrong_entries_are_named(folder, change, words):
    edit(folder, change)
    with pytest.raises(InputError, match=words):
        load_bundle(folder)


def test_weights_of_another_network_are_refused(folder):
    edit(folder, lambda d: d["network"].update(features=[2]))
    with pytest.raises(InputError, match="do not fit"):
        load_bundle(folder).network()


def test_text_that_is_no_json_is_refused(folder):
    (folder / "bundle.json").write_text("{")
    with pytest.raises(InputError, match="bundle.json of 'bright'"):
        load_bundle(folder)


def test_bundles_are_found_by_name_and_by_folder(folder, monkeypatch):
    monkeypatch.setenv("LESION_SEGMENTATION_MODELS", str(folder.parent))
    assert find_bundle("bright").folder == folder
    assert find_bundle(folder).folder == folder
    with pytest.raises(InputError, match="bright"):
        find_bundle("dark")
    folder.rename(folder.with_name("other"))
    assert find_bundle(folder.with_name("other")).name == "bright"
    with pytest.raises(InputError, match="'other' is called 'bright'"):
        find_bundle("other")
    folder.with_name("other").rename(folder)
    edit(folder, lambda d: d.pop("name"))
    broken = next(bundle for bundle in list_bundles() if bundle.name == "bright")
    assert isinstance(broken, BrokenBundle) and "name" in broken.reason
