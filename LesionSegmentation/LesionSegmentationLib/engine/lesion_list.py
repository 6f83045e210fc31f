"""The lesions of one setting as a list that measures each of them when somebody looks at it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from .lesion_measures import Lesion, LesionMeasures

if TYPE_CHECKING:
    from .component_tree import Components


class LesionList(Sequence):
    """The ``components`` with the indices ``wanted``, in that order, as Lesions.

    While a slider moves, a dozen rows of a list of hundreds can be seen: a slice measures those it names together, and
    going through the list all of them. Equal to a list of the same Lesions.
    """

    def __init__(self, measures: LesionMeasures, components: Components, wanted: np.ndarray):
        self._measures, self._components, self._wanted = measures, components, wanted
        self._lesions: list[Lesion | None] = [None] * wanted.size

    def __len__(self) -> int:
        return len(self._lesions)

    def __getitem__(self, index):
        missing = range(len(self))[index]
        missing = [n for n in ([missing] if isinstance(missing, int) else missing) if self._lesions[n] is None]
        if missing:
            for n, lesion in zip(missing, self._measures.rows(self._components, self._wanted[missing])):
                self._lesions[n] = lesion
        return self._lesions[index]

    def __iter__(self):
        return iter(self[:])

    def with_id(self, number: int) -> Lesion | None:
        """Return the lesion of that id, None where it is not in the list."""
        found = np.flatnonzero(self._components.basin[self._wanted] == number - 1)
        return self[int(found[0])] if found.size else None

    def index(self, lesion: Lesion) -> int:
        """Return where a lesion of this list is. Raises ValueError where it is not in it."""
        found = np.flatnonzero(self._components.basin[self._wanted] == lesion.id - 1)
        if not found.size:
            raise ValueError(f"lesion {lesion.id} is not in the list")
        return int(found[0])

    def __eq__(self, other):
        return self[:] == other[:] if isinstance(other, (LesionList, list)) else NotImplemented

    __hash__ = None
