"""The component tree against relabelling at every tested level."""

import numpy as np
import pytest
from scipy import ndimage

from LesionSegmentationLib.engine.component_tree import ComponentTree
from LesionSegmentationLib.engine.geometry import Geometry
from LesionSegmentationLib.engine.lesions import find_lesions
from LesionSegmentationLib.engine.operating_curve import OperatingCurve

EVERY_NEIGHBOUR = np.ones((3, 3, 3))


def noisy_blobs(seed, shape=(40, 36, 30), quantised=False):
    rng = np.random.default_rng(seed)
    smooth = ndimage.gaussian_filter(rng.normal(size=shape), 1.5)
    p = np.clip(smooth / smooth.max(), 0, 1).astype(np.float32)
    return np.round(p * 20).astype(np.float32) / 20 if quantised else p


@pytest.mark.parametrize("seed, quantised", [(0, False), (1, False), (2, True)])
def test_equals_relabelling_at_100_random_levels(seed, quantised):
    p = noisy_blobs(seed, quantised=quantised)
    curve = OperatingCurve(p, Geometry(p.shape, np.eye(4)))
    for level in np.random.default_rng(seed).uniform(0.01, 1, 100):
        count = curve.at_threshold(level).count
        components = curve.tree.components(count)
        labels, number = ndimage.label(p >= level, EVERY_NEIGHBOUR)
        assert components.peak.size == number
        mine = np.zeros(p.size, int)
        mine[curve.order[:count]] = components.of_rank + 1
        pairs = np.unique(np.stack([mine, labels.reshape(-1)]), axis=1)
        assert pairs.shape[1] == number + 1 or (number and (p >= level).all())
        assert np.array_equal(np.sort(components.voxels), np.sort(np.bincount(labels.reshape(-1))[1:]))
        for component, peak in enumerate(components.peak):
            assert components.of_rank[peak] == component
            assert peak == np.flatnonzero(components.of_rank == component)[0]


def test_every_prefix_of_a_small_volume():
    rng = np.random.default_rng(5)
    shape = (5, 6, 4)
    order = rng.permutation(np.prod(shape))
    tree = ComponentTree(order, shape)
    for count in range(order.size + 1):
        mask = np.zeros(order.size, bool)
        mask[order[:count]] = True
        assert tree.components(count).peak.size == ndimage.label(mask.reshape(shape), EVERY_NEIGHBOUR)[1]


def test_voxels_at_the_border_do_not_wrap_around():
    p = np.zeros((4, 4, 4), np.float32)
    p[0, 0, 3] = 0.9
    p[0, 1, 0] = 0.8
    p[3, 3, 3] = 0.7
    assert len(find_lesions(*_at(p, 0.5))) == 3


def test_an_empty_ranking():
    tree = ComponentTree(np.zeros(0, np.int64), (3, 3, 3))
    assert tree.peaks == 0 and tree.components(0).peak.size == 0


def test_the_smallest_size_filters_at_every_level():
    p = noisy_blobs(7)
    curve = OperatingCurve(p, Geometry(p.shape, np.diag([1, 1, 3, 1.0])))
    for level in (0.1, 0.3, 0.6):
        point = curve.at_threshold(level)
        labels, _ = ndimage.label(p >= level, EVERY_NEIGHBOUR)
        sizes = np.bincount(labels.reshape(-1))
        for smallest in (1, 5, 40):
            large = np.flatnonzero(sizes >= smallest)
            wanted = np.isin(labels, large[large > 0])
            lesions = find_lesions(curve, point, minimum_voxels=smallest)
            assert np.array_equal(lesions.mask().astype(bool), wanted)
            assert len(lesions) == (large > 0).sum()
            assert np.array_equal(lesions.mask(), find_lesions(curve, point, smallest * 0.003).mask())
            assert lesions.figures.tp == pytest.approx(p[wanted].sum(dtype=float), rel=1e-6)


def test_ids_stay_the_same_while_the_setting_moves():
    p = np.zeros((30, 10, 10), np.float32)
    p[3:6, 3:6, 3:6], p[20:24, 3:6, 3:6], p[10, 2, 2] = 0.6, 0.9, 0.3
    curve = OperatingCurve(p, Geometry(p.shape, np.eye(4)))
    strict, loose = (find_lesions(curve, curve.at_threshold(t)) for t in (0.5, 0.2))
    by_id = {lesion.id: lesion for lesion in loose.rows}
    for lesion in strict.rows:
        assert by_id[lesion.id].peak == lesion.peak
    assert [lesion.id for lesion in loose.rows] == [1, 2, 3]


def _at(p, threshold):
    curve = OperatingCurve(p, Geometry(p.shape, np.eye(4)))
    return curve, curve.at_threshold(threshold)
