"""Files that cannot be used: each is refused in one sentence that names the file, and nothing else is printed."""

import gzip

import nibabel
import numpy as np
import pytest
import SimpleITK
from scipy import ndimage

from grids import SCAN, affine
from LesionSegmentationLib.engine.errors import InputError
from LesionSegmentationLib.engine.volume import read_mask, read_volume

FLOAT = SCAN.astype(np.float32)


def save(path, array=SCAN, matrix=None, kind=nibabel.Nifti1Image):
    nibabel.save(kind(array, affine() if matrix is None else matrix), path)


def with_voxel(value):
    array = FLOAT.copy()
    array[2, 3, 4] = value
    return array


def sheared(cosine):
    matrix = affine()
    matrix[0, 1] = cosine
    return matrix


def with_both_forms(path, matrix):
    """A sheared or singular sform with a fair qform beside it, which ITK would take without a word."""
    image = nibabel.Nifti1Image(SCAN, None)
    image.header.set_qform(affine(), 1)
    image.header.set_sform(matrix, 1)
    nibabel.save(image, path)


def raw_header(path, offset, value):
    save(path)
    raw = bytearray(path.read_bytes())
    raw[offset : offset + len(value)] = value
    path.write_bytes(raw)


def cut(path, share):
    save(path) if ".nii" in path.name else save_itk(path)
    raw = path.read_bytes()
    path.write_bytes(raw[: int(len(raw) * share)])


def damaged_gzip(path):
    save(path)
    packed = bytearray(path.read_bytes())
    packed[len(packed) // 2] ^= 0xFF
    path.write_bytes(packed)


def save_itk(path, array=SCAN, vector=False, direction=None):
    image = SimpleITK.GetImageFromArray(array, isVector=vector)
    if direction is not None:
        image.SetDirection(np.ravel(direction).tolist())
    SimpleITK.WriteImage(image, str(path))


def mha_with_matrix(path, matrix):
    save_itk(path)
    raw = path.read_bytes()
    path.write_bytes(raw.replace(b"TransformMatrix = 1 0 0 0 1 0 0 0 1", b"TransformMatrix = " + matrix))


SCAN_5D = np.stack([SCAN, SCAN], axis=-1)[..., None, :]
RGB = np.zeros((5, 6, 7), dtype=[("R", "u1"), ("G", "u1"), ("B", "u1")])
SINGULAR = np.diag([1.0, 1, 1, 1])
SINGULAR[:3, 2] = SINGULAR[:3, 1]
THREE_TISSUES = (SCAN // 300).astype(np.int16)
_I, _J, _K = np.indices((44, 40, 36)) // 12
THIRTY_STRUCTURES = (7 * _I + 3 * _J + _K).astype(np.int16) * (_I + _J > 0)

# (file name, what makes it, what the sentence has to say)
BAD_IMAGES = [
    ("missing.nii.gz", lambda p: None, "not found"),
    ("text.nii", lambda p: p.write_text("hello"), "not a NIfTI image"),
    ("long-text.nii.gz", lambda p: p.write_text("hello" * 500), "not a NIfTI image"),
    ("empty-file.nii.gz", lambda p: p.touch(), "not a NIfTI image"),
    ("text.nrrd", lambda p: p.write_text("hello"), "not a readable image"),
    ("text.mha", lambda p: p.write_text("hello"), "not a readable image"),
    ("letter.docx", lambda p: p.write_text("hello"), "not a NIfTI, NRRD or MHA image"),
    ("picture.png", lambda p: save_itk(p, np.zeros((5, 6), np.uint8)), "not a NIfTI, NRRD or MHA image"),
    ("nifti-2.nii.gz", lambda p: save(p, kind=nibabel.Nifti2Image), "NIfTI-2"),
    ("1d.nii", lambda p: save(p, SCAN[0, 0]), "2D slice"),
    ("2d.nii.gz", lambda p: save(p, SCAN[0]), "2D slice"),
    ("one-slice.nii.gz", lambda p: save(p, SCAN[..., :1]), "2D slice"),
    ("2d.mha", lambda p: save_itk(p, SCAN[0]), "2D slice"),
    ("2d.nrrd", lambda p: save_itk(p, SCAN[0]), "2D slice"),
    ("4d.nii.gz", lambda p: save(p, np.stack([SCAN] * 3, axis=-1)), "more than three dimensions"),
    ("5d.nii.gz", lambda p: save(p, SCAN_5D), "more than three dimensions"),
    ("4d.nrrd", lambda p: save_itk(p, np.stack([SCAN] * 3)), "more than three dimensions"),
    ("no-voxels.nii", lambda p: save(p, np.zeros((0, 5, 6), np.int16)), "no voxels"),
    ("zeros.nii.gz", lambda p: save(p, SCAN * 0), "value 0"),
    ("constant.mha", lambda p: save_itk(p, SCAN * 0 + 7), "value 7"),
    ("nan.nii.gz", lambda p: save(p, with_voxel(np.nan)), "1 voxel that is not a number"),
    ("all-nan.nii.gz", lambda p: save(p, FLOAT * np.nan), "not numbers"),
    ("infinite.nii.gz", lambda p: save(p, with_voxel(-np.inf)), "infinite"),
    ("nan.nrrd", lambda p: save_itk(p, with_voxel(np.nan)), "NaN"),
    ("complex.nii.gz", lambda p: save(p, SCAN.astype(np.complex64)), "complex"),
    ("colour.nii.gz", lambda p: save(p, RGB), "colours"),
    ("vectors.nrrd", lambda p: save_itk(p, np.stack([SCAN] * 3, axis=-1), vector=True), "vectors"),
    ("singular.nii.gz", lambda p: save(p, matrix=SINGULAR), "singular affine"),
    ("zero-affine.nii", lambda p: raw_header(p, 280, bytes(48)), "singular affine"),
    ("nan-affine.nii.gz", lambda p: with_nan_sform(p), "singular affine"),
    ("singular-beside-qform.nii", lambda p: with_both_forms(p, SINGULAR), "singular affine"),
    ("sheared.nii.gz", lambda p: save(p, matrix=sheared(0.2)), "sheared affine"),
    ("slightly-sheared.nii.gz", lambda p: save(p, matrix=sheared(0.001)), "sheared affine"),
    ("sheared-beside-qform.nii", lambda p: with_both_forms(p, sheared(0.05)), "sheared affine"),
    ("sheared.mha", lambda p: mha_with_matrix(p, b"1 0 0 0.3 1 0 0 0 1"), "sheared affine"),
    ("singular.mha", lambda p: mha_with_matrix(p, b"1 0 0 1 0 0 0 0 1"), "not a readable image"),
    ("two-sizes.nii", lambda p: raw_header(p, 80, np.array([2, 2, 2], "<f4").tobytes()), "two voxel sizes"),
    ("no-size.nii", lambda p: raw_header(p, 80, np.array([1, 0, 1], "<f4").tobytes()), "voxel size"),
    ("nan-size.nii", lambda p: raw_header(p, 80, np.array([1, np.nan, 1], "<f4").tobytes()), "voxel size"),
    ("cut-short.nii", lambda p: cut(p, 0.5), "cut short"),
    ("cut-short.nii.gz", lambda p: cut(p, 0.5), "cut short"),
    ("cut-short.nrrd", lambda p: cut(p, 0.8), "not a readable image"),
    ("cut-short.mha", lambda p: cut(p, 0.8), "not a readable image"),
    ("damaged.nii.gz", damaged_gzip, "damaged"),
    ("mask.nii.gz", lambda p: save(p, (SCAN > 500).astype(np.uint8)), "looks like a mask"),
    ("float-mask.nii.gz", lambda p: save(p, (SCAN > 500).astype(np.float32)), "looks like a mask"),
    ("labels.nrrd", lambda p: save_itk(p, THREE_TISSUES), "only the values 0, 1, 2"),
    ("thirty-structures.nii.gz", lambda p: save(p, THIRTY_STRUCTURES), "map of labelled structures"),
    ("thirty-in-floats.mha", lambda p: save_itk(p, THIRTY_STRUCTURES.astype(np.float32)), "labelled structures"),
    ("empty-folder", lambda p: p.mkdir(), "no DICOM images"),
]


def with_nan_sform(path):
    plain = path.with_name("plain.nii")
    raw_header(plain, 280, np.array([np.nan], "<f4").tobytes())
    path.write_bytes(gzip.compress(plain.read_bytes()))
    plain.unlink()


def refused(read, path, capfd):
    with pytest.raises(InputError) as caught:
        read(path)
    sentence = str(caught.value)
    assert path.name in sentence
    assert sentence.endswith(".") and "\n" not in sentence
    # One sentence: the only full stop that is followed by a space would be that of a first one.
    assert ". " not in sentence, sentence
    assert sentence[0].isupper() or sentence.startswith(path.name)
    printed = capfd.readouterr()
    assert printed.out == "" and printed.err == ""
    return sentence


@pytest.mark.parametrize(("name", "make", "says"), BAD_IMAGES, ids=[name for name, _, _ in BAD_IMAGES])
def test_an_image_that_cannot_be_used(tmp_path, capfd, name, make, says):
    path = tmp_path / name
    make(path)
    capfd.readouterr()
    assert says in refused(read_volume, path, capfd)


BAD_MASKS = [
    ("scan.nii.gz", lambda p: save(p), "an image, not a mask"),
    ("two-labels.nii.gz", lambda p: save(p, THREE_TISSUES), "other than 0 and 1 (2)"),
    ("bytes.nii.gz", lambda p: save(p, (SCAN > 500).astype(np.uint8) * 255), "(255)"),
    ("negative.nii.gz", lambda p: save(p, -(SCAN > 500).astype(np.int16)), "(-1)"),
    ("probability.nii.gz", lambda p: save(p, FLOAT / 900), "an image, not a mask"),
    ("half.nii.gz", lambda p: save(p, (SCAN > 500).astype(np.float32) / 2), "(0.5)"),
    ("nan-mask.nii.gz", lambda p: save(p, with_voxel(np.nan)), "NaN"),
    ("missing.nii.gz", lambda p: None, "not found"),
    ("2d-mask.nii.gz", lambda p: save(p, (SCAN[0] > 500).astype(np.uint8)), "2D slice"),
]


@pytest.mark.parametrize(("name", "make", "says"), BAD_MASKS, ids=[name for name, _, _ in BAD_MASKS])
def test_a_mask_that_cannot_be_used(tmp_path, capfd, name, make, says):
    path = tmp_path / name
    make(path)
    capfd.readouterr()
    assert says in refused(read_mask, path, capfd)


def test_a_file_that_may_not_be_read(tmp_path, capfd, monkeypatch):
    # Permission bits mean nothing to the superuser, so the refusal of the system is put on.
    path = tmp_path / "locked.nii"
    save(path)

    def refuse(*_, **__):
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(type(path), "open", refuse)
    assert "Permission denied" in refused(read_volume, path, capfd)


def test_a_scan_with_many_whole_numbers_is_no_mask(tmp_path):
    for name, image in (
        ("eight-bit", SCAN // 4),
        ("thirty-two-greys", SCAN // 32),
        ("smooth", ndimage.gaussian_filter(SCAN.astype(float), 2) // 4),
        ("enlarged", (SCAN // 4).repeat(2, 0).repeat(2, 1).repeat(2, 2)),
    ):
        save(tmp_path / f"{name}.nii.gz", image.astype(np.uint8))
        read_volume(tmp_path / f"{name}.nii.gz")
