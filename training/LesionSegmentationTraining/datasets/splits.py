"""Dealing patients out to training, validation, calibration and test."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import replace

import numpy as np

from LesionSegmentationLib.engine.errors import InputError

from .case_files import SPLITS, CaseFiles

SHARES = {"train": 0.7, "validate": 0.1, "calibrate": 0.1, "test": 0.1}


def split_by_patient(
    cases: list[CaseFiles], shares: Mapping[str, float] | None = None, seed: int = 0
) -> list[CaseFiles]:
    """Give every case a split so that no patient is in two; answers the cases in the order given.

    ``shares``: part of the cases per split (default SHARES); they are scaled to sum to 1. Patients with most cases are
    dealt first, those with equally many in an order drawn from ``seed``, each to the split that then lacks most; so the
    answer depends on the patients and the seed, never on the order of ``cases``. Every split with a share gets a
    patient while there are enough of them, the first one named (train) before all. A case that has a split keeps it,
    its patient's other cases join it, and these cases count: a split that has more than its share already, such as a
    published test set, gets no more, and the rest is dealt out among the others. Raises InputError for wrong shares or
    a patient in two splits.
    """
    shares = _checked(SHARES if shares is None else shares)
    check_splits(cases)
    taken = {case.patient: case.split for case in cases if case.split is not None}
    count = Counter(case.patient for case in cases)
    free = sorted(patient for patient in count if patient not in taken)
    drawn = np.random.default_rng(seed).permutation(len(free))
    order = [free[at] for at in sorted(range(len(free)), key=lambda at: (-count[free[at]], drawn[at]))]
    held = Counter(dict.fromkeys(shares, 0))
    for patient, split in taken.items():
        held[split] += count[patient]
    wanted = _wanted(shares, held, sum(count[patient] for patient in free))
    for left, patient in zip(range(len(order), 0, -1), order):
        empty = [split for split in wanted if held[split] == 0]
        if empty and left <= len(empty):  # the patients only just suffice
            split = empty[0]
        else:
            split = max(wanted, key=lambda name: wanted[name] - held[name])
        taken[patient] = split
        held[split] += count[patient]
    return [replace(case, split=taken[case.patient]) for case in cases]


def _wanted(shares: dict[str, float], held: Mapping[str, int], free: int) -> dict[str, float]:
    """Cases per split when the ``free`` ones are dealt out; a split that holds more than its share gets none."""
    while True:
        total = free + sum(held[split] for split in shares)
        wanted = {split: share / sum(shares.values()) * total for split, share in shares.items()}
        full = [split for split in shares if held[split] > wanted[split]]
        if not full:
            return wanted
        shares = {split: share for split, share in shares.items() if split not in full}


def check_splits(cases: Iterable[CaseFiles], needed: Iterable[str] = ()) -> None:
    """Raise InputError for a patient in two splits, and for a split of ``needed`` without a case."""
    found: dict[str, CaseFiles] = {}
    for case in cases:
        if case.split is None:
            continue
        first = found.setdefault(case.patient, case)
        if first.split != case.split:
            raise InputError(
                f"Patient {case.patient} is in two splits: case {first.id} in {first.split}, case {case.id} in "
                f"{case.split}; put all cases of a patient into one."
            )
    for split in needed:
        if all(case.split != split for case in found.values()):
            raise InputError(f"The split '{split}' is empty; give at least one patient to it.")


def _checked(shares: Mapping[str, float]) -> dict[str, float]:
    unknown = [split for split in shares if split not in SPLITS]
    if unknown:
        raise InputError(f"The split '{unknown[0]}' is unknown; the known ones are {', '.join(SPLITS)}.")
    total = sum(shares.values())
    if not (all(math.isfinite(share) and share >= 0 for share in shares.values()) and total > 0):
        raise InputError(f"The shares {dict(shares)} must be numbers from 0 on, not all of them 0.")
    return {split: share / total for split, share in shares.items() if share > 0}
