"""Splits keep patients whole."""

from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from LesionSegmentationLib.engine.errors import InputError
from LesionSegmentationTraining.datasets import CaseFiles, check_splits, split_by_patient
from LesionSegmentationTraining.datasets.case_files import SPLITS


def cases_of(counts: dict[str, int], split: str | None = None) -> list[CaseFiles]:
    return [
        CaseFiles(f"{patient}_{time}", patient, {"flair": Path("f")}, Path("m"), split)
        for patient, count in counts.items()
        for time in range(count)
    ]


patients = st.dictionaries(st.text("abcdefgh", min_size=1, max_size=3), st.integers(1, 5), min_size=1, max_size=25)
shares = st.dictionaries(st.sampled_from(SPLITS), st.floats(0.05, 1), min_size=1)


@given(patients, shares, st.integers(0, 9), st.randoms(use_true_random=False))
def test_every_case_once_no_patient_on_two_sides_whatever_the_order(counts, wanted, seed, random):
    cases = cases_of(counts)
    split = split_by_patient(cases, wanted, seed)
    assert [case.id for case in split] == [case.id for case in cases]
    assert {case.split for case in split} <= set(wanted)
    assert len({(case.patient, case.split) for case in split}) == len(counts)
    shuffled = random.sample(cases, len(cases))
    again = split_by_patient(shuffled, wanted, seed)
    assert {case.id: case.split for case in again} == {case.id: case.split for case in split}


@given(patients, shares)
def test_no_split_is_empty_while_there_are_patients(counts, wanted):
    held = {case.split for case in split_by_patient(cases_of(counts), wanted)}
    assert len(held) == min(len(wanted), len(counts))


@given(st.integers(20, 60), st.integers(1, 4), st.integers(0, 5))
def test_shares_are_met_to_within_one_patient(patients, times, seed):
    cases = cases_of({f"p{n}": times for n in range(patients)})
    held = Counter(case.split for case in split_by_patient(cases, seed=seed))
    for split, share in {"train": 0.7, "validate": 0.1, "calibrate": 0.1, "test": 0.1}.items():
        assert abs(held[split] - share * len(cases)) <= 2 * times


def test_balance_is_by_cases_not_by_patients():
    counts = {"many": 10} | {f"p{n}": 1 for n in range(10)}
    held = Counter(case.split for case in split_by_patient(cases_of(counts), {"train": 0.5, "test": 0.5}))
    assert held == {"train": 10, "test": 10}


def test_another_seed_is_another_split():
    cases = cases_of({f"p{n}": 1 for n in range(30)})
    first, second = (tuple(case.split for case in split_by_patient(cases, seed=seed)) for seed in (0, 1))
    assert first != second


def test_cases_with_a_split_keep_it_and_draw_their_patient_along():
    fixed = cases_of({"a": 1}, "test")
    later = [CaseFiles("a_9", "a", {"flair": Path("f")}, Path("m"))]
    split = split_by_patient(fixed + later + cases_of({"b": 1, "c": 1}), {"train": 0.7, "test": 0.3})
    assert [case.split for case in split] == ["test", "test", "train", "train"]


def test_a_published_test_set_gets_no_more_and_the_rest_is_dealt_among_the_others():
    cases = cases_of({f"t{n}": 1 for n in range(38)}, "test") + cases_of({f"p{n}": 1 for n in range(15)})
    held = Counter(case.split for case in split_by_patient(cases))
    assert held == {"test": 38, "train": 11, "validate": 2, "calibrate": 2}


@given(patients, patients, shares, st.sampled_from(SPLITS))
def test_cases_with_a_split_keep_it_whatever_the_rest(fixed, free, wanted, split):
    cases = cases_of({f"x{name}": count for name, count in fixed.items()}, split) + cases_of(free)
    dealt = split_by_patient(cases, wanted)
    assert all(case.split == split for case in dealt if case.patient.startswith("x"))
    assert {case.split for case in dealt} <= {split, *wanted}
    check_splits(dealt)


def test_a_patient_in_two_splits_is_named():
    with pytest.raises(InputError, match="Patient a is in two splits: case a_0 in train, case a_1 in test"):
        check_splits([*cases_of({"a": 1}, "train"), CaseFiles("a_1", "a", {"t1": Path("f")}, Path("m"), "test")])


def test_an_empty_training_split_is_named():
    with pytest.raises(InputError, match="split 'train' is empty"):
        check_splits(cases_of({"a": 2}, "test"), needed=("train",))
    check_splits(cases_of({"a": 2}, "train"), needed=("train",))


@pytest.mark.parametrize(
    "wrong", [{"training": 1.0}, {"train": 0.0}, {"train": -1, "test": 2}, {"train": float("nan")}]
)
def test_wrong_shares_are_refused(wrong):
    with pytest.raises(InputError, match="unknown|must be numbers"):
        split_by_patient(cases_of({"a": 1}), wrong)
