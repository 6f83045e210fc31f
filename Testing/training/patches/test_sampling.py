"""Where patches lie: the published rules, counted."""

from types import SimpleNamespace

import numpy as np
import pytest

from LesionSegmentationLib.engine.errors import InputError
from LesionSegmentationTraining.patches import SAMPLERS, CacheWriter, build_sampler, open_cache
from LesionSegmentationTraining.patches.sampling import Hashemi, UniformLesion

PATCH = (16, 16, 16)


def rng_of(n: int) -> np.random.Generator:
    return np.random.default_rng(n)


@pytest.mark.parametrize("name", sorted(SAMPLERS))
def test_a_draw_depends_on_the_generator_alone(cases, name):
    sampler = build_sampler({"name": name}, cases, PATCH)
    for n in range(20):
        one, two = sampler.draw(rng_of(n), 3), sampler.draw(rng_of(n), 3)
        assert one.case == two.case and (one.centre == two.centre).all()
        assert 0 <= one.case < len(cases) and one.centre.shape == (3,)


def test_small_lesions_are_drawn_as_often_as_large_ones(cases):
    sampler = UniformLesion(cases, PATCH, lesion_share=1.0)
    hits = np.zeros(2)
    for n in range(600):
        place = sampler.draw(rng_of(n), 0)
        if place.case == 0:
            hits[int(cases[0].lesions[tuple(place.centre)]) - 1] += 1
    # 33 voxels against 925, drawn evenly: within four standard deviations of half
    assert abs(hits[0] - hits.sum() / 2) < 4 * np.sqrt(hits.sum()) / 2
    # and two lesions to one: two draws of this case to one of the other
    assert abs(hits.sum() / 600 - 2 / 3) < 4 * np.sqrt(2 / 9 / 600)


def test_every_lesion_of_a_case_is_drawn_evenly(tmp_path):
    """Twenty lesions of 1 to 20 voxels: chi-square of the counts against even odds."""
    lesions = np.zeros((60, 8, 30), np.uint16)
    for number in range(1, 21):
        lesions[3 * number - 2, 4, 2 : 2 + number] = number
    with CacheWriter(tmp_path / "c", ("flair",), (1, 1, 1)) as writer:
        writer.add("x", "x", "train", "real", np.ones((1, *lesions.shape)), lesions, {})
    case = open_cache(tmp_path / "c").cases[0]
    sampler = UniformLesion([case], PATCH, lesion_share=1.0)
    rng = rng_of(0)
    drawn = [case.lesions[tuple(sampler.draw(rng, 0).centre)] for _ in range(2000)]
    counts = np.bincount(drawn, minlength=21)[1:]
    # 99.9 per cent of a chi-square distribution with 19 degrees of freedom lie below 43.8
    assert ((counts - 100) ** 2 / 100).sum() < 43.8


def test_half_of_the_published_patches_lie_at_a_lesion(cases):
    sampler = build_sampler({"name": "uniform_lesion"}, cases, PATCH)
    at_lesion = 0
    for n in range(400):
        place = sampler.draw(rng_of(n), 0)
        at_lesion += bool(cases[place.case].lesions[tuple(place.centre)])
    assert 0.45 < at_lesion / 400 < 0.62


def in_central_half(case, centre, patch=16) -> int:
    """By hand: lesion voxels within n/4 to 3n/4 of a patch of n voxels around ``centre``."""
    first = np.asarray(centre) - patch // 2 + patch // 4
    box = tuple(slice(max(0, a), max(0, a + patch // 2)) for a in first)
    return int((case.lesions[box] > 0).sum())


def test_hashemi_wants_fifty_voxels_first_and_five_later(cases):
    sampler = Hashemi(cases, PATCH)
    for n in range(60):
        early, late = sampler.draw(rng_of(n), 500), sampler.draw(rng_of(n), 1000)
        assert in_central_half(cases[early.case], early.centre) >= 50
        assert in_central_half(cases[late.case], late.centre) >= 5
    counts = [in_central_half(cases[p.case], p.centre) for p in (sampler.draw(rng_of(n), 1000) for n in range(100))]
    assert min(counts) < 50


@pytest.mark.parametrize(("step", "least"), [(0, 100), (99, 100), (100, 10), (5000, 10)])
def test_hashemi_skips_cases_by_load_as_scheduled(step, least):
    """Cases of 9, 10, 99 and 100 lesion voxels, on either side of both bounds."""
    loads = (9, 10, 99, 100)
    made = []
    for load in loads:
        lesions = np.zeros((32, 32, 32), np.uint16)
        voxels = np.argwhere(np.ones((5, 5, 4)))[:load] + 14
        lesions[tuple(voxels.T)] = 1
        made.append(SimpleNamespace(sizes=np.array([load]), voxels=voxels, lesions=lesions, kind="real"))
    sampler = Hashemi(made, PATCH)
    drawn = {loads[sampler.draw(rng_of(n), step).case] for n in range(80)}
    # 9 and 10 voxels cannot reach the 50 that the first 1000 steps want, so 100 voxels win there
    assert drawn and min(drawn) >= least
    if step >= 1000:
        assert drawn == {10, 99, 100}


def test_hashemi_keeps_the_patch_inside_and_skips_small_loads_at_first(cases):
    small = [case for case in cases if case.id != "two"] + [cases[0]]
    sampler = Hashemi(small, PATCH)
    for n in range(60):
        place = sampler.draw(rng_of(n), 0)
        shape = np.array(small[place.case].lesions.shape)
        assert (place.centre >= 8).all() and (place.centre + 8 <= shape).all()
        assert small[place.case].sizes.sum() >= 100
        assert len(small[sampler.draw(rng_of(n), 5000).case].sizes)


def test_hashemi_ends_where_no_case_has_enough(cases):
    only = [cases[1], cases[2]]
    sampler = Hashemi(only, (4, 4, 4))
    assert sampler.draw(rng_of(1), 0).case == 0


def test_the_balanced_share_at_lesions(cases):
    sampler = build_sampler({"name": "balanced", "lesion_share": 0.6, "jitter": 0}, cases, PATCH)
    hits = [cases[p.case].lesions[tuple(p.centre)] > 0 for p in (sampler.draw(rng_of(n), 0) for n in range(500))]
    assert 0.51 < np.mean(hits) < 0.75


def test_real_cases_have_their_share(cases):
    sampler = build_sampler({"name": "uniform", "real_share": 0.25}, cases, PATCH)
    real = [cases[sampler.draw(rng_of(n), 0).case].kind == "real" for n in range(500)]
    assert abs(np.mean(real) - 0.25) < 4 * np.sqrt(0.25 * 0.75 / 500)
    only_made_up = [case for case in cases if case.kind != "real"]
    assert build_sampler({"name": "uniform", "real_share": 0.9}, only_made_up, PATCH).draw(rng_of(0), 0).case in (0, 1)


def test_uniform_centres_lie_in_tissue(cases):
    sampler = build_sampler({"name": "uniform"}, cases, PATCH)
    for n in range(50):
        place = sampler.draw(rng_of(n), 0)
        assert cases[place.case].image[(0, *place.centre)] > 0.25


def test_what_cannot_be_made_is_said(cases):
    with pytest.raises(InputError, match="'nowhere' is unknown; the known ones are balanced, hashemi"):
        build_sampler({"name": "nowhere"}, cases, PATCH)
    with pytest.raises(InputError, match="lesionshare"):
        build_sampler({"name": "balanced", "lesionshare": 1}, cases, PATCH)
    for name in ("hashemi", "uniform_lesion", "balanced"):
        with pytest.raises(InputError, match=r"No training case \(1, synthetic\) has a lesion"):
            build_sampler({"name": name}, [cases[2]], PATCH)
