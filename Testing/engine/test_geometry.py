"""Voxel orders, and the places that must not change with them."""

from itertools import permutations, product

import nibabel
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from grids import GRIDS, affine, geometries
from LesionSegmentationLib.engine.errors import InputError
from LesionSegmentationLib.engine.geometry import Geometry, from_canonical, to_canonical


def indices(shape):
    return np.argwhere(np.ones(shape, bool))


def reordered(geometry, order, signs):
    """The same voxels in another order: the geometry, and how an array follows it."""
    flips = tuple(slice(None, None, sign) for sign in signs)
    shape = tuple(geometry.shape[a] for a in order)
    start = np.zeros(3)
    for axis, sign in zip(order, signs):
        start[axis] = 0 if sign > 0 else geometry.shape[axis] - 1
    matrix = np.array(geometry.affine)
    matrix[:3, :3] = geometry.affine[:3, list(order)] * signs
    matrix[:3, 3] = geometry.world(start[None])[0]
    return Geometry(shape, matrix), lambda array: array.transpose(order)[flips]


@settings(deadline=None)  # a busy machine is no failure
@given(geometries, st.permutations((0, 1, 2)), st.tuples(*(st.sampled_from((-1, 1)),) * 3))
def test_copies_in_any_voxel_order_have_one_canonical_form(geometry, order, signs):
    values = np.arange(np.prod(geometry.shape)).reshape(geometry.shape)
    copy, follow = reordered(geometry, order, signs)
    one, *way = geometry.canonical()
    two, *other_way = copy.canonical()
    assert one.shape == two.shape
    np.testing.assert_allclose(one.affine, two.affine, atol=1e-9)
    np.testing.assert_array_equal(to_canonical(values, *way), to_canonical(follow(values), *other_way))


@settings(deadline=None)
@given(geometries)
def test_canonical_keeps_every_voxel_in_its_place_and_comes_back(geometry):
    values = np.arange(np.prod(geometry.shape)).reshape(geometry.shape)
    there, *way = geometry.canonical()
    turned = to_canonical(values, *way)
    back = from_canonical(turned, *way)
    np.testing.assert_array_equal(back, values)
    assert turned.flags.c_contiguous and back.flags.c_contiguous
    # Where a value sits in the world is told by its place in either array.
    place = geometry.world(indices(values.shape))[np.argsort(values.ravel())]
    place_there = there.world(indices(turned.shape))[np.argsort(turned.ravel())]
    np.testing.assert_allclose(place, place_there, atol=1e-9)
    assert there.voxel_ml == pytest.approx(geometry.voxel_ml)


@settings(deadline=None)
@given(geometries)
def test_canonical_is_nearest_to_ras(geometry):
    there, *_ = geometry.canonical()
    cosines = there.affine[:3, :3] / there.spacing
    best = max(np.abs(cosines[[0, 1, 2], list(order)]).sum() for order in permutations(range(3)))
    assert np.diag(cosines).sum() == pytest.approx(best, abs=2e-6)
    again, order, flips = there.canonical()
    assert order == (0, 1, 2) and all(flip == slice(None) for flip in flips)
    np.testing.assert_allclose(again.affine, there.affine, atol=1e-12)


@pytest.mark.parametrize("name", GRIDS)
def test_canonical_is_that_of_nibabel(name):
    grid = Geometry((5, 6, 7), GRIDS[name])
    image = nibabel.as_closest_canonical(nibabel.Nifti1Image(np.zeros(grid.shape), grid.affine))
    there, *_ = grid.canonical()
    assert there.shape == image.shape
    np.testing.assert_allclose(there.affine, image.affine, atol=1e-9)


@pytest.mark.parametrize("angles", [(45, 0, 0), (0, 45, 0), (0, 0, 45), (0, 0, -135), (45, 45, 0), (90, 45, 45)])
def test_ties_are_broken_alike_in_every_copy(angles):
    grid = Geometry((4, 5, 6), affine(angles, (0.9, 1, 1.1), origin=(3, 2, 1)))
    forms = set()
    for order, signs in product(permutations(range(3)), product((-1, 1), repeat=3)):
        copy, _ = reordered(grid, order, signs)
        forms.add((copy.canonical()[0].shape, tuple(np.round(copy.canonical()[0].affine, 6).ravel() + 0.0)))
    assert len(forms) == 1


@settings(deadline=None)
@given(geometries)
def test_world_and_voxel_are_inverse(geometry):
    ijk = indices(geometry.shape)
    np.testing.assert_allclose(geometry.voxel(geometry.world(ijk)), ijk, atol=1e-6)


def test_sizes():
    grid = Geometry((4, 5, 6), affine((10, 20, 30), (0.7, 0.8, 3), (-1, 1, 1)))
    np.testing.assert_allclose(grid.spacing, (0.7, 0.8, 3))
    assert grid.voxel_ml == pytest.approx(0.00168)
    assert len(grid.corners()) == 8


def test_same_grid():
    grid = Geometry((40, 50, 60), GRIDS["oblique"])
    moved = np.array(grid.affine)
    moved[0, 3] += 5e-4
    assert grid.same_grid(Geometry(grid.shape, moved))
    assert not grid.same_grid(Geometry(grid.shape, moved), tolerance_mm=1e-4)
    # A turn that hardly moves the first voxel moves the far corner.
    assert not grid.same_grid(Geometry(grid.shape, GRIDS["oblique"] @ affine((0.01, 0, 0))))
    assert not grid.same_grid(Geometry((40, 50, 61), grid.affine))
    assert not Geometry((4, 5, 1), affine()).same_grid(Geometry((4, 5, 1), affine(spacing=(1, 1, 2))))


def test_json_round_trip_is_exact():
    grid = Geometry((4, 5, 6), GRIDS["everything"])
    again = Geometry.from_dict(grid.to_dict())
    assert again.shape == grid.shape
    np.testing.assert_array_equal(again.affine, grid.affine)


@pytest.mark.parametrize("damage", ["zero column", "equal columns", "nan", "infinite"])
def test_affines_that_place_nothing_are_refused(damage):
    matrix = affine()
    if damage == "zero column":
        matrix[:3, 1] = 0
    elif damage == "equal columns":
        matrix[:3, 1] = matrix[:3, 0]
    else:
        matrix[0, 3] = np.nan if damage == "nan" else np.inf
    with pytest.raises(InputError, match="singular or not finite"):
        Geometry((2, 3, 4), matrix)


def test_the_affine_cannot_be_changed_by_accident():
    grid = Geometry((2, 3, 4), affine())
    with pytest.raises(ValueError, match="read-only"):
        grid.affine[0, 0] = 2
