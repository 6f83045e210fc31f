"""MetaImages whose voxels lie in a file of their own (.mhd with .raw or .zraw)."""

import numpy as np
import pytest
import SimpleITK

from grids import GRIDS, SCAN
from LesionSegmentationLib.engine.checksum import sha256_of
from LesionSegmentationLib.engine.errors import InputError
from LesionSegmentationLib.engine.geometry import Geometry
from LesionSegmentationLib.engine.volume import Volume, read_labels, read_volume, to_sitk

GRID = Geometry(SCAN.shape, GRIDS["everything"])


@pytest.fixture(params=[False, True], ids=["raw", "compressed"])
def scan(tmp_path, request):
    SimpleITK.WriteImage(to_sitk(Volume(SCAN, GRID, "scan")), str(tmp_path / "scan.mhd"), request.param)
    return tmp_path / "scan.mhd"


def voxels_of(scan):
    (found,) = scan.parent.glob("scan.*raw")
    return found


def test_values_and_places_are_read(scan):
    volume = read_volume(scan)
    assert np.array_equal(volume.array, SCAN)
    assert volume.geometry.same_grid(GRID)


def test_the_checksum_is_of_header_and_voxels(scan):
    before = read_volume(scan).sha256
    assert before != sha256_of(scan)
    voxels = voxels_of(scan)
    changed = SCAN.copy()
    changed[0, 0, 0] += 1
    SimpleITK.WriteImage(to_sitk(Volume(changed, GRID, "scan")), str(scan), voxels.suffix == ".zraw")
    assert read_volume(scan).sha256 != before


def test_voxels_that_are_not_there_are_named(scan):
    voxels = voxels_of(scan)
    voxels.unlink()
    with pytest.raises(InputError, match=f"scan.mhd keeps its voxels in {voxels.name}, which is not beside it"):
        read_volume(scan)


@pytest.mark.parametrize("missing", [1, 100])
def test_voxels_that_were_cut_short_are_noticed(scan, missing):
    voxels = voxels_of(scan)
    voxels.write_bytes(voxels.read_bytes()[:-missing])
    with pytest.raises(InputError, match="scan.mhd is not a readable image, or it is damaged"):
        read_volume(scan)


def test_voxels_in_a_file_per_slice(tmp_path):
    for k in range(SCAN.shape[2]):
        (tmp_path / f"slice{k}.raw").write_bytes(SCAN[:, :, k].tobytes(order="F"))
    size = " ".join(map(str, SCAN.shape))
    names = "".join(f"slice{k}.raw\n" for k in range(SCAN.shape[2]))
    (tmp_path / "scan.mhd").write_text(
        f"ObjectType = Image\nNDims = 3\nDimSize = {size}\nElementType = MET_SHORT\nElementDataFile = LIST\n{names}"
    )
    assert np.array_equal(read_volume(tmp_path / "scan.mhd").array, SCAN)
    (tmp_path / "slice3.raw").unlink()
    with pytest.raises(InputError, match="keeps its voxels in slice3.raw"):
        read_volume(tmp_path / "scan.mhd")


def test_labels_are_read_as_they_are_stored(tmp_path):
    labels = (SCAN % 3).astype(np.uint8)
    SimpleITK.WriteImage(to_sitk(Volume(labels, GRID, "labels")), str(tmp_path / "labels.mhd"))
    assert np.array_equal(read_labels(tmp_path / "labels.mhd").array, labels)
