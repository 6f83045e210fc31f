"""Bad input: exit code 2, one clear sentence that names the culprit, and nothing left behind."""

import json
import shutil
import struct

import nibabel
import numpy as np
import pytest

from .conftest import OBLIQUE, contents, head, save


def refused(ran, *words):
    """The last line of stderr is the sentence; the others are progress."""
    assert ran.code == 2, ran.err
    assert ran.out == ""
    sentence = ran.err.splitlines()[-1]
    assert sentence.startswith("lesion-segmentation") and sentence.endswith("."), sentence
    assert "Traceback" not in ran.err and "ITK" not in ran.err
    for word in words:
        assert word in sentence, sentence


def _patched(path, array, changes):
    """An uncompressed NIfTI with bytes of its header replaced: ``{offset: (struct format, values)}``."""
    save(path, array)
    raw = bytearray(path.read_bytes())
    for offset, (kind, values) in changes.items():
        struct.pack_into(f"<{kind}", raw, offset, *values)
    path.write_bytes(raw)


def _missing(path):
    pass


def _no_image(path):
    path.write_text("this is a letter")


def _nothing(path):
    path.write_bytes(b"")


def _flat(path):
    save(path, head()[:, :, 20])


def _series(path):
    save(path, np.stack([head(), head(seed=8)], axis=-1))


def _no_voxels(path):
    _patched(path, head(), {40: ("8h", (3, 0, 52, 40, 1, 1, 1, 1))})


def _one_value(path):
    save(path, np.full((20, 20, 20), 7, np.float32))


def _with(value):
    def write(path):
        image = head()
        image[20, 20, 20] = value
        save(path, image)

    return write


def _singular(path):
    _patched(path, head(), {252: ("2h", (0, 1)), 280: ("12f", (1, 0, 0, 0, 0, 1, 0, 0, 1, 0, 0, 0))})


def _sheared(path):
    sheared = OBLIQUE.copy()
    sheared[:3, 2] += 0.4 * sheared[:3, 0]
    image = nibabel.Nifti1Image(head(), None)
    image.set_qform(None, code=0)
    image.set_sform(sheared, code=1)
    nibabel.save(image, path)


def _cut_short(path):
    save(path, head())
    path.write_bytes(path.read_bytes()[:-5000])


def _mask(path):
    save(path, (head() > 150).astype(np.uint8))


def _empty_folder(path):
    path.mkdir()


IMAGES = [
    _missing,
    _no_image,
    _nothing,
    _flat,
    _series,
    _no_voxels,
    _one_value,
    _with(np.nan),
    _with(np.inf),
    _singular,
]
IMAGES += [_sheared, _cut_short, _mask, _empty_folder]
NAMES = "missing letter nothing 2d 4d no-voxels one-value nan infinite singular sheared cut-short mask empty-folder"


@pytest.mark.parametrize("write", IMAGES, ids=NAMES.split())
@pytest.mark.parametrize("channel", ["flair", "t1"])
def test_an_unusable_image(run, flair, tmp_path, write, channel):
    bad = tmp_path / "folder" if write is _empty_folder else tmp_path / "bad.nii"
    write(bad)
    images = ["--flair", bad] if channel == "flair" else ["--flair", flair, "--t1", bad]
    ran = run("segment", *images, "--model", "bright", "--output", tmp_path / "out")
    refused(ran, bad.name)
    assert not (tmp_path / "out").exists()


def test_qform_and_sform_that_disagree_are_used_and_it_is_said(segment, tmp_path):
    image = nibabel.Nifti1Image(head(), OBLIQUE)
    other = OBLIQUE.copy()
    other[:3, 3] += 12
    image.set_sform(OBLIQUE, code=1)
    image.set_qform(other, code=1)
    nibabel.save(image, tmp_path / "flair.nii.gz")
    ran = segment(tmp_path / "out", image=tmp_path / "flair.nii.gz")
    assert ran.code == 0, ran.err
    note = next(line for line in ran.err.splitlines() if "qform" in line)
    assert "sform was taken" in note
    assert note in json.loads((tmp_path / "out" / "provenance.json").read_text())["notes"]
    found = nibabel.load(tmp_path / "out" / "segmentation.nii.gz").affine
    np.testing.assert_allclose(found, OBLIQUE, atol=1e-4)


def test_channels_that_do_not_overlap(run, flair, tmp_path):
    far = OBLIQUE.copy()
    far[:3, 3] += 500
    save(tmp_path / "t1.nii.gz", head(), far)
    images = ["--flair", flair, "--t1", tmp_path / "t1.nii.gz"]
    ran = run("segment", *images, "--model", "bright", "--output", tmp_path / "out")
    refused(ran, "t1.nii.gz")
    assert not (tmp_path / "out").exists()


def _wrong_checksum(folder, description):
    path = folder / "weights.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"\x01")


def _missing_field(folder, description):
    del description["calibration"]


def _unknown_network(folder, description):
    description["network"]["name"] = "transformer"


def _wrong_floor(folder, description):
    description["floor"] = [[1, 0.1], [2, 0.2]]


def _no_weights(folder, description):
    (folder / "weights.safetensors").unlink()


BROKEN = [(_wrong_checksum, "checksum"), (_missing_field, "'calibration'"), (_unknown_network, "'transformer'")]
BROKEN += [(_wrong_floor, "floor"), (_no_weights, "weights.safetensors")]


@pytest.mark.parametrize("harm, words", BROKEN, ids=lambda value: getattr(value, "__name__", ""))
def test_a_broken_bundle(run, flair, models, tmp_path, harm, words):
    folder = tmp_path / "broken"
    shutil.copytree(models / "bright", folder)
    description = json.loads((folder / "bundle.json").read_text())
    harm(folder, description)
    (folder / "bundle.json").write_text(json.dumps(description))
    ran = run("segment", "--flair", flair, "--model", folder, "--output", tmp_path / "out")
    refused(ran, "broken", words)
    assert not (tmp_path / "out").exists()


def test_an_unknown_model(run, flair, tmp_path):
    ran = run("segment", "--flair", flair, "--model", "nonesuch", "--output", tmp_path / "out")
    refused(ran, "'nonesuch'", "bright")


@pytest.mark.parametrize(
    "options, words",
    [
        (("--alpha", "0", "--beta", "1"), "alpha"),
        (("--alpha", "-0.5", "--beta", "1"), "alpha"),
        (("--alpha", "0.5", "--beta", "-0.1"), "beta"),
        (("--alpha", "nan", "--beta", "1"), "alpha"),
        (("--alpha", "0.5", "--beta", "inf"), "beta"),
        (("--alpha", "0.5"), "beta"),
        (("--beta", "0.5"), "alpha"),
        (("--fbeta", "0"), "F_beta"),
        (("--fbeta", "-1"), "F_beta"),
        (("--threshold", "0"), "threshold"),
        (("--threshold", "1.5"), "threshold"),
        (("--threshold", "nan"), "threshold"),
        (("--fbeta", "1", "--threshold", "0.5"), "exactly one"),
        (("--alpha", "1", "--beta", "1", "--fbeta", "1"), "exactly one"),
        (("--min-volume-ml", "-1"), "volume"),
        (("--min-volume-ml", "nan"), "volume"),
        (("--device", "tpu"), "tpu"),
        (("--device", "cuda:99"), "cuda:99"),
        (("--alpha", "much", "--beta", "1"), "--alpha"),
        (("--colour", "red"), "--colour"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_a_bad_setting(segment, tmp_path, options, words):
    refused(segment(tmp_path / "out", *options), words)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("arguments", [(), ("segment",), ("retune",), ("evaluate",), ("polish",)])
def test_incomplete_commands(run, arguments):
    ran = run(*arguments)
    refused(ran)
    assert len(ran.err.splitlines()) == 1


def test_an_output_folder_that_cannot_be_written_is_noticed_before_anything_is_read(run, tmp_path):
    (tmp_path / "file").write_text("in the way")
    missing = tmp_path / "missing.nii.gz"
    for output in (tmp_path / "file", tmp_path / "file" / "below", tmp_path / ("long" * 100)):
        ran = run("segment", "--flair", missing, "--model", "bright", "--output", output)
        refused(ran, "output folder")
        assert "missing.nii.gz" not in ran.err
    assert contents(tmp_path) == ["file"]


def test_a_result_that_would_overwrite_its_input(segment, flair, tmp_path):
    image = tmp_path / "segmentation.nii.gz"
    shutil.copy(flair, image)
    before = image.read_bytes()
    refused(segment(tmp_path, image=image), "segmentation.nii.gz")
    assert contents(tmp_path) == ["segmentation.nii.gz"] and image.read_bytes() == before


def test_bad_input_leaves_an_old_result_alone(segment, tmp_path):
    assert segment(tmp_path / "out").code == 0
    before = {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()}
    refused(segment(tmp_path / "out", image=tmp_path / "missing.nii.gz"), "missing.nii.gz")
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == before


def test_debug_shows_where(segment, tmp_path):
    ran = segment(tmp_path / "out", "--alpha", "0", "--beta", "1", "--debug")
    assert ran.code == 2 and "Traceback" in ran.err and "InputError" in ran.err
