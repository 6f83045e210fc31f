"""Two visits aligned in the space halfway between them and compared at one common level."""

import csv
import json
from dataclasses import replace

import numpy as np
import pytest
import SimpleITK

from LesionSegmentationLib.engine.alignment_folder import load_alignment, write_alignment
from LesionSegmentationLib.engine.change_table import COLUMNS
from LesionSegmentationLib.engine.conditioned_score import ConditionedScore
from LesionSegmentationLib.engine.errors import Cancelled, InputError
from LesionSegmentationLib.engine.follow_up import Comparison
from LesionSegmentationLib.engine.follow_up_alignment import TimePoint, align, halfway_grid
from LesionSegmentationLib.engine.follow_up_folder import FILES, write_follow_up
from LesionSegmentationLib.engine.geometry import Geometry
from LesionSegmentationLib.engine.lesion_changes import CLASSES, ChangeLimit
from LesionSegmentationLib.engine.levels import PosteriorRule
from LesionSegmentationLib.engine.operating_curve import OperatingCurve
from LesionSegmentationLib.engine.rigid_transform import halfway, moved_points
from LesionSegmentationLib.engine.setting import BALANCED, Setting
from LesionSegmentationLib.engine.volume import Volume
from two_visits import LESIONS, MOTION, UPRIGHT, moved_visit, oblique_left_handed, rigid, visit


@pytest.fixture(scope="module")
def pair():
    return align(visit(0), moved_visit())


@pytest.fixture(scope="module")
def follow_up(pair):
    return Comparison(pair).at(BALANCED)


def by_class(follow_up):
    assert sorted(change.change for change in follow_up.changes) == sorted(CLASSES)
    return {change.change: change for change in follow_up.changes}


def ball_ml(radius):
    return 4 / 3 * np.pi * radius**3 / 1000


def test_every_lesion_has_its_class_volumes_and_place(follow_up):
    half = halfway(MOTION)
    for name, (place, before, after) in LESIONS.items():
        change = by_class(follow_up)[name]
        assert change.earlier_ml == pytest.approx(ball_ml(before), rel=0.15, abs=0.01)
        assert change.later_ml == pytest.approx(ball_ml(after), rel=0.15, abs=0.01)
        assert np.linalg.norm(change.centroid_ras - moved_points(half, np.array([place]))[0]) < 1


def test_table_tells_the_place_in_either_study(follow_up, tmp_path):
    write_follow_up(tmp_path, follow_up)
    rows = {row["change"]: row for row in csv.DictReader((tmp_path / "changes.csv").open())}
    for name, (place, *_) in LESIONS.items():
        for word, expected in (("earlier", place), ("later", moved_points(MOTION, np.array([place]))[0])):
            listed = [float(rows[name][f"{word}_{axis}_mm"]) for axis in ("right", "anterior", "superior")]
            assert np.linalg.norm(np.array(listed) - expected) < 1.5


def test_both_images_show_the_same_head(pair):
    one, other = pair.images
    inside = pair.seen & (one > 40) & (other > 40)
    assert np.corrcoef(one[inside], other[inside])[0, 1] > 0.9


def test_exchanging_the_visits_exchanges_the_classes(pair, follow_up):
    back = Comparison(align(moved_visit(), visit(0))).at(BALANCED)
    assert back.geometry.same_grid(follow_up.geometry, 1.0)
    mirrored = {"new": "gone", "gone": "new", "grown": "shrunk", "shrunk": "grown", "unchanged": "unchanged"}
    for name, change in by_class(follow_up).items():
        other = by_class(back)[mirrored[name]]
        assert other.earlier_ml == pytest.approx(change.later_ml, rel=0.1, abs=0.02)
        assert other.later_ml == pytest.approx(change.earlier_ml, rel=0.1, abs=0.02)


def test_a_copy_turned_and_resampled_is_unchanged():
    same = Comparison(align(visit(0), moved_visit(0))).at(BALANCED)
    assert {change.change for change in same.changes} == {"unchanged"} and len(same.changes) == 4
    assert same.warning == "" and same.notes == []


def test_one_level_for_both_is_that_of_the_pooled_posterior(pair, follow_up):
    pooled = np.concatenate([found.array * pair.seen for found in pair.maps])
    curve = OperatingCurve(pooled, Geometry(pooled.shape, pair.geometry.affine), PosteriorRule([]))
    for setting in (BALANCED, Setting(alpha=0.9, beta=0.1), Setting(fbeta=2)):
        compared = Comparison(pair).at(setting)
        expected = setting.point(curve)
        assert compared.point.threshold == pytest.approx(expected.threshold)
        assert np.array_equal(np.concatenate(compared.masks), curve.mask(expected).astype(bool))


def test_new_load_elsewhere_does_not_change_a_lesion():
    """What a level of its own for each study would do: the old lesion seems to shrink."""
    old = {"old": ((-16, 10, 4), 5, 5)}
    faint = {**old, "load": ((18, -8, 0), 0, 9)}
    first, second = visit(0, lesions=faint), visit(1, lesions=faint)
    dim = second.probability_map.array.copy()
    dim[45:] *= 0.45  # the right half, where the load is
    second = TimePoint(second.image, replace(second.probability_map, array=dim))
    alone = [BALANCED.point(OperatingCurve.of(point.probability_map)).threshold for point in (first, second)]
    assert abs(alone[0] - alone[1]) > 0.03
    common = Comparison(align(first, second)).at(BALANCED, ChangeLimit(0.005, 0.02))
    assert [c.change for c in common.changes if c.centroid_ras[0] < 0] == ["unchanged"]


def test_the_stricter_floor_of_both_acts():
    lenient, strict = visit(0, floor=[[0.5, 0.2], [2, 0.1]]), visit(1, floor=[[0.5, 0.8], [2, 0.7]])
    compared = Comparison(align(lenient, strict)).at(BALANCED)
    assert compared.point.threshold == pytest.approx(0.75)
    for mask, found in zip(compared.masks, compared.pair.maps):
        assert np.array_equal(mask, found.array >= 0.75)


def test_nothing_is_a_possible_answer():
    empty = {"none": ((0, 0, 0), 0, 0)}
    compared = Comparison(align(visit(0, lesions=empty), visit(1, lesions=empty))).at(BALANCED)
    assert compared.changes == [] and compared.summary()["earlier_ml"] == 0 and not compared.labels.any()


def test_what_one_study_did_not_see_is_no_change():
    low = Geometry((90, 100, 50), UPRIGHT.affine)
    compared = Comparison(align(visit(0, geometry=low), visit(1))).at(BALANCED)
    lost = [name for name, (place, *_) in LESIONS.items() if place[2] > 8.5]
    assert lost == ["new", "gone"]
    assert {change.change for change in compared.changes} >= {"grown", "shrunk", "unchanged"}
    assert not any(change.change == "gone" for change in compared.changes)


def test_unseen_lesions_are_told_when_grids_are_oblique(pair):
    seen = pair.seen.copy()
    seen[: seen.shape[0] // 2] = False
    compared = Comparison(replace(pair, seen=seen)).at(BALANCED)
    whole = Comparison(pair).at(BALANCED)
    for time in (0, 1):
        inside = whole.masks[time] & seen
        assert np.array_equal(compared.masks[time] & seen, compared.masks[time])
        assert abs(int(compared.masks[time].sum()) - int(inside.sum())) < 0.1 * inside.sum() + 5
    assert compared.unseen_ml[0] > 0 and "where the other study did not look" in compared.notes[-1]


def conditioned(point, lowest=0.1, highest=10.0):
    """The same visit as a conditioned head would give it: a score that is the logit of the posterior, and wild air."""
    p = np.clip(point.probability_map.array.astype(np.float64), 1e-9, 1 - 1e-9)
    score = np.log(p / (1 - p))
    score[p < 1e-6] = -1e25
    made = ConditionedScore(score.astype(np.float32), lowest, highest)
    return TimePoint(point.image, replace(point.probability_map, score=made))


def test_conditioned_heads_have_their_own_common_level(follow_up):
    compared = Comparison(align(conditioned(visit(0)), conditioned(moved_visit(), 0.2, 20.0)))
    even = compared.at(BALANCED)
    assert even.point.threshold == 0 and even.point.probability_threshold is None
    for name, change in by_class(even).items():
        assert change.earlier_ml == pytest.approx(by_class(follow_up)[name].earlier_ml, rel=0.35, abs=0.02)
    more = compared.at(Setting(alpha=0.2, beta=0.8))
    assert more.point.threshold == pytest.approx(-np.log(4))
    assert all((wide | narrow == wide).all() for wide, narrow in zip(more.masks, even.masks))
    with pytest.raises(InputError, match="threshold"):
        compared.at(Setting(threshold=0.5))


def test_kinds_of_model_that_have_no_common_level():
    with pytest.raises(InputError, match="same model"):
        align(visit(0), conditioned(visit(1)))
    apart = align(conditioned(visit(0), 0.1, 0.5), conditioned(visit(1), 2.0, 10.0))
    with pytest.raises(InputError, match="nothing in common"):
        Comparison(apart)


def drawn(point):
    array = (point.probability_map.array >= 0.5).astype(np.float32)
    return TimePoint(point.image, replace(point.probability_map, array=array, provenance={}), drawn=True)


@pytest.mark.parametrize("other", [drawn, conditioned, lambda point: point], ids=["drawn", "conditioned", "posterior"])
def test_a_drawn_segmentation_is_compared_as_it_is(other):
    comparison = Comparison(align(drawn(visit(0)), other(moved_visit(0))))
    masks = [comparison.at(Setting(alpha=1 - beta, beta=beta)).masks[0] for beta in (0.2, 0.5, 0.8)]
    assert all(np.array_equal(mask, masks[0]) for mask in masks) and masks[0].any()
    even = comparison.at(BALANCED)
    assert {change.change for change in even.changes} == {"unchanged"}
    assert "as it was drawn" in even.notes[0]


def test_another_model_or_channel_is_told():
    other = visit(1, provenance={"model": {"name": "newer", "version": "2"}})
    assert "different models (made up, newer)" in Comparison(align(visit(0), other)).at(BALANCED).notes[0]
    with pytest.raises(InputError, match="t1 image"):
        align(visit(0), visit(1, provenance={"reference": "t1"}))


def test_refuses_the_same_image_and_an_image_that_moved():
    point = visit(0)
    image = Volume(point.image.array, point.image.geometry, "flair.nii", sha256="same")
    with pytest.raises(InputError, match="the same image"):
        align(replace(point, image=image), replace(point, image=image))
    moved = Geometry(UPRIGHT.shape, rigid(shift=(5, 0, 0)) @ UPRIGHT.affine)
    with pytest.raises(InputError, match="does not lie where"):
        TimePoint(Volume(point.image.array, moved, "flair.nii"), point.probability_map)


def test_a_failed_registration_is_said_everywhere(pair, tmp_path):
    failed = replace(pair, registration=replace(pair.registration, overlap=0.4))
    compared = Comparison(failed).at(BALANCED)
    assert "failed" in compared.warning and compared.summary()["registration_warning"] == compared.warning
    write_follow_up(tmp_path, compared)
    assert "failed" in json.loads((tmp_path / "follow_up.json").read_text())["warning"]


def test_cancel_reaches_the_registration():
    with pytest.raises(Cancelled):
        align(visit(0), visit(1), cancelled=lambda: True)


class TestGrid:
    def test_equal_grids_of_cubes_give_themselves(self):
        assert halfway_grid(UPRIGHT, UPRIGHT).same_grid(UPRIGHT)

    def test_is_the_same_whichever_comes_first(self):
        one, other = UPRIGHT, oblique_left_handed((3.0, -2, 5))
        assert halfway_grid(one, other).same_grid(halfway_grid(other, one), 1e-6)

    def test_voxels_are_cubes_no_finer_than_asked(self):
        thick = Geometry((200, 200, 40), np.diag([0.7, 0.7, 3.0, 1]))
        assert np.allclose(halfway_grid(thick, thick).spacing, 1.0)
        coarse = Geometry((40, 40, 40), np.diag([2.0, 2.5, 3.0, 1]))
        assert np.allclose(halfway_grid(coarse, coarse).spacing, 2.0)

    def test_says_when_nothing_is_seen_by_both(self):
        far = Geometry(UPRIGHT.shape, rigid(shift=(500, 0, 0)) @ UPRIGHT.affine)
        with pytest.raises(InputError, match="same part"):
            halfway_grid(UPRIGHT, far)


def test_folder_holds_the_whole_comparison(follow_up, tmp_path):
    (tmp_path / "notes.txt").write_text("of somebody else")
    write_follow_up(tmp_path, follow_up)
    write_follow_up(tmp_path, follow_up)  # again, over itself
    assert {path.name for path in tmp_path.iterdir()} == {*FILES, "notes.txt"}
    described = json.loads((tmp_path / "follow_up.json").read_text())
    assert described["earlier"]["model"]["name"] == "made up" and described["limit"]["change_ml"] == 0.05
    assert described["limit"]["from"] == "chosen, not measured"
    assert [row["change"] for row in described["changes"]] == list(CLASSES)
    assert set(described["changes"][0]) == set(COLUMNS)
    labels = SimpleITK.GetArrayFromImage(SimpleITK.ReadImage(str(tmp_path / "changes.nii.gz"))).T
    assert np.array_equal(labels, follow_up.labels)
    for change in follow_up.changes:
        value = CLASSES.index(change.change) + 1
        either = (labels == value).sum() * follow_up.geometry.voxel_ml
        assert max(change.earlier_ml, change.later_ml) - 1e-9 <= either <= change.earlier_ml + change.later_ml + 1e-9
    half, back = (np.array(described[word]["to_halfway_ras"]) for word in ("earlier", "later"))
    assert np.allclose(np.linalg.inv(back) @ half, described["registration"]["earlier_to_later_ras"], atol=1e-6)


def test_alignment_survives_the_way_between_two_processes(tmp_path):
    made = align(conditioned(visit(0)), conditioned(visit(1)))
    write_alignment(tmp_path / "pair", made)
    again = load_alignment(tmp_path / "pair")
    assert np.array_equal(Comparison(again).at(BALANCED).numbers, Comparison(made).at(BALANCED).numbers)
    assert np.array_equal(again.seen, made.seen) and again.drawn == made.drawn and again.notes == made.notes
    (tmp_path / "pair" / "seen.npy").unlink()
    with pytest.raises(InputError, match="no whole comparison"):
        load_alignment(tmp_path / "pair")
