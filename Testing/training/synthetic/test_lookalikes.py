"""What looks like a lesion and is none lies where a reader would expect it."""

import numpy as np
import pytest

from LesionSegmentationTraining.synthetic.anatomy import BRAIN, INDEX
from LesionSegmentationTraining.synthetic.lookalikes import lesion_like, spots_outside


@pytest.fixture
def tissue(anatomy):
    return anatomy.tissue


def test_what_is_like_a_lesion_lies_in_white_matter_beside_the_ventricles_above_all(tissue):
    shares = [lesion_like(np.random.default_rng(seed), tissue) for seed in range(5)]
    for share in shares:
        assert share.min() >= 0 and share.max() < 2 and np.isfinite(share).all()
        assert not share[tissue != INDEX["white_matter"]].any()
    assert all(share.any() for share in shares)


def test_bright_spots_are_outside_the_brain_and_not_in_every_head(tissue):
    drawn = [spots_outside(np.random.default_rng(seed), tissue) for seed in range(24)]
    for spots in drawn:
        assert spots.min() >= 0 and spots.max() <= 2
        assert not spots[np.isin(tissue, (*BRAIN, INDEX["air"], INDEX["csf"]))].any()
    assert 0 < sum(spots.any() for spots in drawn) < 24
