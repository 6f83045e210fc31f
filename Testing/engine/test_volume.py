"""Image files there and back; nibabel, which shares no code with ITK, says where the voxels are."""

import hashlib
import os
import stat

import nibabel
import numpy as np
import pytest
import SimpleITK
from hypothesis import given, settings

from grids import GRIDS, SCAN, affine, affines
from LesionSegmentationLib.engine.errors import InputError
from LesionSegmentationLib.engine.geometry import Geometry
from LesionSegmentationLib.engine.nifti_file import inspect_nifti
from LesionSegmentationLib.engine.volume import Volume, from_sitk, read_mask, read_volume, to_sitk, write_volume
from real_data import REAL_DATA, needs_real_data

FORMATS = (".nii.gz", ".nii", ".nrrd", ".mha")
MASK = (SCAN > 700).astype(np.uint8)


def nifti(path, array=SCAN, sform=None, sform_code=0, qform=None, qform_code=0):
    """Write ``array`` with nibabel; a form that is left out is absent from the file."""
    image = nibabel.Nifti1Image(array, sform if qform is None else qform)
    image.set_sform(sform, sform_code)
    image.set_qform(qform, qform_code)
    nibabel.save(image, path)
    return path


@pytest.mark.parametrize("name", GRIDS)
@pytest.mark.parametrize("forms", ["sform", "qform", "both"])
def test_nifti_is_read_as_nibabel_reads_it(tmp_path, name, forms):
    grid = GRIDS[name]
    path = nifti(
        tmp_path / "scan.nii.gz",
        sform=None if forms == "qform" else grid,
        sform_code=0 if forms == "qform" else 2,
        qform=None if forms == "sform" else grid,
        qform_code=0 if forms == "sform" else 1,
    )
    volume = read_volume(path)
    oracle = nibabel.load(path)
    np.testing.assert_allclose(volume.geometry.affine, oracle.affine, atol=1e-4)
    np.testing.assert_array_equal(volume.array, np.asarray(oracle.dataobj))
    assert volume.array.flags.c_contiguous and volume.array.dtype == SCAN.dtype
    assert (volume.name, volume.notes) == ("scan.nii.gz", ())
    assert volume.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.parametrize("name", GRIDS)
@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32])
@pytest.mark.parametrize("suffix", FORMATS)
def test_written_files_read_back_the_same(tmp_path, name, dtype, suffix):
    array = (SCAN / 7).astype(dtype)
    grid = Geometry(array.shape, GRIDS[name])
    path = tmp_path / f"out.v1.patient{suffix}"
    write_volume(path, array, grid)
    volume = read_volume(path)
    assert volume.array.dtype == dtype
    np.testing.assert_array_equal(volume.array, array)
    assert volume.geometry.same_grid(grid, tolerance_mm=1e-3)
    np.testing.assert_allclose(volume.geometry.affine, grid.affine, atol=1e-4)
    if suffix.startswith(".nii"):
        oracle = nibabel.load(path)
        np.testing.assert_allclose(oracle.affine, grid.affine, atol=1e-4)
        np.testing.assert_allclose(oracle.get_qform(), grid.affine, atol=1e-3)
        np.testing.assert_array_equal(np.asarray(oracle.dataobj), array)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@settings(deadline=None, max_examples=60)
@given(affines)
def test_any_right_angled_grid_survives_writing(tmp_path_factory, matrix):
    path = tmp_path_factory.getbasetemp() / "any.nii"
    write_volume(path, SCAN, Geometry(SCAN.shape, matrix))
    np.testing.assert_allclose(nibabel.load(path).affine, matrix, atol=1e-4)
    np.testing.assert_allclose(read_volume(path).geometry.affine, matrix, atol=1e-4)


@settings(deadline=None, max_examples=60)
@given(affines)
def test_itk_images_keep_order_and_place(matrix):
    volume = Volume(SCAN, Geometry(SCAN.shape, matrix), "scan")
    image = to_sitk(volume)
    array, geometry = from_sitk(image)
    np.testing.assert_array_equal(array, SCAN)
    np.testing.assert_allclose(geometry.affine, matrix, atol=1e-9)
    lps = np.array(image.TransformContinuousIndexToPhysicalPoint((2.0, 3.0, 4.0)))
    np.testing.assert_allclose(lps * (-1, -1, 1), geometry.world([[2, 3, 4]])[0], atol=1e-9)


@pytest.mark.parametrize("qform_code", range(5))
@pytest.mark.parametrize("sform_code", range(5))
def test_what_is_taken_when_the_forms_disagree_is_what_itk_takes_and_is_said(tmp_path, qform_code, sform_code):
    q, s = affine((3, 0, 0), origin=(5, 6, 7)), affine((0, 0, 4), origin=(5, 6, 9))
    image = nibabel.Nifti1Image(SCAN, None)
    image.header.set_qform(q, qform_code)
    image.header.set_sform(s, sform_code)
    nibabel.save(image, tmp_path / "scan.nii")
    taken = inspect_nifti(tmp_path / "scan.nii").taken
    volume = read_volume(tmp_path / "scan.nii")
    with_itk = from_sitk(SimpleITK.ReadImage(str(tmp_path / "scan.nii")))[1]
    np.testing.assert_array_equal(volume.geometry.affine, with_itk.affine)
    expected = {"qform": q, "sform": s, "neither": np.diag([-1, -1, 1, 1])}[taken]
    np.testing.assert_allclose(volume.geometry.affine, expected, atol=1e-5)
    if qform_code and sform_code:
        (note,) = volume.notes
        assert "scan.nii" in note and f"the {taken} was taken" in note and "mm" in note
    elif taken == "neither":
        assert "left and right may be exchanged" in volume.notes[0]
    else:
        assert volume.notes == ()


def test_forms_that_differ_by_rounding_make_no_note(tmp_path):
    q = affine((3, 0, 0))
    path = nifti(tmp_path / "scan.nii", sform=q + np.eye(4) * 1e-6, sform_code=1, qform=q, qform_code=1)
    assert read_volume(path).notes == ()


def test_a_sheared_template_sform_beside_a_qform_is_left_aside(tmp_path):
    sheared = affine()
    sheared[0, 1] = 0.2
    image = nibabel.Nifti1Image(SCAN, None)
    image.header.set_qform(affine((3, 0, 0)), 1)
    image.header.set_sform(sheared, 4)
    nibabel.save(image, tmp_path / "scan.nii")
    volume = read_volume(tmp_path / "scan.nii")
    np.testing.assert_allclose(volume.geometry.affine, affine((3, 0, 0)), atol=1e-5)
    assert "the qform was taken" in volume.notes[0]


def test_fourth_axes_of_length_one_and_scaled_values(tmp_path):
    path = nifti(tmp_path / "scan.nii", SCAN[..., None], sform=affine(), sform_code=1)
    assert read_volume(path).array.shape == SCAN.shape
    image = nibabel.Nifti1Image(SCAN, affine())
    nibabel.save(image, tmp_path / "scaled.nii")
    # nibabel cannot be told to keep whole numbers and a scale, so the two numbers go where the format has them.
    raw = bytearray((tmp_path / "scaled.nii").read_bytes())
    raw[112:120] = np.array([0.5, 3], "<f4").tobytes()
    (tmp_path / "scaled.nii").write_bytes(raw)
    oracle = nibabel.load(tmp_path / "scaled.nii").get_fdata()
    np.testing.assert_allclose(read_volume(tmp_path / "scaled.nii").array, oracle)


def test_big_endian_nifti(tmp_path):
    image = nibabel.Nifti1Image(SCAN, GRIDS["oblique"], nibabel.Nifti1Header(endianness=">"))
    nibabel.save(image, tmp_path / "scan.nii")
    volume = read_volume(tmp_path / "scan.nii")
    np.testing.assert_array_equal(volume.array, SCAN)
    np.testing.assert_allclose(volume.geometry.affine, GRIDS["oblique"], atol=1e-4)


@pytest.mark.parametrize("dtype", [np.uint8, np.int16, np.float32, np.float64])
@pytest.mark.parametrize("values", ["some", "none", "all"])
def test_masks_of_any_type_become_uint8(tmp_path, dtype, values):
    mask = {"some": MASK, "none": MASK * 0, "all": MASK * 0 + 1}[values]
    path = nifti(tmp_path / "mask.nii.gz", mask.astype(dtype), sform=affine(), sform_code=1)
    volume = read_mask(path)
    assert volume.array.dtype == np.uint8
    np.testing.assert_array_equal(volume.array, mask)


def test_an_interrupted_write_leaves_what_was_there(tmp_path, monkeypatch):
    path = tmp_path / "out.nii.gz"
    grid = Geometry(SCAN.shape, affine())
    write_volume(path, SCAN, grid)
    before = path.read_bytes()
    monkeypatch.setattr(os, "replace", lambda *_: (_ for _ in ()).throw(PermissionError("held open")))
    with pytest.raises(InputError, match="out.nii.gz"):
        write_volume(path, SCAN * 2, grid)
    assert path.read_bytes() == before and [p.name for p in tmp_path.iterdir()] == ["out.nii.gz"]


def test_a_full_disk_is_noticed(tmp_path, monkeypatch):
    # ITK says nothing when the disk is full; the file is then shorter than its header says.
    real = SimpleITK.WriteImage

    def cut(image, name, **options):
        real(image, name, **options)
        os.truncate(name, os.path.getsize(name) // 2)

    monkeypatch.setattr(SimpleITK, "WriteImage", cut)
    for name in ("out.nii.gz", "out.nii"):
        with pytest.raises(InputError, match=name):
            write_volume(tmp_path / name, SCAN, Geometry(SCAN.shape, affine()))
    assert list(tmp_path.iterdir()) == []


def test_where_nothing_can_be_written(tmp_path):
    grid = Geometry(SCAN.shape, affine())
    with pytest.raises(InputError, match="out.nii.gz"):
        write_volume(tmp_path / "absent" / "out.nii.gz", SCAN, grid)
    with pytest.raises(InputError, match="must end in"):
        write_volume(tmp_path / "out.png", SCAN, grid)


@pytest.mark.skipif(os.name == "nt", reason="no permission bits")
def test_written_files_have_the_usual_permissions(tmp_path):
    (tmp_path / "usual").touch()
    write_volume(tmp_path / "out.nii", SCAN, Geometry(SCAN.shape, affine()))
    assert stat.S_IMODE((tmp_path / "out.nii").stat().st_mode) == stat.S_IMODE((tmp_path / "usual").stat().st_mode)


@needs_real_data
def test_real_files():
    paths = sorted(REAL_DATA.glob("ms-real/*-07/*.nii.gz")) + sorted(REAL_DATA.glob("raw-study/*.nii.gz"))
    assert paths
    for path in paths:
        volume = read_mask(path) if "mask" in path.name else read_volume(path)
        oracle = nibabel.load(path)
        np.testing.assert_allclose(volume.geometry.affine, oracle.affine, atol=1e-4)
        np.testing.assert_allclose(volume.array, np.asarray(oracle.dataobj), rtol=1e-6)
        assert volume.notes == ()
