import numpy as np
import pytest
from scipy import ndimage

from LesionSegmentationTraining.synthetic.anatomy import BRAIN, INDEX, Anatomy, match_boxes, tissue_from_labels
from LesionSegmentationTraining.synthetic.lesion_shapes import LesionShapes, draw_lesions, read_lesion_shapes
from LesionSegmentationTraining.synthetic.patient import synthesise

SHAPE = (64, 64, 64)


def test_same_seed_same_patient(anatomy, shapes):
    first, second, other = (synthesise(seed, anatomy, shapes, load_ml=1.0, shape=SHAPE) for seed in (5, 5, 6))
    assert np.array_equal(first.images["flair"], second.images["flair"])
    assert np.array_equal(first.images["t1"], second.images["t1"])
    assert np.array_equal(first.mask, second.mask)
    assert first.images["flair"].shape != other.images["flair"].shape or not np.array_equal(
        first.images["flair"], other.images["flair"]
    )


def test_lesion_free_patient_has_no_lesion(anatomy, shapes):
    for seed in range(3):
        patient = synthesise(seed, anatomy, shapes, load_ml=0.0, shape=SHAPE)
        assert patient.mask.sum() == 0
        assert patient.settings["load_ml"] == 0


def test_images_are_finite_and_share_the_grid_of_the_mask(anatomy, shapes):
    patient = synthesise(8, anatomy, shapes, load_ml=2.0, shape=SHAPE)
    assert patient.images["flair"].shape == patient.images["t1"].shape == patient.mask.shape == patient.tissue.shape
    assert patient.images["flair"].dtype == patient.images["t1"].dtype == np.float32
    assert np.isfinite(patient.images["flair"]).all() and np.isfinite(patient.images["t1"]).all()
    assert patient.images["flair"].min() >= 0


def test_lesions_lie_in_white_matter_or_touch_it(anatomy, shapes):
    for seed in range(4):
        patient = synthesise(seed, anatomy, shapes, load_ml=2.0, shape=SHAPE)
        assert patient.mask.any()
        white = ndimage.binary_dilation(patient.tissue == INDEX["white_matter"], iterations=3)
        assert white[patient.mask > 0].all()
        fluid = (patient.tissue == INDEX["csf"]) | (patient.tissue == INDEX["lateral_ventricle"])
        assert not (fluid & (patient.mask > 0)).any()


def test_lesions_are_brighter_than_white_matter_on_flair(anatomy, shapes):
    patient = synthesise(3, anatomy, shapes, load_ml=3.0, shape=SHAPE, ordinary=True, stripped=False)
    white = (patient.tissue == INDEX["white_matter"]) & (patient.mask == 0)
    assert patient.images["flair"][patient.mask > 0].mean() > 1.1 * patient.images["flair"][white].mean()
    assert patient.images["t1"][patient.mask > 0].mean() < 1.02 * patient.images["t1"][white].mean()


def test_a_stripped_patient_keeps_at_most_a_rim_around_the_brain(anatomy, shapes):
    for seed in range(4, 8):
        patient = synthesise(seed, anatomy, shapes, load_ml=1.0, stripped=True, shape=SHAPE)
        brain = np.isin(patient.tissue, BRAIN)
        far = ndimage.distance_transform_edt(~brain) > 9
        assert not patient.images["flair"][far & (patient.mask == 0)].any()


def test_the_load_is_about_what_was_wanted(anatomy, shapes):
    loads = [synthesise(seed, anatomy, shapes, load_ml=1.0, shape=SHAPE).settings["load_ml"] for seed in range(6)]
    assert 0.3 < np.median(loads) < 1.6, loads


def test_lesion_labels_become_white_matter():
    labels = np.array([[[0, 2, 25, 57, 41, 3]]])
    tissue = tissue_from_labels(labels)
    white = INDEX["white_matter"]
    assert tissue.tolist() == [[[0, white, white, white, white, INDEX["cortex"]]]]


def test_an_unknown_label_is_refused():
    with pytest.raises(ValueError, match="999"):
        tissue_from_labels(np.array([[[999]]]))


def test_the_box_of_the_brain_lands_on_that_of_mni(anatomy):
    matrix = match_boxes(Anatomy(anatomy.tissue, anatomy.affine, np.eye(4)))
    right = matrix @ [24, 0, 0, 1]
    assert abs(right[0] - 71) < 6


def test_sparse_shapes_are_read_as_connected_lesions(tmp_path):
    grid = np.zeros((10, 12, 14), bool)
    grid[1:3, 1:3, 1:3] = True
    grid[3, 3, 3] = True  # touches by a corner
    grid[7, 7, 7] = True
    flat = np.flatnonzero(grid)
    second = np.flatnonzero(grid[::-1])[:8]
    np.savez(
        tmp_path / "shapes.npz", flat_index=np.concatenate([flat, second]), offset=[0, len(flat), len(flat) + 8],
        name=["a", "b"], shape=grid.shape, affine=np.eye(4),
    )  # fmt: skip
    read = read_lesion_shapes(tmp_path / "shapes.npz")
    assert sorted(len(lesion) for lesion in read.patients[0]) == [1, 9]
    assert len(read.patients) == 2


def test_drawn_lesions_are_numbered_and_fill_the_load():
    lesions = [np.argwhere(np.ones((4, 4, 4))).astype(np.int16) + [0, 0, 6 * n] for n in range(5)]
    whole = LesionShapes([lesions], (12, 12, 40), np.eye(4))
    drawn = draw_lesions(np.random.default_rng(0), whole, None, 0.19)
    assert drawn.shape == whole.shape
    assert np.array_equal(np.unique(drawn), [0, 1, 2, 3])
