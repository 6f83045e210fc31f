"""``report``: one self-contained page whose pictures show the right slices the right way round."""

import base64
import io
import re
from html.parser import HTMLParser

import nibabel
import numpy as np
import pytest
from PIL import Image

from LesionSegmentationLib.cli.report.pictures import slice_row
from LesionSegmentationLib.cli.report.slices import AxialView, choose_slices, grey_window
from LesionSegmentationLib.engine.geometry import Geometry
from LesionSegmentationLib.engine.result import Outcome, read_result
from LesionSegmentationLib.engine.volume import read_volume

from .conftest import LESIONS, contents, head, save


class Page(HTMLParser):
    """What the page fetches, how its tags nest, and its words."""

    def __init__(self, text):
        super().__init__()
        self.links, self.open_tags, self.words = [], [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.links += [value for name, value in attributes if name in ("src", "href")]
        if tag not in ("meta", "img"):
            self.open_tags.append(tag)

    def handle_endtag(self, tag):
        assert self.open_tags.pop() == tag

    def handle_data(self, data):
        self.words.append(data.strip())


@pytest.fixture
def result(segment, tmp_path):
    assert segment(tmp_path / "result", "--alpha", "0.4", "--beta", "0.6", "--min-volume-ml", "0.002").code == 0
    return tmp_path / "result"


def test_the_page_is_whole_and_needs_no_network(run, result, flair):
    ran = run("report", result, "--flair", flair)
    assert ran.code == 0, ran.err
    text = (result / "report.html").read_text(encoding="utf-8")
    page = Page(text)
    assert page.open_tags == []
    # Without overlay, three settings, this result's own, and the curve.
    assert len(page.links) == 6 and all(link.startswith("data:image/png;base64,") for link in page.links)
    assert "url(" not in text and "http" not in text and str(result.parent) not in text
    for link in page.links:
        picture = Image.open(io.BytesIO(base64.b64decode(link.split(",")[1])))
        assert picture.width > 1000 and np.asarray(picture.convert("L")).std() > 10
    words = " ".join(page.words)
    for expected in ("Research use, not a medical device", "alpha 0.8, beta 0.2", "alpha 0.2, beta 0.8", "Provenance"):
        assert expected in words
    assert len(re.findall("<tr>", text)) == 1 + len(LESIONS)
    assert contents(result).count("report.html") == 1 and not any("unfinished" in name for name in contents(result))


def test_a_report_on_nothing_found(run, segment, flair, tmp_path):
    assert segment(tmp_path, "--threshold", "1").code == 0
    ran = run("report", tmp_path, "--flair", flair)
    assert ran.code == 0, ran.err
    assert "No lesion is marked" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_refuses_another_image(run, result, tmp_path):
    other = save(tmp_path / "other.nii.gz", head(seed=3))
    smaller = save(tmp_path / "smaller.nii.gz", head()[:-1])
    for image, words in ((other, "checksum"), (smaller, "another grid")):
        ran = run("report", result, "--flair", image)
        assert ran.code == 2 and words in ran.err and image.name in ran.err
    assert run("report", tmp_path, "--flair", other).code == 2
    assert not (result / "report.html").exists()


def test_says_when_matplotlib_is_missing(run, result, flair, monkeypatch):
    import importlib.util

    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "matplotlib" else found(name))
    ran = run("report", result, "--flair", flair)
    assert ran.code == 2 and "matplotlib" in ran.err and len(ran.err.splitlines()) == 1


@pytest.mark.parametrize("order", ["RAS", "LPS", "PIR", "SLA", "IAL"])
def test_right_is_left_and_front_is_up_in_every_voxel_order(order):
    """One bright spot right, front, at a known height; 0.7 x 0.7 x 3 mm."""
    affine = np.diag([0.7, 0.7, 3, 1.0])
    affine[:3, 3] = -21, -28, -30
    image = np.ones((60, 80, 20), np.float32)
    image[10:50, 10:70] += 9
    image[45, 60, 14] = 50
    ras = nibabel.Nifti1Image(image, affine)
    axes = nibabel.orientations.axcodes2ornt(order)
    turned = ras.as_reoriented(nibabel.orientations.ornt_transform(nibabel.io_orientation(affine), axes))
    array = np.ascontiguousarray(turned.get_fdata(dtype=np.float32))
    view = AxialView.of(array, Geometry(array.shape, turned.affine))
    assert view.count == 20 and view.spacing_mm == pytest.approx(3) and view.height_mm(14) == pytest.approx(12)
    picture = view.cut(array, 14)
    row, column = np.unravel_index(picture.argmax(), picture.shape)
    assert column < picture.shape[1] / 2 and row > picture.shape[0] / 2
    width, height = view.size_mm
    assert (width, height) == pytest.approx((picture.shape[1] * 0.7, picture.shape[0] * 0.7))
    assert picture.shape[1] < 60 and picture.shape[0] < 80


def test_slices_go_through_the_largest_lesions_and_keep_their_distance(result, flair):
    image, stored = read_volume(flair), read_result(result)
    outcome = Outcome.of(stored.probability_map, stored.setting)
    view = AxialView.of(image.array, image.geometry)
    chosen = choose_slices(view, image.array, [outcome.lesions], 5)
    assert len(chosen) >= 4 and chosen == sorted(chosen, reverse=True)
    assert min(a - b for a, b in zip(chosen, chosen[1:])) * view.spacing_mm >= 6 - 1e-9
    largest = outcome.lesions.labels() == outcome.lesions.rows[0].id
    assert any(view.cut(largest, k).any() for k in chosen)


def test_the_overlay_lies_where_the_mask_is(flair):
    image = read_volume(flair)
    mask = np.zeros(image.array.shape, np.uint8)
    i, j, k, _ = LESIONS[0]
    mask[i - 2 : i + 3, j - 2 : j + 3, k] = 1
    view = AxialView.of(image.array, image.geometry)
    (slice_of_it,) = {n for n in range(view.count) if view.cut(mask, n).any()}
    window = grey_window(image.array)
    plain, marked = (
        np.asarray(
            Image.open(io.BytesIO(slice_row(view, image.array, window, 5 * [slice_of_it], m))).convert("RGB"), float
        )
        for m in (None, mask)
    )
    changed = np.abs(marked - plain).sum(axis=-1) > 0
    panel = changed[:, : changed.shape[1] // 5]
    found = np.argwhere(panel).mean(axis=0) / panel.shape
    rows, columns = (axis.mean() for axis in np.nonzero(view.cut(mask, slice_of_it)))
    height, width = view.cut(mask, slice_of_it).shape
    np.testing.assert_allclose(found, [1 - (rows + 0.5) / height, (columns + 0.5) / width], atol=0.02)
