"""Checkpoints on a disk that fills up."""

import errno
import os
from pathlib import Path

import pytest
import torch

from LesionSegmentationLib.engine.errors import InputError
from LesionSegmentationTraining.fitting import checkpoints
from LesionSegmentationTraining.fitting.checkpoints import AtomicCheckpoints, best_score_of
from LesionSegmentationTraining.fitting.trained_run import load_run


class FullDisk:
    """Refuses to make files last between ``first`` and ``last`` (counted from 1), as a full disk does."""

    def __init__(self, first: int, last: int):
        self.first, self.last, self.count = first, last, 0

    def __call__(self, handle: int) -> None:
        self.count += 1
        if self.first <= self.count <= self.last:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


@pytest.fixture
def full_disk(monkeypatch):
    def fill(first: int, last: int = 10**9) -> None:
        monkeypatch.setattr(checkpoints.os, "fsync", FullDisk(first, last))
        monkeypatch.setattr(checkpoints, "_sync_folder", lambda folder: None)

    return fill


def test_a_full_disk_leaves_the_old_file_and_names_the_folder(tmp_path, full_disk):
    writer, path = AtomicCheckpoints(), tmp_path / "a.ckpt"
    writer.save_checkpoint({"step": 1}, path)
    full_disk(1)
    with pytest.raises(InputError, match=str(tmp_path)):
        writer.save_checkpoint({"step": 2}, path)
    assert torch.load(path, weights_only=True) == {"step": 1}
    assert [found.name for found in tmp_path.iterdir()] == ["a.ckpt"]


def test_a_run_stops_with_a_sentence_and_its_last_good_checkpoint(fit, full_disk, capsys):
    full_disk(3)
    code, folder = fit(more=["--checkpoints.when_disk_full", "stop"])
    assert code == 2
    sentence = capsys.readouterr().err.strip().splitlines()[-1]
    assert sentence.startswith("error: The checkpoint last.ckpt") and str(folder) in sentence
    run = load_run(folder / "last.ckpt")
    assert run.step == 10 and run.network() is not None
    assert not list(folder.glob("*.part"))


def test_a_run_goes_on_through_a_disk_that_is_full_for_a_while(fit, full_disk):
    full_disk(2, 3)
    with pytest.warns(UserWarning, match="tries again after the next round"):
        code, folder = fit()
    assert code == 0
    assert load_run(folder / "last.ckpt").step == 20


def test_the_end_of_a_run_that_cannot_be_saved_is_an_error(fit, full_disk):
    full_disk(4)
    with pytest.warns(UserWarning, match="tries again"):
        code, folder = fit()
    assert code == 2
    assert load_run(folder / "last.ckpt").step == 15


def test_the_best_checkpoint_is_that_of_the_best_score(fit):
    code, folder = fit(changes={"trainer": {"check_val_every_n_epoch": 1}})
    assert code == 0
    assert 0 <= best_score_of(folder / "last.ckpt") <= 1
    assert load_run(folder / "best.ckpt").step in (5, 10, 15, 20)


def test_a_file_that_is_no_checkpoint_is_refused(tmp_path):
    broken: Path = tmp_path / "last.ckpt"
    with pytest.raises(InputError, match="no checkpoint"):
        load_run(broken)
    broken.write_bytes(b"PK not really")
    with pytest.raises(InputError, match="damaged"):
        load_run(broken)
    torch.save({"other": 1}, broken)
    with pytest.raises(InputError, match="no checkpoint of this package"):
        load_run(broken)
