"""``segment``: every file it writes, on real image files with a tiny real model."""

import csv
import hashlib
import json
import subprocess
import sys

import nibabel
import numpy as np
import pytest
import SimpleITK
from scipy.ndimage import label

from .conftest import LESIONS, OBLIQUE, Ran, contents, head, save

FILES = ["lesions.csv", "operating_curve.csv", "probability.nii.gz", "provenance.json", "segmentation.nii.gz"]
KEYS = (
    "alpha beta threshold lesions volume_ml expected_precision expected_recall expected_dice expected_f2 figures_from "
    "withheld model device seconds"
).split()


def rows(path):
    with path.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_writes_every_file_and_nothing_else(segment, tmp_path):
    ran = segment(tmp_path / "deep" / "result")
    assert ran.code == 0, ran.err
    assert contents(tmp_path / "deep" / "result") == FILES
    assert f"{len(LESIONS)} lesions" in ran.out


def test_segmentation_has_the_exact_grid_of_the_reference(segment, tmp_path, flair):
    assert segment(tmp_path).code == 0
    reference = nibabel.load(flair)
    for name, dtype in (("segmentation", np.uint8), ("probability", np.float32)):
        image = nibabel.load(tmp_path / f"{name}.nii.gz")
        assert image.shape == reference.shape
        assert image.get_data_dtype() == dtype
        np.testing.assert_allclose(image.affine, reference.affine, rtol=0, atol=1e-5)
    mask = nibabel.load(tmp_path / "segmentation.nii.gz").get_fdata()
    assert set(np.unique(mask)) == {0, 1}
    for i, j, k, _ in LESIONS:
        assert mask[i, j, k] == 1


@pytest.mark.parametrize("order", ["RAS", "LPS", "PIR", "ASL"])
def test_voxel_order_makes_no_difference_in_the_patient(segment, tmp_path, flair, order):
    assert segment(tmp_path / "as-is").code == 0
    original = nibabel.load(flair)
    to = nibabel.orientations.ornt_transform(
        nibabel.io_orientation(original.affine), nibabel.orientations.axcodes2ornt(order)
    )
    turned = original.as_reoriented(to)
    nibabel.save(turned, tmp_path / "turned.nii.gz")
    assert segment(tmp_path / "turned", image=tmp_path / "turned.nii.gz").code == 0
    expected = nibabel.load(tmp_path / "as-is" / "segmentation.nii.gz").as_reoriented(to)
    found = nibabel.load(tmp_path / "turned" / "segmentation.nii.gz")
    assert np.array_equal(found.dataobj, expected.dataobj)
    np.testing.assert_allclose(found.affine, turned.affine, rtol=0, atol=1e-4)


def test_lesion_table_counts_what_the_segmentation_shows(segment, tmp_path):
    assert segment(tmp_path).code == 0
    image = nibabel.load(tmp_path / "segmentation.nii.gz")
    components, count = label(np.asarray(image.dataobj), np.ones((3, 3, 3)))
    table = rows(tmp_path / "lesions.csv")
    assert len(table) == count == len(LESIONS)
    sizes = [int(row["voxels"]) for row in table]
    assert sizes == sorted(sizes, reverse=True)
    voxel_ml = abs(np.linalg.det(image.affine[:3, :3])) / 1000
    for row in table:
        peak = tuple(int(row[f"peak_{axis}"]) for axis in "ijk")
        member = components == components[peak]
        assert components[peak] > 0 and int(row["voxels"]) == member.sum()
        assert float(row["volume_ml"]) == pytest.approx(member.sum() * voxel_ml, abs=2e-6)
        centroid = image.affine @ [*np.argwhere(member).mean(axis=0), 1]
        found = [float(row[f"centroid_{way}_mm"]) for way in ("right", "anterior", "superior")]
        np.testing.assert_allclose(found, centroid[:3], atol=0.02)


def test_operating_curve_has_the_setting_of_the_result(segment, tmp_path):
    summary = segment(tmp_path, "--json").summary
    table = rows(tmp_path / "operating_curve.csv")
    assert len(table) == 61
    ratios = [float(row["beta"]) / float(row["alpha"]) for row in table]
    np.testing.assert_allclose(np.log2(ratios), np.linspace(-6, 6, 61), atol=1e-6)
    voxels = [int(row["voxels"]) for row in table]
    assert voxels == sorted(voxels)
    middle = table[30]
    assert (float(middle["alpha"]), float(middle["beta"])) == (0.5, 0.5)
    for name in ("threshold", "volume_ml", "expected_precision", "expected_recall", "expected_dice", "expected_f2"):
        assert float(middle[name]) == pytest.approx(summary[name])
    total = {round(float(r["expected_tp_voxels"]) + float(r["expected_fn_voxels"]), 2) for r in table}
    assert max(total) - min(total) < 0.05


def test_provenance_names_inputs_by_base_name_and_checksum(segment, tmp_path, flair):
    assert segment(tmp_path, "--min-volume-ml", "0.02", "--fbeta", "2").code == 0
    text = (tmp_path / "provenance.json").read_text()
    made = json.loads(text)
    assert made["inputs"]["flair"] == {"name": "flair.nii.gz", "sha256": hashlib.sha256(flair.read_bytes()).hexdigest()}
    assert made["reference"] == "flair" and made["device"] == "cpu"
    assert made["model"]["name"] == "bright" and len(made["model"]["sha256"]) == 64
    assert made["settings"]["stated"] == {"fbeta": 2.0} and made["settings"]["minimum_volume_ml"] == 0.02
    assert made["settings"]["beta"] / made["settings"]["alpha"] == pytest.approx(4)
    assert {"torch", "numpy", "python", "LesionSegmentation"} <= made["versions"].keys()
    assert {"prepare", "predict", "restore"} <= made["seconds"].keys()
    assert str(flair.parent) not in text and str(tmp_path) not in text


def test_json_is_one_object_with_the_agreed_keys(segment, tmp_path):
    ran = segment(tmp_path, "--alpha", "0.3", "--beta", "0.6", "--json")
    assert list(ran.summary) == KEYS and len(ran.out.splitlines()) == 1
    assert ran.summary["alpha"] == 0.3 and ran.summary["beta"] == 0.6 and ran.summary["lesions"] == len(LESIONS)
    assert ran.summary["model"] == "bright 1.0.0" and "calibrated" in ran.summary["figures_from"]


def test_figures_that_are_undefined_are_null(segment, tmp_path):
    ran = segment(tmp_path, "--threshold", "1", "--json")
    assert ran.code == 0, ran.err
    assert ran.summary["lesions"] == 0 and ran.summary["volume_ml"] == 0
    assert ran.summary["expected_precision"] is None and ran.summary["alpha"] is None
    assert rows(tmp_path / "lesions.csv") == []
    assert not np.asarray(nibabel.load(tmp_path / "segmentation.nii.gz").dataobj).any()


def test_minimum_volume_leaves_small_lesions_out(segment, tmp_path):
    everything, fewer = (
        segment(tmp_path, "--json").summary,
        segment(tmp_path, "--min-volume-ml", "0.03", "--json").summary,
    )
    assert 0 < fewer["lesions"] < everything["lesions"] == len(LESIONS)
    assert all(float(row["volume_ml"]) >= 0.03 for row in rows(tmp_path / "lesions.csv"))
    mask = np.asarray(nibabel.load(tmp_path / "segmentation.nii.gz").dataobj)
    assert label(mask, np.ones((3, 3, 3)))[1] == fewer["lesions"]


def test_a_channel_on_another_grid_is_resampled_and_it_is_said(segment, tmp_path):
    t1 = save(tmp_path / "t1.nii.gz", head()[:, :, ::2], OBLIQUE @ np.diag([1, 1, 2, 1]))
    ran = segment(tmp_path / "out", "--t1", t1)
    assert ran.code == 0, ran.err
    assert "t1.nii.gz lies on another grid" in ran.err
    assert any("t1.nii.gz" in note for note in json.loads((tmp_path / "out" / "provenance.json").read_text())["notes"])


def test_a_new_run_replaces_an_old_one_as_a_whole(segment, tmp_path):
    assert segment(tmp_path, "--alpha", "0.9", "--beta", "0.1").code == 0
    (tmp_path / "report.html").write_text("about the first run")
    (tmp_path / "mine.txt").write_text("not ours")
    assert segment(tmp_path).code == 0
    assert contents(tmp_path) == sorted([*FILES, "mine.txt"])


def test_a_failed_write_leaves_the_old_result_as_it_was(segment, tmp_path, monkeypatch):
    from LesionSegmentationLib.engine import result

    assert segment(tmp_path).code == 0
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(result, "write_lesions", full)
    ran = segment(tmp_path, "--threshold", "0.9")
    assert ran.code == 1 and "No space left" in ran.err and "--debug" in ran.err
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_the_real_command_prints_plain_lines_when_nobody_watches(tmp_path, flair):
    command = [sys.executable, "-m", "LesionSegmentationLib.cli", "segment", "--flair", flair, "--model", "bright"]
    done = subprocess.run([*command, "--output", tmp_path, "--json"], capture_output=True, text=True, timeout=120)
    ran = Ran(done.returncode, done.stdout, done.stderr)
    assert ran.code == 0, ran.err
    assert list(ran.summary) == KEYS and len(ran.out.splitlines()) == 1
    assert "\r" not in ran.err and "\x1b" not in ran.err
    assert "Running the network ..." in ran.err.splitlines()


def test_a_dicom_folder_is_read_and_its_patient_stays_unnamed(segment, tmp_path):
    """Ten-bit slices with a patient's name; the result lies on the series' grid."""
    (tmp_path / "series").mkdir()
    image = SimpleITK.GetImageFromArray(head().astype(np.int16).transpose(2, 1, 0))
    image.SetSpacing((0.9, 0.9, 1.2))
    image.SetOrigin((-20, 15, 40))
    writer = SimpleITK.ImageFileWriter()
    writer.KeepOriginalImageUIDOn()
    for k in range(image.GetDepth()):
        cut = image[:, :, k]
        position = "\\".join(f"{x:g}" for x in image.TransformIndexToPhysicalPoint((0, 0, k)))
        tags = {
            "0008|0060": "MR",
            "0008|0018": f"1.2.826.0.1.3680043.2.1125.7.{k + 1}",
            "0010|0010": "Doe^Jane",
            "0020|000d": "1.2.826.0.1.3680043.2.1125.1",
            "0020|000e": "1.2.826.0.1.3680043.2.1125.2",
            "0020|0013": str(k + 1),
            "0020|0032": position,
            "0020|0037": "1\\0\\0\\0\\1\\0",
        }
        for tag, value in tags.items():
            cut.SetMetaData(tag, value)
        writer.SetFileName(str(tmp_path / "series" / f"{k:03}.dcm"))
        writer.Execute(cut)
    ran = segment(tmp_path / "out", image=tmp_path / "series")
    assert ran.code == 0, ran.err
    found = nibabel.load(tmp_path / "out" / "segmentation.nii.gz")
    expected = np.diag([-0.9, -0.9, 1.2, 1])
    expected[:3, 3] = 20, -15, 40
    assert label(np.asarray(found.dataobj), np.ones((3, 3, 3)))[1] == len(LESIONS)
    centre = np.linalg.solve(found.affine, expected @ [*LESIONS[0][:3], 1])
    assert np.asarray(found.dataobj)[tuple(np.round(centre[:3]).astype(int))] == 1
    text = (tmp_path / "out" / "provenance.json").read_text()
    assert json.loads(text)["inputs"]["flair"]["name"] == "series"
    assert "Doe" not in text and "Jane" not in text and str(tmp_path) not in text
