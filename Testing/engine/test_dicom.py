"""Folders of DICOM files, as scanners and archives leave them."""

import hashlib

import numpy as np
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import ExplicitVRLittleEndian, MRImageStorage, generate_uid

from grids import affine
from LesionSegmentationLib.engine.errors import InputError
from LesionSegmentationLib.engine.geometry import Geometry
from LesionSegmentationLib.engine.volume import read_mask, read_volume

# Not square, not cubic, turned about all axes: any exchange of axes shows.
SHAPE = (14, 11, 9)
OBLIQUE = affine((14, -9, 23), (0.8, 1.1, 3.2), origin=(-40.125, 61.5, -22.75))
VALUES = np.random.default_rng(5).integers(0, 2000, SHAPE).astype(np.int16)


def write_series(folder, values=VALUES, grid=OBLIQUE, description="AX FLAIR", seed=0, names=None, change=None):
    """Write ``values`` [i, j, k] as one MR file per slice, under names whose order tells nothing.

    ``change(dataset, k)`` may alter a slice; when it returns False the slice is left out.
    """
    folder.mkdir(exist_ok=True)
    lps = np.diag([-1, -1, 1, 1]) @ grid
    spacing = np.linalg.norm(lps[:3, :3], axis=0)
    cosines = lps[:3, :3] / spacing
    series, study, frame = generate_uid(), generate_uid(), generate_uid()
    order = np.random.default_rng(seed).permutation(values.shape[2])
    for k in range(values.shape[2]):
        dataset = Dataset()
        dataset.SOPClassUID, dataset.SOPInstanceUID = MRImageStorage, generate_uid()
        dataset.SeriesInstanceUID, dataset.StudyInstanceUID, dataset.FrameOfReferenceUID = series, study, frame
        dataset.Modality, dataset.SeriesDescription, dataset.SeriesNumber = "MR", description, seed + 1
        dataset.PatientName, dataset.PatientID, dataset.InstanceNumber = "Test^Person", "1", int(order[k]) + 1
        dataset.Rows, dataset.Columns = values.shape[1], values.shape[0]
        dataset.PixelSpacing = [f"{spacing[1]:.8g}", f"{spacing[0]:.8g}"]
        dataset.SliceThickness = f"{spacing[2]:.8g}"
        dataset.ImageOrientationPatient = [f"{c:.12g}" for c in (*cosines[:, 0], *cosines[:, 1])]
        dataset.ImagePositionPatient = [f"{p:.10g}" for p in (lps @ [0, 0, k, 1])[:3]]
        dataset.SamplesPerPixel, dataset.PhotometricInterpretation = 1, "MONOCHROME2"
        dataset.BitsAllocated, dataset.BitsStored, dataset.HighBit, dataset.PixelRepresentation = 16, 16, 15, 1
        dataset.PixelData = np.ascontiguousarray(values[..., k].T).astype("<i2").tobytes()
        if change is not None and change(dataset, k) is False:
            continue
        dataset.file_meta = FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
        dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
        dataset.file_meta.MediaStorageSOPInstanceUID = dataset.SOPInstanceUID
        name = names[k] if names else f"IM{seed}{order[k]:04d}"
        dataset.save_as(folder / name, enforce_file_format=True)
    return folder


@pytest.mark.parametrize("seed", range(3))
def test_an_oblique_series_in_any_order_of_names_is_exact(tmp_path, seed):
    folder = write_series(tmp_path / "flair", seed=seed)
    volume = read_volume(folder)
    np.testing.assert_array_equal(volume.array, VALUES)
    np.testing.assert_allclose(volume.geometry.affine, OBLIQUE, atol=1e-6)
    assert volume.geometry.same_grid(Geometry(SHAPE, OBLIQUE), tolerance_mm=1e-5)
    assert volume.array.flags.c_contiguous and (volume.name, volume.notes) == ("flair", ())
    hashes = sorted(hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir())
    assert volume.sha256 == hashlib.sha256("".join(hashes).encode()).hexdigest()


def test_slices_stacked_against_the_normal_come_in_the_same_place(tmp_path):
    # Feet first or head first: the file order says nothing, the positions all.
    backwards = OBLIQUE.copy()
    backwards[:3, 3] += OBLIQUE[:3, 2] * (SHAPE[2] - 1)
    backwards[:3, 2] *= -1
    volume = read_volume(write_series(tmp_path / "flair", VALUES[..., ::-1], backwards))
    np.testing.assert_array_equal(volume.array, VALUES)
    np.testing.assert_allclose(volume.geometry.affine, OBLIQUE, atol=1e-6)


def test_rescaled_values(tmp_path):
    def rescale(dataset, k):
        dataset.RescaleSlope, dataset.RescaleIntercept, dataset.RescaleType = "2", "-100", "US"

    volume = read_volume(write_series(tmp_path / "flair", change=rescale))
    np.testing.assert_array_equal(volume.array, VALUES * 2.0 - 100)


def test_other_files_in_the_folder_are_passed_over(tmp_path):
    folder = write_series(tmp_path / "flair")
    (folder / "readme.txt").write_text("by courtesy of")
    (folder / "DICOMDIR").write_bytes(b"\0" * 128 + b"DICM" + b"\0" * 50)
    (folder / "deeper").mkdir()
    np.testing.assert_array_equal(read_volume(folder).array, VALUES)


def test_a_mask_as_dicom(tmp_path):
    volume = read_mask(write_series(tmp_path / "mask", (VALUES > 900).astype(np.int16)))
    np.testing.assert_array_equal(volume.array, VALUES > 900)


def test_a_localizer_beside_the_volume_is_left_aside_and_said(tmp_path):
    folder = write_series(tmp_path / "study")
    write_series(folder, VALUES[..., :3], OBLIQUE, "LOCALIZER", seed=7)
    volume = read_volume(folder)
    np.testing.assert_array_equal(volume.array, VALUES)
    (note,) = volume.notes
    assert "'AX FLAIR' with 9 images was taken" in note and "'LOCALIZER' with 3 images" in note


def refused(folder):
    with pytest.raises(InputError) as caught:
        read_volume(folder)
    sentence = str(caught.value)
    assert folder.name in sentence and sentence.endswith(".") and ". " not in sentence and "\n" not in sentence
    return sentence


def test_several_series_are_listed(tmp_path):
    folder = write_series(tmp_path / "study")
    write_series(folder, description="AX T2", seed=1)
    sentence = refused(folder)
    assert "2 DICOM series" in sentence
    assert "'AX FLAIR' with 9 images" in sentence and "'AX T2' with 9 images" in sentence


@pytest.mark.parametrize(("missing", "says"), [((4,), "lacks 1 slice after slice 4"), ((2, 3), "lacks 2 slices")])
def test_missing_slices(tmp_path, missing, says):
    assert says in refused(write_series(tmp_path / "flair", change=lambda _, k: k not in missing))


def test_uneven_slices(tmp_path):
    def shift(dataset, k):
        if k == 5:
            along = (np.diag([-1, -1, 1, 1]) @ OBLIQUE)[:3, 2]
            position = np.array([float(p) for p in dataset.ImagePositionPatient]) + 0.3 * along
            dataset.ImagePositionPatient = [f"{p:.10g}" for p in position]

    assert "spaced unevenly" in refused(write_series(tmp_path / "flair", change=shift))


def test_rounded_positions_are_no_uneven_slices(tmp_path):
    def rounded(dataset, k):
        dataset.ImagePositionPatient = [f"{float(p):.2f}" for p in dataset.ImagePositionPatient]
        dataset.ImageOrientationPatient = [f"{float(c):.6f}" for c in dataset.ImageOrientationPatient]

    volume = read_volume(write_series(tmp_path / "flair", change=rounded))
    assert volume.geometry.same_grid(Geometry(SHAPE, OBLIQUE), tolerance_mm=0.02)


def test_several_images_at_one_place(tmp_path):
    folder = write_series(tmp_path / "dwi")
    uid = []

    def same_series(dataset, k):
        uid.append(dataset.SeriesInstanceUID)

    write_series(folder, change=same_series, names=[f"first{k}" for k in range(9)])

    def join(dataset, k):
        dataset.SeriesInstanceUID = uid[0]

    write_series(folder, VALUES // 2, change=join, names=[f"second{k}" for k in range(9)])
    for path in folder.glob("IM*"):
        path.unlink()
    assert "several images at one place" in refused(folder)


def test_a_tilted_gantry(tmp_path):
    tilted = OBLIQUE.copy()
    tilted[:3, 2] += 0.2 * tilted[:3, 1]
    sentence = refused(write_series(tmp_path / "head", grid=tilted))
    assert "tilted gantry" in sentence and "degrees" in sentence


def test_slices_that_differ_in_direction_or_size(tmp_path):
    def turn(dataset, k):
        if k == 3:
            dataset.ImageOrientationPatient = [1, 0, 0, 0, 1, 0]

    assert "not parallel" in refused(write_series(tmp_path / "turned", change=turn))

    def stretch(dataset, k):
        if k == 3:
            dataset.PixelSpacing = [2, 2]

    assert "differ in size" in refused(write_series(tmp_path / "stretched", change=stretch))

    def unplaced(dataset, k):
        del dataset.ImagePositionPatient

    assert "no position" in refused(write_series(tmp_path / "unplaced", change=unplaced))


def test_one_slice_alone(tmp_path):
    folder = write_series(tmp_path / "flair", VALUES[..., :1])
    assert "single DICOM slice" in refused(folder)
    (path,) = folder.iterdir()
    with pytest.raises(InputError, match=f"{path.name} is a single DICOM slice"):
        read_volume(path)


def test_multi_frame_images_are_refused(tmp_path):
    def two_frames(dataset, k):
        dataset.NumberOfFrames = 2
        dataset.PixelData = dataset.PixelData * 2

    assert "multi-frame" in refused(write_series(tmp_path / "enhanced", VALUES[..., :1], change=two_frames))


def test_a_constant_series(tmp_path):
    assert "value 3" in refused(write_series(tmp_path / "flat", VALUES * 0 + 3))
