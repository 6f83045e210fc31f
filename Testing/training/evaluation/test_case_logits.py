"""A cached case gives what inference gives on the same image."""

from types import SimpleNamespace

import numpy as np
import pytest

from bright_model import write_bright_model
from LesionSegmentationLib.engine.calibration import calibrated
from LesionSegmentationLib.engine.errors import InputError
from LesionSegmentationLib.engine.geometry import Geometry
from LesionSegmentationLib.engine.prepare import prepare
from LesionSegmentationLib.engine.process import process
from LesionSegmentationLib.engine.study import Study
from LesionSegmentationLib.engine.volume import Volume
from LesionSegmentationTraining.evaluation.case_logits import case_logits
from LesionSegmentationTraining.evaluation.settings import curve_of, figures_at

from .conftest import bright_head


@pytest.fixture(scope="module")
def bundle(tmp_path_factory):
    return write_bright_model(tmp_path_factory.mktemp("models") / "bright", calibration={"scale": 0.8, "bias": 0.3})


@pytest.fixture(scope="module")
def study():
    image, mask = bright_head(0)
    return Study({"flair": Volume(image, Geometry(image.shape, np.eye(4)), "flair.nii")}), mask


def cached(study, bundle):
    """What a cache would hold of the study."""
    prepared = prepare(study, bundle.plan)
    facts = {"spacing_mm": [1.0, 1.0, 1.0]}
    return SimpleNamespace(id="c", image=prepared.array, channels=("flair", "t1"), facts=facts), prepared


def test_the_posterior_is_that_of_inference(study, bundle):
    study, mask = study
    case, prepared = cached(study, bundle)
    logits = case_logits(bundle.network(), case, tile=None)
    posterior = process(study, bundle, device="cpu").array
    calibration = bundle.description["calibration"]
    assert logits.dtype == np.float32 and logits.shape == case.image.shape[1:]
    assert calibrated(logits, calibration) == pytest.approx(posterior[prepared.crop], abs=1e-6)
    assert posterior.max() > 0.9
    curve = curve_of(logits, calibration, [[0.25, 0.3], [4.0, 0.05]], (1, 1, 1))
    rows = figures_at(curve, mask[prepared.crop] != 0, (0.3, 0.7))
    assert [row["beta"] for row in rows] == [0.3, 0.7] and rows[0]["prediction_ml"] <= rows[1]["prediction_ml"]
    assert rows[0]["dice"] > 0.5 and 0 < rows[0]["expected_dice"] <= 1


def test_channels_are_left_out_by_name_or_number(study, bundle):
    case, _ = cached(study[0], bundle)
    case.image = case.image.copy()
    case.image[1] = case.image[0][::-1]

    class Second:
        """A network that answers its second channel."""

        multiple = 1

        def to(self, device):
            return self

        def __call__(self, patch):
            return patch[:, 1:2]

    assert case_logits(Second(), case, tile=None).max() > 0
    for channels in (("flair",), (0,)):
        assert not case_logits(Second(), case, tile=None, channels=channels).any()
    with pytest.raises(InputError, match="no channel t2"):
        case_logits(Second(), case, channels=("t2",))


def test_a_case_without_a_head_is_refused(bundle):
    nothing = SimpleNamespace(id="c", image=np.zeros((2, 9, 9, 9), np.float16))
    with pytest.raises(InputError, match="Case c shows no head"):
        case_logits(bundle.network(), nothing)
