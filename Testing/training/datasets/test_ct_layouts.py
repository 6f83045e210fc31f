"""LiTS and LUNA16 in miniature, and CT through its intensity window."""

import numpy as np
import pytest
import SimpleITK

from LesionSegmentationLib.engine.errors import InputError
from LesionSegmentationLib.engine.geometry import Geometry
from LesionSegmentationLib.engine.prepare import Plan
from LesionSegmentationLib.engine.volume import read_labels, read_volume
from LesionSegmentationTraining.datasets import read_layout
from LesionSegmentationTraining.datasets.luna16 import ball_mask
from LesionSegmentationTraining.datasets.prepare_case import prepare_case

LITS = Plan(("ct",), intensity={"window": [-300, 300]})
LUNA = Plan(("ct",), intensity={"window": [-1000, 300]})
UID = "1.3.6.1.4.1.14519.5.2.1.6279.6001.10022528722236566367867683686"


def hounsfield(tree) -> np.ndarray:
    """Air of -1024 around soft tissue of about 40."""
    head = tree.head()
    return np.where(head > 50, head - 70, -1024).astype(np.int16)


def test_lits(tree):
    for number, batch in ((0, "Training Batch 1"), (27, "Training Batch 1"), (28, "Training Batch 2")):
        tree.save(f"{batch}/volume-{number}.nii", hounsfield(tree))
        mask = tree.lesions(2)
        mask[5:9, 5:9, 5:9] = 1
        tree.save(f"{batch}/segmentation-{number}.nii", mask)
    tree.save("Test Data/test-volume-0.nii", hounsfield(tree))
    cases = read_layout("lits", tree.folder, published_test=True)
    assert [(case.id, case.split) for case in cases] == [
        ("lits_000", "test"), ("lits_027", "test"), ("lits_028", None),
    ]  # fmt: skip
    assert cases[2].channels["ct"] == tree.folder / "Training Batch 2/volume-28.nii"
    assert {case.split for case in read_layout("lits", tree.folder)} == {None}
    prepared = prepare_case(cases[0], LITS)
    assert prepared.facts["load_ml"] == pytest.approx(0.009)  # the liver is background
    assert prepared.lesions.max() == 2


def test_lits_kept_in_two_folders_and_packed(tree):
    tree.save("volumes/volume-3.nii.gz", hounsfield(tree))
    tree.save("segmentations/segmentation-3.nii.gz", tree.lesions(2))
    (case,) = read_layout("lits", tree.folder)
    assert case.mask.name == "segmentation-3.nii.gz"


def test_a_window_maps_to_0_1_and_everything_above_its_edge_is_body(tree):
    tree.save("volume-0.nii", hounsfield(tree))
    tree.save("segmentation-0.nii", tree.lesions(2))
    (case,) = read_layout("lits", tree.folder)
    image = prepare_case(case, LITS).image[0]
    raw = np.asarray(read_volume(case.channels["ct"]).array)[::-1]
    assert np.allclose(image, np.clip((raw + 300) / 600, 0, 1), atol=1e-3)


def write_ct(tree, path: str, spacing=(0.7, 0.7, 2.0), origin=(-10.0, -8.0, 40.0), flipped=False) -> Geometry:
    """A real .mhd with its .raw; ``flipped``: as a patient on the belly is stored."""
    image = SimpleITK.GetImageFromArray(hounsfield(tree).transpose(2, 1, 0))
    image.SetSpacing(spacing)
    image.SetOrigin(origin)
    if flipped:
        image.SetDirection((-1, 0, 0, 0, -1, 0, 0, 0, 1))
    SimpleITK.WriteImage(image, str(tree.file(path)))
    assert tree.file(path).with_suffix(".raw").stat().st_size == 24 * 26 * 20 * 2
    return read_labels(tree.folder / path).geometry


def annotations(tree, *rows: str, path="annotations.csv") -> None:
    tree.file(path).write_text("seriesuid,coordX,coordY,coordZ,diameter_mm\n" + "".join(row + "\n" for row in rows))


@pytest.mark.parametrize("flipped", [False, True])
def test_luna16_balls_lie_where_the_csv_says(tree, flipped):
    geometry = write_ct(tree, f"subset0/{UID}1.mhd", flipped=flipped)
    write_ct(tree, f"subset9/{UID}2.mhd")
    write_ct(tree, f"seg-lungs-LUNA16/{UID}1.mhd")
    side = -1 if flipped else 1
    centre = (-10 + side * 0.7 * 11.2, -8 + side * 0.7 * 13.1, 40 + 2 * 9.2)
    annotations(tree, f"{UID}1,{centre[0]},{centre[1]},{centre[2]},6.5", path="CSVFILES/annotations.csv")
    masks = tree.folder / "masks"
    first, second = read_layout("luna16", tree.folder, masks=masks, published_test=True)
    assert (first.id, first.split, second.split) == (UID + "1", None, "test")
    mask = read_labels(first.mask)
    assert mask.geometry.same_grid(geometry)
    world = geometry.world(np.argwhere(np.ones(geometry.shape)))
    away = np.linalg.norm(world - np.multiply(centre, (-1, -1, 1)), axis=1).reshape(geometry.shape)
    assert np.array_equal(mask.array, (away <= 3.25).astype(np.uint8))
    assert not read_labels(second.mask).array.any()
    prepared = prepare_case(first, LUNA)
    assert prepared.lesions.max() == 1
    assert prepared.facts["drawn_load_ml"] == pytest.approx(mask.array.sum() * 0.7 * 0.7 * 2 / 1000)
    assert prepare_case(second, LUNA).facts["lesions"] == 0


def test_luna16_masks_are_used_again_until_the_annotations_change(tree):
    write_ct(tree, f"subset0/{UID}1.mhd")
    annotations(tree, f"{UID}1,-2,1,58,6")
    options = {"masks": tree.folder / "masks"}
    (first,) = read_layout("luna16", tree.folder, **options)
    stamp = first.mask.stat().st_mtime_ns
    (again,) = read_layout("luna16", tree.folder, **options)
    assert again.mask.stat().st_mtime_ns == stamp
    annotations(tree, f"{UID}1,-2,1,58,9")
    (changed,) = read_layout("luna16", tree.folder, **options)
    assert changed.mask != first.mask
    assert read_labels(changed.mask).array.sum() > read_labels(first.mask).array.sum()


def test_a_ball_smaller_than_a_voxel_is_one_voxel():
    mask = ball_mask(np.array([[4.4, 3.4, 12.9, 0.2]]), Geometry((9, 8, 7), np.diag([1, 1, 5, 1])))
    assert np.argwhere(mask).tolist() == [[4, 3, 3]]


XML = """<?xml version="1.0" encoding="UTF-8"?>
<LidcReadMessage uid="1.3.6.1.4.1.14519.5.2.1.6279.6001.1307390687803.0" xmlns="http://www.nih.gov"
 xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance"
 xsi:schemaLocation="http://www.nih.gov http://troll.rad.med.umich.edu/lidc/LidcReadMessage.xsd">
<ResponseHeader><Version>1.8.1</Version><MessageId>1148851</MessageId>
<TaskDescription>Second unblinded read</TaskDescription>
<SeriesInstanceUid>{series}</SeriesInstanceUid><ResponseComments></ResponseComments></ResponseHeader>
{sessions}</LidcReadMessage>"""
SESSION = """<readingSession><annotationVersion>3.12</annotationVersion>
<servicingRadiologistID>anonymous</servicingRadiologistID>{nodules}
<nonNodule><nonNoduleID>1</nonNoduleID><imageZposition>44.0</imageZposition><imageSOP_UID>1.2</imageSOP_UID>
<locus><xCoord>3</xCoord><yCoord>4</yCoord></locus></nonNodule></readingSession>"""
NODULE = "<unblindedReadNodule><noduleID>{n}</noduleID>{rois}</unblindedReadNodule>"
ROI = """<roi><imageZposition>{z}</imageZposition><imageSOP_UID>1.3</imageSOP_UID><inclusion>{inclusion}</inclusion>
{edges}</roi>"""


def roi(z: float, points: list[tuple[int, int]], inclusion: str = "TRUE") -> str:
    edges = "".join(f"<edgeMap><xCoord>{x}</xCoord><yCoord>{y}</yCoord></edgeMap>" for x, y in points)
    return ROI.format(z=z, inclusion=inclusion, edges=edges)


def box(x: int, y: int, size: int) -> list[tuple[int, int]]:
    """The outline, pixel by pixel, of a square: corners (x, y) and (x + size, y + size)."""
    along = range(size)
    return [
        *((x + a, y) for a in along), *((x + size, y + a) for a in along),
        *((x + size - a, y + size) for a in along), *((x, y + size - a) for a in along),
    ]  # fmt: skip


def write_xml(tree, *readers: list[list[str]], series: str = UID + "1", path: str = "157/158.xml") -> None:
    sessions = ""
    for nodules in readers:
        sessions += SESSION.format(nodules="".join(NODULE.format(n=n, rois="".join(r)) for n, r in enumerate(nodules)))
    tree.file(f"tcia-lidc-xml/{path}").write_text(XML.format(series=series, sessions=sessions))


def outlined(tree, readers: int = 3) -> np.ndarray:
    """The mask of the one scan, (i, j, k)."""
    write_ct(tree, f"subset0/{UID}1.mhd")
    options = {"masks": tree.folder / "masks", "xml": tree.folder / "tcia-lidc-xml", "readers": readers}
    (case,) = read_layout("luna16", tree.folder, **options)
    return read_labels(case.mask).array


def test_outlines_of_enough_readers_become_the_mask(tree):
    # All four outline 6..10 by 8..12 on the slices at 44 and 46 mm, one of them a larger square.
    nodule = [roi(44.0, box(5, 7, 6)), roi(46.0, box(5, 7, 6))]
    larger = [roi(44.0, box(3, 5, 10)), roi(46.0, box(3, 5, 10))]
    few = [roi(60.0, box(14, 14, 4))]
    point = [roi(50.0, [(12, 12)])]
    write_xml(tree, [nodule, few], [nodule, few, point], [nodule, point], [larger, point])
    expected = np.zeros((24, 26, 20), np.uint8)
    expected[6:11, 8:13, 2:4] = 1
    assert np.array_equal(outlined(tree), expected)
    expected[15:18, 15:18, 10] = 1
    assert np.array_equal(outlined(tree, readers=2), expected)


def test_an_outline_by_its_corners_and_a_hole(tree):
    corners = [(5, 5), (15, 5), (15, 15), (5, 15)]
    write_xml(tree, [[roi(44.0, corners), roi(44.0, box(8, 8, 4), "FALSE")]])
    expected = np.zeros((24, 26, 20), np.uint8)
    expected[6:15, 6:15, 2] = 1
    expected[9:12, 9:12, 2] = 0
    assert np.array_equal(outlined(tree, readers=1), expected)


def test_a_scan_without_readings_is_skipped(tree):
    write_xml(tree, [[roi(44.0, box(5, 7, 6))]], series="1.2.3")
    with pytest.raises(
        InputError, match=r"no usable case of the layout luna16 \(1 cases were skipped, they have no mask"
    ):
        outlined(tree)


def test_bad_luna16_input_has_its_sentences(tree):
    write_ct(tree, f"subset0/{UID}1.mhd")
    with pytest.raises(InputError, match="name a folder for those that are made"):
        read_layout("luna16", tree.folder)
    options = {"masks": tree.folder / "masks"}
    with pytest.raises(InputError, match="holds no annotations.csv"):
        read_layout("luna16", tree.folder, **options)
    annotations(tree, f"{UID}1,-2,1,,6")
    with pytest.raises(InputError, match="Line 2 of annotations.csv does not hold seriesuid"):
        read_layout("luna16", tree.folder, **options)
    annotations(tree, f"{UID}1,-2,1,900,6")
    with pytest.raises(InputError, match="a nodule of .* that lies beside the CT"):
        read_layout("luna16", tree.folder, **options)
    xml = tree.folder / "tcia-lidc-xml"
    write_xml(tree, [[roi(900.0, box(5, 7, 6))]])
    with pytest.raises(InputError, match="158.xml has an outline at z 900 mm that lies beside its CT"):
        read_layout("luna16", tree.folder, **options, xml=xml)
    (xml / "157/158.xml").write_text("<LidcReadMessage")
    with pytest.raises(InputError, match="158.xml is not readable XML"):
        read_layout("luna16", tree.folder, **options, xml=xml)


def test_a_scan_whose_voxels_were_cut_short_is_named(tree):
    write_ct(tree, f"subset0/{UID}1.mhd")
    annotations(tree, f"{UID}1,-2,1,58,6")
    (case,) = read_layout("luna16", tree.folder, masks=tree.folder / "masks")
    raw = case.channels["ct"].with_suffix(".raw")
    raw.write_bytes(raw.read_bytes()[:-500])
    with pytest.raises(InputError, match=f"{UID}1.mhd is not a readable image, or it is damaged"):
        prepare_case(case, LUNA)
    raw.unlink()
    with pytest.raises(InputError, match=f"keeps its voxels in {UID}1.raw, which is not beside it"):
        prepare_case(case, LUNA)
