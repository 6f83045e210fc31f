"""The cache file: what is written is read, also by the safetensors library; a full disk leaves nothing."""

import errno
import pickle

import numpy as np
import pytest
from safetensors import safe_open
from scipy import ndimage

from LesionSegmentationLib.engine.errors import InputError
from LesionSegmentationLib.engine.intensity import standardise
from LesionSegmentationTraining.patches import CacheWriter, join_caches, open_cache, open_caches

from .conftest import CASES, made_up


def test_what_was_written_is_read(cache_path):
    cache = open_cache(cache_path)
    assert cache.channels == ("flair", "t1") and cache.spacing_mm == (1.0, 1.0, 1.0) and cache.facts == {"made": "up"}
    assert [case.id for case in cache.split("train")] == ["two", "one", "none"]
    for seed, (case, row) in enumerate(zip(cache.cases, CASES)):
        image, lesions = made_up(seed, row[4], row[5])
        assert (case.id, case.patient, case.split, case.kind) == row[:4] and case.facts == {"seed": seed}
        np.testing.assert_array_equal(case.image, image)
        np.testing.assert_array_equal(case.lesions, lesions)
        np.testing.assert_array_equal(case.mask, lesions > 0)
        assert case.sizes.tolist() == [int((lesions == number).sum()) for number in range(1, len(row[5]) + 1)]
        for number in range(1, len(case.sizes) + 1):
            assert (lesions[tuple(case.of_lesion(number).T)] == number).all()
        case.verify()


def test_the_safetensors_library_reads_the_file(cache_path):
    cache = open_cache(cache_path)
    with safe_open(cache_path, "numpy") as file:
        for case in cache.cases:
            np.testing.assert_array_equal(file.get_tensor(f"{case.id}/image"), case.image)
            np.testing.assert_array_equal(file.get_tensor(f"{case.id}/lesions"), case.lesions)


def test_a_case_reopens_its_file_in_another_process(cases):
    case = cases[0]
    case.image, case.sizes  # noqa: B018 - opened before it travels
    again = pickle.loads(pickle.dumps(case))
    assert len(pickle.dumps(case)) < 5000
    np.testing.assert_array_equal(again.image, case.image)


def test_several_files_are_one_cache(cache_path, tmp_path):
    other = tmp_path / "other.safetensors"
    with CacheWriter(other, ("flair", "t1"), (1, 1, 1)) as writer:
        writer.add("more", "e", "train", "real", *made_up(9, (20, 20, 20), [((10, 10, 10), 2)]), {})
    both = open_caches([cache_path, other])
    assert len(both.cases) == 5
    joined = tmp_path / "joined.safetensors"
    join_caches([cache_path, other], joined, {"of": 2})
    again = open_cache(joined)
    assert again.facts == {"of": 2}
    for case, copy in zip(both.cases, again.cases):
        np.testing.assert_array_equal(case.lesions, copy.lesions)
        assert case.checksums == copy.checksums
    with pytest.raises(InputError, match="more is in"):
        open_caches([other, joined])


def test_caches_that_do_not_fit_are_refused(cache_path, tmp_path):
    other = tmp_path / "other.safetensors"
    with CacheWriter(other, ("flair",), (1, 1, 1)) as writer:
        writer.add("more", "e", "train", "real", np.ones((1, 8, 8, 8)), np.zeros((8, 8, 8), int), {})
    with pytest.raises(InputError, match="other.safetensors has other channels"):
        open_caches([cache_path, other])
    with pytest.raises(InputError, match="No cache"):
        open_caches([])


def test_wrong_cases_are_refused(tmp_path):
    with pytest.raises(InputError, match="twice is in"), CacheWriter(tmp_path / "c", ("flair",), (1, 1, 1)) as writer:
        for _ in range(2):
            writer.add("twice", "e", "train", "real", np.ones((1, 8, 8, 8)), np.zeros((8, 8, 8), int), {})
    with (
        pytest.raises(InputError, match="not 1 channels"),
        CacheWriter(tmp_path / "c", ("flair",), (1, 1, 1)) as writer,
    ):
        writer.add("x", "e", "train", "real", np.ones((2, 8, 8, 8)), np.zeros((8, 8, 8), int), {})
    ones, zeros = np.ones((1, 8, 8, 8)), np.zeros((8, 8, 8), int)
    gap, nan = zeros.copy(), ones.copy()
    gap[4, 4, 4], nan[0, 0, 0, 0] = 2, np.nan
    for image, lesions, brain, says in (
        (ones, gap, None, "no voxel has lesion number 1"),
        (nan, zeros, None, "Case x: the image holds NaN"),
        (ones * 1e6, zeros, None, "values beyond 65504"),
        (ones, zeros, ones[0, :4], "the brain mask has shape"),
    ):
        with pytest.raises(InputError, match=says), CacheWriter(tmp_path / "c", ("flair",), (1, 1, 1)) as writer:
            writer.add("x", "e", "train", "real", image, lesions, {}, brain)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kept", [0, 5, 200, -1])
def test_a_file_cut_short_is_named(cache_path, kept):
    whole = cache_path.read_bytes()
    cache_path.write_bytes(whole[:kept])
    with pytest.raises(InputError, match="cases.safetensors"):
        open_cache(cache_path)


def test_a_foreign_file_is_named(tmp_path):
    from safetensors.numpy import save_file

    path = tmp_path / "weights.safetensors"
    save_file({"weight": np.zeros(3, np.float32)}, path)
    with pytest.raises(InputError, match="weights.safetensors is no cache"):
        open_cache(path)


def test_a_flipped_bit_is_found_and_the_case_named(cache_path):
    case = open_cache(cache_path).cases[1]
    content = bytearray(cache_path.read_bytes())
    at = content.find(np.asarray(case.image[0, 18]).tobytes())
    content[at + 7] ^= 1
    cache_path.write_bytes(content)
    damaged = open_cache(cache_path)
    with pytest.raises(InputError, match=r"Case one in .*damaged \(image\)"):
        damaged.cases[1].verify()
    damaged.cases[0].verify()


def test_a_full_disk_leaves_no_half_file(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("LesionSegmentationTraining.patches.cache_file.shutil.copyfileobj", full)
    path = tmp_path / "cases.safetensors"
    with pytest.raises(InputError, match="cases.safetensors cannot be written .*No space"):
        with CacheWriter(path, ("flair",), (1, 1, 1)) as writer:
            writer.add("x", "e", "train", "real", np.ones((1, 8, 8, 8)), np.zeros((8, 8, 8), int), {})
    assert not list(tmp_path.iterdir())


def test_a_write_that_fails_half_way_leaves_nothing(tmp_path):
    """As on a disk that is full: the system itself refuses to write beyond 20 kB, also when the file is closed."""
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, before[1]))
    try:
        with pytest.raises(InputError, match="cases.safetensors cannot be written"):
            with CacheWriter(tmp_path / "cases.safetensors", ("flair",), (1, 1, 1)) as writer:
                for name in "abc":
                    writer.add(name, "e", "train", "real", np.ones((1, 17, 17, 17)), np.zeros((17, 17, 17), int), {})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert not list(tmp_path.iterdir())


def test_a_damaged_header_is_named(cache_path):
    content = cache_path.read_bytes()
    cache_path.write_bytes(content.replace(b'\\"patient\\"', b'\\"pazient\\"', 1))
    with pytest.raises(InputError, match="header of .*cases.safetensors is damaged"):
        open_cache(cache_path)


def test_a_brain_mask_travels_along(cache_path, tmp_path):
    image, lesions = made_up(9, (24, 24, 24), [((12, 12, 12), 3)])
    image[:, 3:8] *= 2  # something bright around the brain
    brain = np.zeros((24, 24, 24), bool)
    brain[8:-4, 4:-4, 4:-4] = True
    path = tmp_path / "brain.safetensors"
    with CacheWriter(path, ("flair", "t1"), (1, 1, 1)) as writer:
        writer.add("x", "x", "train", "real", image, lesions, {}, brain=brain)
    joined = tmp_path / "joined.safetensors"
    join_caches([cache_path, path], joined)
    *without, case = open_cache(joined).cases
    assert all(other.brain is None for other in without)
    np.testing.assert_array_equal(case.brain, brain)
    # what the engine would make of the stripped image
    stripped = standardise(image[1].astype(np.float32) * brain)
    np.testing.assert_allclose(image[1] * brain * case.stripped_scale[1], stripped, rtol=0.02)
    case.verify()


def test_an_error_in_between_leaves_the_old_file(cache_path):
    before = cache_path.read_bytes()
    with pytest.raises(RuntimeError), CacheWriter(cache_path, ("flair",), (1, 1, 1)):
        raise RuntimeError("interrupted")
    assert cache_path.read_bytes() == before
    assert [path.name for path in cache_path.parent.iterdir()] == [cache_path.name]


def test_numbers_are_those_of_the_whole_image(cases):
    numbers, count = ndimage.label(cases[0].mask, np.ones((3, 3, 3)))
    assert count == len(cases[0].sizes)
    assert sorted(np.bincount(numbers.ravel())[1:]) == sorted(cases[0].sizes)


def test_a_patient_in_two_splits_of_two_files_is_refused(cache_path, tmp_path):
    other = tmp_path / "other.safetensors"
    with CacheWriter(other, ("flair", "t1"), (1, 1, 1)) as writer:
        writer.add("again", "a", "test", "real", *made_up(9, (20, 20, 20), [((10, 10, 10), 2)]), {})
    with pytest.raises(InputError, match="Patient a is in the splits train and test"):
        open_caches([cache_path, other])
