"""The 26-connected components of every prefix of a voxel ranking, found once.

Nested segmentations merge components. Each voxel belongs to the basin of the peak that steepest ascent leads it to; two
basins become one component at the first prefix that holds a neighbouring pair of their voxels. The merges form a tree;
the components of a prefix are the nodes alive there, and their sizes are sums over leaves.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np

_ARRAYS = ("basin", "peaks", "birth", "death", "node_peak", "low", "position", "leaves", "parent")
_OFFSETS = np.array([offset for offset in product((-1, 0, 1), repeat=3) if offset != (0, 0, 0)])


@dataclass(frozen=True)
class Components:
    """The components of one prefix, best peak first.

    ``peak``: rank of the highest voxel, which is the component's identity. ``basin``: number of that peak among all
    peaks, which stays the same at every prefix. ``voxels``: size. ``node``: the component's node in the tree.
    """

    tree: ComponentTree
    count: int
    node: np.ndarray
    peak: np.ndarray
    basin: np.ndarray
    voxels: np.ndarray

    @cached_property
    def of_rank(self) -> np.ndarray:
        """For every rank of the prefix, the index of its component in the arrays here."""
        return self.spread(np.arange(self.node.size))

    def spread(self, values: np.ndarray) -> np.ndarray:
        """Return, for every rank of the prefix, the one of ``values`` (one a component) that is its component's."""
        return self.by_leaf(values).take(self.tree.leaf_of_rank[: self.count])

    def by_leaf(self, values: np.ndarray) -> np.ndarray:
        """Return, for every leaf, the one of ``values`` (one a component) that is its component's, 0 for none."""
        low, begins, ends = self.tree.low[self.node], *np.zeros((2, self.tree.peaks + 1), np.int64)
        begins[low], ends[low + self.tree.leaves[self.node]] = values, values
        return np.cumsum(begins - ends)[:-1].astype(values.dtype)

    def holding(self, leaf: np.ndarray) -> np.ndarray:
        """Return the index of the component that holds each leaf, -1 where the prefix has none of its voxels."""
        return self.by_leaf(np.arange(1, self.node.size + 1)).take(leaf) - 1

    def sums(self, values: np.ndarray) -> np.ndarray:
        """Return the sum of ``values`` (one a rank of the prefix) over each component, float64."""
        return np.bincount(self.of_rank, weights=values, minlength=self.peak.size)


class ComponentTree:
    """Component tree of a ranking.

    ``order``: flat C-order indices of the ranked voxels, best first; ``shape``: the grid (i, j, k).

    Its nodes, one a component between two merges: ``birth`` and ``death``, the node is a component of the prefixes of
    more than ``birth`` and up to ``death`` voxels (of none where the two are equal); ``node_peak``, the rank of its
    highest voxel; ``parent``, the component that it merges into, -1 where it never does. Its peaks are the leaves
    ``low`` to ``low`` + ``leaves``: any two nodes hold the same leaves, or one all of the other's, or none in common.
    """

    def __init__(self, order: np.ndarray, shape: tuple[int, int, int]):
        ranks, place, strides = rank_box(order, shape)
        steps = _OFFSETS @ strides
        self._basin, self._peaks = _basins(ranks, place, steps)
        first, second, rank = _merges(ranks, place, steps, self._basin, self._peaks.size)
        self._build(first, second, rank)

    basin = property(lambda self: self._basin)
    birth = property(lambda self: self._birth)
    death = property(lambda self: self._death)
    node_peak = property(lambda self: self._node_peak)
    parent = property(lambda self: self._parent)
    low = property(lambda self: self._low)
    leaves = property(lambda self: self._leaves)

    def arrays(self) -> dict[str, np.ndarray]:
        """Return the tree as plain arrays, from which :meth:`from_arrays` makes it again without the work."""
        return {name: getattr(self, f"_{name}") for name in _ARRAYS}

    @classmethod
    def from_arrays(cls, arrays) -> ComponentTree:
        """Return the tree whose :meth:`arrays` these are. Raises KeyError when one is missing."""
        tree = cls.__new__(cls)
        for name in _ARRAYS:
            setattr(tree, f"_{name}", arrays[name])
        return tree

    @property
    def ranks(self) -> int:
        """How many voxels were ranked."""
        return self._basin.size

    @property
    def peaks(self) -> int:
        """How many peaks the ranking has: the most components there can be."""
        return self._peaks.size

    @cached_property
    def leaf_of_rank(self) -> np.ndarray:
        """The leaf that each ranked voxel belongs to; int64, since numpy makes a copy of all other indices."""
        return self._position[self._basin]

    def components(self, count: int) -> Components:
        """Return the components of the prefix of ``count`` voxels."""
        alive = np.flatnonzero((self._birth < count) & (self._death >= count))
        alive = alive[np.argsort(self._node_peak[alive])]
        before = np.concatenate([[0], np.cumsum(self.leaf_sizes(count))])
        peak, low = self._node_peak[alive], self._low[alive]
        return Components(self, count, alive, peak, self._basin[peak], before[low + self._leaves[alive]] - before[low])

    def component(self, rank: int, count: int) -> int | None:
        """Return the node that holds the voxel of ``rank`` in the prefix of ``count`` voxels, None where none does."""
        if not 0 <= rank < min(count, self.ranks):
            return None
        node = int(self._basin[rank])
        while self._death[node] < count:
            node = int(self._parent[node])
        return node

    def leaf_sizes(self, count: int) -> np.ndarray:
        """Return how many voxels of the prefix of ``count`` voxels each leaf has."""
        step, sizes = self._tally
        start = min(count // step, len(sizes) - 1)
        return sizes[start] + np.bincount(self.leaf_of_rank[start * step : count], minlength=self.peaks)

    @cached_property
    def _tally(self) -> tuple[int, np.ndarray]:
        """A number of voxels, and the leaf sizes of every prefix of a multiple of it: most of the counting, done."""
        step = max(1 << 14, 4 * self.peaks)  # the table then takes no more memory than the ranking
        sizes = np.zeros((self.ranks // step + 1, self.peaks), np.int64)
        for number in range(1, len(sizes)):
            further = self.leaf_of_rank[(number - 1) * step : number * step]
            sizes[number] = sizes[number - 1] + np.bincount(further, minlength=self.peaks)
        return step, sizes

    def _build(self, first: np.ndarray, second: np.ndarray, rank: np.ndarray) -> None:
        """Turn merges (sorted by rank) into nodes: birth and death rank, peak, and a contiguous range of leaves."""
        leaves, nodes = self._peaks.size, self._peaks.size + rank.size
        never = np.iinfo(np.int64).max
        self._birth = np.concatenate([self._peaks, rank]).astype(np.int64)
        self._death = np.full(nodes, never)
        self._node_peak = np.concatenate([self._peaks, np.zeros(rank.size, np.int64)])
        size = [1] * leaves + [0] * rank.size
        children = []
        group, top = list(range(leaves)), list(range(leaves))
        for node, (a, b, r) in enumerate(zip(first.tolist(), second.tolist(), rank.tolist()), start=leaves):
            keep, lose = _root(group, a), _root(group, b)
            a, b = top[keep], top[lose]
            children.append((a, b))
            size[node] = size[a] + size[b]
            self._death[a] = self._death[b] = r
            self._node_peak[node] = min(self._node_peak[a], self._node_peak[b])
            group[lose] = keep
            top[keep] = node
        low, position, parent = [0] * nodes, 0, [-1] * nodes
        for node in range(nodes - 1, -1, -1):
            if self._death[node] == never:
                low[node], position = position, position + size[node]
            if node >= leaves:
                a, b = children[node - leaves]
                low[a], low[b] = low[node], low[node] + size[a]
                # A voxel that joins three components makes two nodes, the first of which is none of any prefix.
                parent[a] = parent[b] = node if self._death[node] > self._birth[node] else parent[node]
        self._low = np.array(low, np.int64)
        self._leaves = np.array(size, np.int64)
        self._parent = np.array(parent, np.int64)
        self._position = self._low[:leaves]


def rank_box(order: np.ndarray, shape) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Ranks in a flat padded box around the voxels (``order.size`` where there is none), places of voxels, strides."""
    ijk = np.stack(np.unravel_index(order, shape)) if order.size else np.zeros((3, 0), np.int64)
    low = ijk.min(axis=1, initial=max(shape)) - 1
    size = ijk.max(axis=1, initial=-1) - low + 2 if order.size else np.array([3, 3, 3])
    place = np.ravel_multi_index(tuple(ijk - low[:, None]), size)
    ranks = np.full(int(np.prod(size)), order.size, np.int32)
    ranks[place] = np.arange(order.size, dtype=np.int32)
    return ranks, place, np.array([size[1] * size[2], size[2], 1])


def _basins(ranks: np.ndarray, place: np.ndarray, steps: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The basin of each rank, and the rank of each basin's peak, rising."""
    to = np.arange(place.size, dtype=np.int32)
    for step in steps:
        np.minimum(to, ranks[place + step], out=to)
    while True:
        further = to[to]
        if np.array_equal(further, to):
            break
        to = further
    peaks, basin = np.unique(to, return_inverse=True)
    return basin, peaks.astype(np.int64)


def _merges(ranks, place, steps, basin, basins) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The merges that matter: basin pairs with the rank at which they touch, a spanning forest, rising in rank."""
    # Not needed where a tree that was made elsewhere is read, as in the panel; it takes longer than all else there.
    from scipy.sparse import coo_matrix
    from scipy.sparse.csgraph import minimum_spanning_tree

    keys, touch = [], []
    own = np.arange(place.size, dtype=np.int64)
    for step in steps[steps > 0]:
        other = ranks[place + step].astype(np.int64)
        near = np.flatnonzero(other < place.size)
        a, b = basin[near], basin[other[near]]
        apart = a != b
        near, a, b = near[apart], a[apart], b[apart]
        keys.append(np.minimum(a, b) * basins + np.maximum(a, b))
        touch.append(np.maximum(own[near], other[near]))
    keys, touch = np.concatenate(keys), np.concatenate(touch)
    earliest = np.argsort(touch, kind="stable")
    keys, index = np.unique(keys[earliest], return_index=True)
    touch = touch[earliest][index]
    # Weight 0 would mean "no edge" to scipy; a pair touches at rank 1 at the earliest, so ranks serve as they are.
    graph = coo_matrix((touch.astype(np.float64), (keys // max(basins, 1), keys % max(basins, 1))), (basins, basins))
    forest = minimum_spanning_tree(graph.tocsr()).tocoo() if basins else graph
    rising = np.argsort(forest.data, kind="stable")
    return forest.row[rising], forest.col[rising], forest.data[rising].astype(np.int64)


def _root(group: list[int], item: int) -> int:
    while group[item] != item:
        group[item] = group[group[item]]
        item = group[item]
    return item
