"""What a person decided on the lesions, and what that means for the lesions of every other setting.

A decision is made on a lesion as it is shown, and covers all peaks that the lesion has then. So it holds for what the
lesion splits into at stricter settings, and for what it grows into at looser ones, until it meets another lesion: what
then stands there is more than was decided on, and is to be looked at again. "Another lesion" is one that by itself was
large enough to be listed. Later decisions replace earlier ones on the peaks that both cover.
"""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from .errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from .component_tree import Components, ComponentTree

UNDECIDED, KEPT, REJECTED, MERGED = "undecided", "kept", "rejected", "undecided (merged)"
STATES = (UNDECIDED, KEPT, REJECTED, MERGED)
_DECIDED = (UNDECIDED, KEPT, REJECTED)
Voxel = tuple[int, int, int]


@dataclass(frozen=True)
class Decision:
    """``state`` (undecided, kept or rejected) for the lesion with its highest voxel at ``peak`` (i, j, k), as it was
    when the setting marked ``marked`` voxels, filters aside."""

    peak: Voxel
    marked: int
    state: str

    def __post_init__(self):
        if self.state not in _DECIDED:
            raise InputError(f"A lesion can be {', '.join(_DECIDED)}, not '{self.state}'.")


class Decisions:
    """The decisions and notes on the lesions of one study.

    They are data, :meth:`to_dict`, that stands on its own; :meth:`on` applies them to the component tree of the study.
    ``version`` rises with every decision.
    """

    def __init__(self, decisions: list[Decision] | tuple = (), notes: dict[Voxel, str] | None = None):
        self._decisions = list(decisions)
        self._notes = dict(notes or {})
        self.version = 0
        self._applied: tuple[ComponentTree, int, DecidedTree] | None = None

    def __len__(self) -> int:
        return len(self._decisions)

    def decide(self, decision: Decision) -> None:
        """Add a decision. An earlier one on the very same lesion is forgotten."""
        same = (decision.peak, decision.marked)
        self._decisions = [known for known in self._decisions if (known.peak, known.marked) != same]
        self._decisions.append(decision)
        self.version += 1

    def clear(self) -> None:
        """Forget all decisions; notes stay."""
        self._decisions = []
        self.version += 1

    def set_note(self, peak: Voxel, text: str) -> None:
        """Write the note on the lesion with its highest voxel at ``peak``; "" removes it."""
        self._notes.pop(peak, None)
        if text.strip():
            self._notes[peak] = text.strip()

    @property
    def notes(self) -> dict[Voxel, str]:
        """The notes by the peak they were written on."""
        return dict(self._notes)

    def on(self, tree: ComponentTree, rank_of: Callable[[Voxel], int | None]) -> DecidedTree:
        """Return what the decisions say of the nodes of ``tree``. ``rank_of``: rank of a voxel, None if it has none."""
        if self._applied is None or self._applied[:2] != (tree, self.version):
            self._applied = tree, self.version, DecidedTree(tree, self._leaf_states(tree, rank_of))
        return self._applied[2]

    def _leaf_states(self, tree, rank_of) -> np.ndarray:
        states = np.zeros(tree.peaks, np.int8)
        for decision in self._decisions:
            rank = rank_of(decision.peak)
            node = None if rank is None else tree.component(rank, decision.marked)
            if node is not None:
                states[tree.low[node] : tree.low[node] + tree.leaves[node]] = _DECIDED.index(decision.state)
        return states

    def to_dict(self) -> dict:
        """Return all of it, ready for JSON."""
        return {
            "decisions": [{**dataclasses.asdict(known), "peak": list(known.peak)} for known in self._decisions],
            "notes": [{"peak": list(peak), "text": text} for peak, text in self._notes.items()],
        }

    @classmethod
    def from_dict(cls, entry: dict) -> Decisions:
        """Return the decisions that :meth:`to_dict` wrote. Raises InputError where it is damaged."""
        try:
            decisions = [
                Decision(_voxel(known["peak"]), int(known["marked"]), known["state"]) for known in entry["decisions"]
            ]
            return cls(decisions, {_voxel(note["peak"]): str(note["text"]) for note in entry["notes"]})
        except (KeyError, TypeError, ValueError) as error:
            raise InputError("The stored decisions on the lesions are damaged and cannot be read.") from error


class DecidedTree:
    """The states of components, from the state of each leaf of their tree (int8, an index of ``STATES`` up to 2)."""

    def __init__(self, tree: ComponentTree, leaf_states: np.ndarray):
        self._tree = tree
        self._before = [np.concatenate([[0], np.cumsum(leaf_states == state)]) for state in (1, 2)]
        decided = self._holds(1) | self._holds(2)
        # Components without a decision in them that merged into one with a decision.
        joined = ~decided & (tree.parent >= 0) & (tree.birth < tree.death) & decided[tree.parent]
        self._joined = np.flatnonzero(joined)

    def states(self, components: Components, was_listed: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
        """Return the state of each component, an index of ``STATES``, int8.

        ``was_listed(nodes)`` tells which nodes of the tree were large enough to be listed when they merged.
        """
        kept, rejected = self._holds(1, components.node), self._holds(2, components.node)
        states = np.select([kept & rejected, kept, rejected], [3, 1, 2], 0).astype(np.int8)
        owner = components.holding(self._tree.low[self._joined])
        open_question = (owner >= 0) & (states[owner] % 3 > 0) if states.size else np.zeros(0, bool)
        joined, owner = self._joined[open_question], owner[open_question]
        if joined.size:
            states[owner[was_listed(joined)]] = 3
        return states

    def _holds(self, state: int, nodes: np.ndarray | slice = slice(None)) -> np.ndarray:
        """Whether the nodes have a leaf of that state."""
        before, low = self._before[state - 1], self._tree.low[nodes]
        return before[low + self._tree.leaves[nodes]] > before[low]


def _voxel(values) -> Voxel:
    i, j, k = (int(value) for value in values)
    return i, j, k
