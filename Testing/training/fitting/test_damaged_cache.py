"""Cases that are damaged on the disk."""

import warnings

import pytest

from LesionSegmentationTraining.patches import open_cache
from training.fitting.conftest import write_cache


@pytest.fixture
def damaged(tmp_path):
    """A cache whose first training case has a few other bytes than were written."""
    path = write_cache(tmp_path / "damaged.safetensors", ("train", "train", "train"))
    image = open_cache(path).cases[0].image
    with path.open("r+b") as stream:
        stream.seek(image.offset + 100)
        stream.write(b"\xff" * 64)
    return path


@pytest.mark.parametrize("workers", [0, 1])
def test_a_damaged_case_ends_the_run_with_its_name(fit, damaged, capsys, workers):
    data = {"caches": [str(damaged)], "workers": workers, "sampler": {"name": "uniform"}}
    code, _ = fit(changes={"data": data})
    captured = capsys.readouterr()
    assert code == 2
    last = captured.err.strip().splitlines()[-1]
    assert last.startswith("error: Case case-0 in ") and "damaged" in last


def test_a_damaged_case_is_left_out_if_asked_for_and_counted(fit, damaged):
    data = {"caches": [str(damaged)], "skip_broken": True, "sampler": {"name": "uniform"}}
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        code, folder = fit(changes={"data": data, "trainer": {"max_epochs": 1}})
    assert code == 0 and (folder / "last.ckpt").is_file()
    said = [str(warning.message) for warning in caught if "Left out" in str(warning.message)]
    assert len(said) == 1 and "1 of 3 cases" in said[0] and "case-0" in said[0]
