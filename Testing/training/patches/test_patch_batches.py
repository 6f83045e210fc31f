"""Batches: reproducible by seed, number and rank; target and weight follow the image; damage is named or left out."""

import pickle
from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from LesionSegmentationLib.engine.errors import InputError
from LesionSegmentationTraining.losses.lesion_weights import weight_by_size
from LesionSegmentationTraining.patches import CacheWriter, PatchBatches, build_sampler, open_cache
from LesionSegmentationTraining.patches.augmentation import PRESETS, build_augmentation
from LesionSegmentationTraining.patches.patch_batches import finish
from LesionSegmentationTraining.patches.spatial import Spatial, cut, resample, source_of

from .conftest import blob, made_up

PATCH = (16, 16, 16)


def batches_of(cases, **settings) -> PatchBatches:
    settings = {"patch": PATCH, "batch": 2, "seed": 7, "augmentation": {"preset": "mri"}, **settings}
    sampler = build_sampler({"name": "balanced", "jitter": 3}, cases, settings["patch"])
    return PatchBatches(cases, sampler=sampler, **settings)


def same(one: dict, two: dict) -> bool:
    return one.keys() == two.keys() and all(torch.equal(one[key], two[key]) for key in one)


def test_a_batch_depends_on_seed_number_and_rank_alone(cases):
    first, again = batches_of(cases), batches_of(cases)
    first[0], first[1]
    assert same(first[5], again[5])
    assert not same(first[5], first[6])
    assert not same(first[5], batches_of(cases, rank=1)[5])
    assert not same(first[5], batches_of(cases, seed=8)[5])
    image, target = first[5]["image"], first[5]["target"]
    assert image.shape == (2, 2, *PATCH) and target.shape == (2, 1, *PATCH)
    assert image.dtype == target.dtype == torch.float32
    assert set(target.unique().tolist()) <= {0.0, 1.0}


def test_workers_make_the_same_batches(cases):
    batches = batches_of(cases)
    # numbers 5 to 8: a run that goes on gets the batches it would have had
    loader = torch.utils.data.DataLoader(batches, batch_size=None, sampler=range(5, 9), num_workers=2)
    for number, batch in zip(range(5, 9), loader):
        assert same(batch, batches[number])


def test_batches_travel_to_a_process_that_starts_anew(cases):
    """What a spawned worker gets: the description, not the arrays."""
    batches = batches_of(cases)
    first = batches[0]
    content = pickle.dumps(batches)
    assert len(content) < 20_000
    assert same(pickle.loads(content)[0], first)


@pytest.mark.parametrize("weight", [None, {"name": "inverse_lesion"}])
def test_a_gpu_gets_the_same_patches_as_the_workers_make(cases, weight):
    """One code path: sources of one size, finished later, equal patches finished in the worker."""
    spatial = {"spatial": {"bend_voxels": 1.5}, "steps": PRESETS["mri"]["steps"]}
    whole = batches_of(cases, augmentation=spatial, weight=weight)
    later = batches_of(cases, augmentation=spatial, weight=weight, on_device=True)
    for number in range(3):
        finished = finish(later[number], PATCH, later.augmentation, weight)
        for key, value in whole[number].items():
            # bends and turns reach a little less or more of the source: the same up to rounding
            assert torch.isclose(finished[key], value, atol=2e-2).float().mean() > 0.995, key


def voxels_around(case, centre, patch=16) -> tuple[slice, ...]:
    return tuple(slice(int(c) - patch // 2, int(c) - patch // 2 + patch) for c in centre)


@pytest.mark.parametrize("patch", [16, 15])
def test_without_augmentation_a_patch_is_the_case_itself(cases, patch):
    case, centre, size = cases[0], np.array([21, 22, 18]), (patch,) * 3
    source = source_of(case, centre, np.eye(3), size)
    image, numbers = resample(source.image[None], source.numbers[None], source.theta[None], size)
    plain = cut(case, centre, np.eye(3), size)
    box = voxels_around(case, centre, patch)
    for found_image, found_numbers in ((image[0], numbers[0]), (plain.image, plain.numbers)):
        np.testing.assert_allclose(found_image, case.image[(slice(None), *box)].astype(np.float32), atol=1e-3)
        np.testing.assert_array_equal(found_numbers[0], case.lesions[box])


@pytest.mark.parametrize("name", ["none", "mri"])
def test_the_drawn_voxel_is_in_the_middle_of_the_patch(cases, name):
    case, centre = cases[0], np.array([21, 22, 18])
    spatial = build_augmentation({"preset": name, "spatial": {"half_turns": 0.5}} if name == "mri" else None).spatial
    for n in range(20):
        matrix = spatial.draw(np.random.default_rng(n))
        source = cut(case, centre, matrix, PATCH) if spatial.on_grid else source_of(case, centre, matrix, PATCH)
        image = source.image[None]
        if source.theta is not None:
            image, _ = resample(image, source.numbers[None], source.theta[None], PATCH)
        assert image[0, 0, 8, 8, 8] == pytest.approx(float(case.image[(0, *centre)]), abs=2e-3)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.tuples(*[st.integers(-4, 40)] * 3))
def test_a_mirrored_patch_is_cut_as_it_would_be_resampled(seed, centre):
    rng = np.random.default_rng(seed)
    image, lesions = made_up(seed, (24, 26, 28), [((12, 12, 12), 5)])
    case = SimpleNamespace(image=image, lesions=lesions)
    matrix = Spatial(degrees=0, scale=1, stretch=1, half_turns=0.75).draw(rng)
    plain = cut(case, np.array(centre), matrix, PATCH)
    source = source_of(case, np.array(centre), matrix, PATCH)
    found, numbers = resample(source.image[None], source.numbers[None], source.theta[None], PATCH)
    np.testing.assert_allclose(plain.image, found[0], atol=2e-3)
    np.testing.assert_array_equal(plain.numbers, numbers[0])


def test_half_turns_are_the_three_of_the_paper():
    spatial = Spatial(degrees=0, scale=1, stretch=1, mirrored=0, half_turns=0.75)
    drawn = [tuple(np.diag(spatial.draw(np.random.default_rng(n)))) for n in range(400)]
    counts = {turn: drawn.count(turn) for turn in set(drawn)}
    assert set(counts) == {(1, 1, 1), (1, -1, -1), (-1, 1, -1), (-1, -1, 1)}
    assert all(abs(count - 100) < 4 * np.sqrt(75) for count in counts.values())


def test_a_stripped_patch_shows_the_brain_alone(tmp_path):
    image, lesions = made_up(2, (32, 32, 32), [((16, 16, 16), 4)])
    brain = blob((32, 32, 32), (16, 16, 16), 9)
    path = tmp_path / "cases.safetensors"
    with CacheWriter(path, ("flair", "t1"), (1, 1, 1)) as writer:
        writer.add("one", "a", "train", "real", image, lesions, {}, brain=brain)
    cases = open_cache(path).split("train")
    batches = batches_of(cases, batch=40, patch=(24, 24, 24), augmentation={"stripped": 0.5})
    share = (batches[0]["image"][:, 0] != 0).float().mean(dim=(1, 2, 3))
    # a ball of radius 9 is a fifth of the cube
    assert 8 < int((share < 0.3).sum()) < 32
    assert int((share > 0.3).sum() + (share < 0.3).sum()) == 40
    later = batches_of(cases, batch=40, patch=(24, 24, 24), augmentation={"stripped": 0.5}, on_device=True)
    assert same(finish(later[0], (24, 24, 24), later.augmentation, None), batches[0])


def test_beyond_the_edge_of_a_case_there_is_air(cases):
    source = source_of(cases[1], np.array([-3, 40, 18]), np.eye(3), (24, 24, 24))
    image, numbers = resample(source.image[None], source.numbers[None], source.theta[None], (24, 24, 24))
    assert torch.isfinite(image).all()
    assert not image[0, :, :10].any() and not numbers[0, :, :10].any()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 10_000))
def test_the_target_follows_the_image(seed):
    """A bright ball that is also the lesion: after any turn its bright voxels are those of the target."""
    rng = np.random.default_rng(seed)
    shape, centre, radius = (40, 40, 40), rng.uniform(14, 26, 3), rng.uniform(4, 6)
    lesions = blob(shape, centre, radius).astype(np.uint16)
    case = SimpleNamespace(image=lesions[None].astype(np.float16), lesions=lesions)
    spatial = Spatial(degrees=20, bend_voxels=1.0)
    matrix, bend = spatial.draw(rng), spatial.draw_bend(rng, (32, 32, 32))
    source = source_of(case, centre, matrix, (32, 32, 32), margin=1.0)
    image, numbers = resample(source.image[None], source.numbers[None], source.theta[None], (32, 32, 32), bend[None])
    target = numbers[0, 0].numpy() > 0
    np.testing.assert_array_equal(target, image[0, 0].numpy() > 0.5)
    # steps of one voxel of the patch are steps of |det|^(1/3) voxels of the case
    expected = lesions.sum() / abs(np.linalg.det(matrix))
    assert target.sum() == pytest.approx(expected, rel=0.25)
    assert np.linalg.norm(np.argwhere(target).mean(axis=0) - 15.5) < 1.8


def test_neighbouring_lesions_keep_their_numbers():
    lesions = np.zeros((24, 24, 24), np.uint16)
    lesions[6:10, 8:16, 8:16], lesions[14:18, 8:16, 8:16] = 3, 5
    case = SimpleNamespace(image=(lesions > 0)[None].astype(np.float16), lesions=lesions)
    matrix = Spatial(turned=1.0, mirrored=0.0).draw(np.random.default_rng(4))
    source = source_of(case, np.array([11.5, 11.5, 11.5]), matrix, (20, 20, 20))
    _, numbers = resample(source.image[None], source.numbers[None], source.theta[None], (20, 20, 20))
    assert set(numbers.unique().tolist()) == {0.0, 3.0, 5.0}


def test_the_weight_map_is_that_of_the_whole_image(cases):
    still = {"preset": "none"}
    batch = batches_of(cases, augmentation=still, weight={"name": "inverse_lesion", "clip": [0.5, 1000.0]}, batch=1)
    expected = {
        float(np.float32(value))
        for case in cases
        for value in weight_by_size(case.sizes, case.lesions.size, (0.5, 1000.0))
    }
    for number in range(6):
        one = batch[number]
        assert one["weight"].shape == one["target"].shape
        assert set(one["weight"].unique().tolist()) <= expected
        if one["target"].any():
            assert one["weight"][one["target"] > 0].min() > one["weight"][one["target"] == 0].max()


def test_the_published_weight_map_comes_from_the_patch(cases):
    one = batches_of(cases, weight={"name": "inverse_lesion_patch"})[0]
    assert one["weight"].shape == one["target"].shape and (one["weight"] >= 1).all()
    with pytest.raises(InputError, match="'inverse' is unknown"):
        batches_of(cases, weight={"name": "inverse"})


def damage(path, case) -> None:
    content = bytearray(path.read_bytes())
    at = content.find(np.asarray(case.image[0, 18]).tobytes())
    content[at + 7] ^= 1
    path.write_bytes(content)


def test_a_damaged_case_is_named_or_left_out_and_counted(cache_path):
    damage(cache_path, open_cache(cache_path).cases[0])
    cases = open_cache(cache_path).split("train")
    strict, lenient = batches_of(cases), batches_of(cases, skip_broken=True)
    with pytest.raises(InputError, match="Case two in"):
        for number in range(20):
            strict[number]
    with pytest.warns(UserWarning, match="Left out .1 of 3"):
        for number in range(20):
            lenient[number]
    assert list(lenient.broken) == ["two"]


def test_a_cache_of_nothing_but_damage_is_said(tmp_path):
    path = tmp_path / "cases.safetensors"
    with CacheWriter(path, ("flair", "t1"), (1, 1, 1)) as writer:
        writer.add("one", "a", "train", "real", *made_up(1, (36, 36, 36), [((18, 18, 18), 4)]), {})
    damage(path, open_cache(path).cases[0])
    batches = batches_of(open_cache(path).split("train"), skip_broken=True)
    with pytest.warns(UserWarning), pytest.raises(InputError, match="All cases drawn are damaged"):
        batches[0]


STEPS = [{"name": name} for name in ("thick_slices", "motion", "ghosts", "bias_field", "gaussian_noise", "rician_noise",
         "smooth", "contrast", "scale", "gibbs", "histogram_shift", "spikes", "low_resolution")]  # fmt: skip


@pytest.mark.parametrize("step", STEPS, ids=lambda step: step["name"])
def test_every_step_is_seeded_keeps_the_background_and_stays_in_range(cases, step):
    image = torch.as_tensor(np.array(cases[0].image[:, :32, :32, :32], np.float32))
    augmentation = build_augmentation({"steps": [step]})
    one, again, other = augmentation(image, 5), augmentation(image, 5), augmentation(image, 6)
    assert torch.equal(one, again)
    assert not torch.equal(one, other)
    assert not torch.equal(one, image)
    assert type(one) is torch.Tensor
    assert torch.isfinite(one).all() and one.min() >= 0 and one.max() <= 5
    assert not one[image == 0].any()
    # it is still the same image
    inside = image[0] > 0
    assert np.corrcoef(one[0][inside], image[0][inside])[0, 1] > 0.3


@pytest.mark.parametrize("name", ["smooth", "thick_slices", "low_resolution"])
def test_the_rim_of_a_patch_stays_as_bright_as_its_middle(name):
    flat = torch.ones(1, 24, 24, 24)
    for seed in range(5):
        torch.testing.assert_close(build_augmentation({"steps": [{"name": name}]})(flat, seed), flat)


def test_shading_goes_either_way():
    flat = torch.ones(1, 24, 24, 24)
    shading = build_augmentation({"steps": [{"name": "bias_field"}]})
    corners = torch.stack([shading(flat, seed)[0, -1, -1, -1] for seed in range(60)])
    assert 15 < int((corners > 1).sum()) < 45
    assert corners.min() > 0.3 and corners.max() < 3


def test_noise_is_as_strong_as_said():
    flat = torch.full((1, 32, 32, 32), 2.0)
    for name in ("gaussian_noise", "rician_noise"):
        spread = [float(build_augmentation({"steps": [{"name": name, "std": 0.2}]})(flat, n).std()) for n in range(40)]
        assert max(spread) < 0.21 and min(spread) < 0.05 and np.mean(spread) == pytest.approx(0.1, abs=0.03)


def test_a_dropped_channel_is_zero_and_never_the_first(cases):
    image = torch.as_tensor(np.array(cases[0].image[:, :16, :16, :16], np.float32))
    augmentation = build_augmentation({"channel_dropout": 0.5})
    dropped = [not augmentation(image, seed)[1].any() for seed in range(60)]
    assert 12 < sum(dropped) < 48
    assert all(augmentation(image, seed)[0].any() for seed in range(60))


def test_unknown_augmentations_are_said():
    for spec, says in (
        ({"preset": "ct"}, "'ct' is unknown; the known ones are mri, none"),
        ({"steps": [{"name": "blur"}]}, "'blur' is unknown; the known ones are bias_field"),
        ({"steps": [{"name": "motion", "voxel": 2}]}, "voxel"),
        ({"spatial": {"degree": 3}}, "no entry 'degree'"),
        ({"step": []}, "no entry 'step'"),
    ):
        with pytest.raises(InputError, match=says):
            build_augmentation(spec)
