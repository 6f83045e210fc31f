"""What a whole case tells about a network's calibration, in a form small enough to keep for hundreds of cases."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

# Below this logit a background voxel is hopeless; such voxels are many and alike.
HOPELESS = -9.0
HOPELESS_SHARE = 50


@dataclass(frozen=True)
class Evidence:
    """The logits of one whole case with the truth: all voxels that matter, and one in fifty of the hopeless ones.

    ``logits``: float32 (n,), ``lesion``: bool (n,), ``count``: float32 (n,), how many voxels each stands for.
    ``voxels``: voxels of the case; ``lesion_free``: whether its mask is empty; ``patient``, ``case``, ``kind`` ("real",
    "synthetic") and ``channels`` say what it is.
    """

    logits: np.ndarray
    lesion: np.ndarray
    count: np.ndarray
    voxels: int
    patient: str
    case: str
    kind: str
    channels: str

    def calibrated(self, calibration: dict) -> Evidence:
        """The same with scale and bias of ``calibration`` applied to its logits."""
        return replace(self, logits=calibration["scale"] * self.logits + calibration["bias"])

    @property
    def lesion_free(self) -> bool:
        return not self.lesion.any()


def gather(
    logits: np.ndarray, mask: np.ndarray, *, patient: str, case: str, kind: str = "real", channels: str = ""
) -> Evidence:
    """Reduce a case to its evidence. ``logits`` float and ``mask`` of one shape, of the voxels within the head."""
    x, y = np.asarray(logits, np.float32).ravel(), np.asarray(mask).ravel() > 0
    near = (x > HOPELESS) | y
    far = x[~near]
    # evenly over the sorted values: no chance is involved, and the mean of what they stand for is right
    drawn = np.sort(far)[HOPELESS_SHARE // 2 :: HOPELESS_SHARE]
    stands_for = len(far) / len(drawn) if len(drawn) else 0.0
    if len(far) and not len(drawn):
        drawn, stands_for = far, 1.0
    return Evidence(
        logits=np.concatenate([x[near], drawn]),
        lesion=np.concatenate([y[near], np.zeros(len(drawn), bool)]),
        count=np.concatenate([np.ones(int(near.sum()), np.float32), np.full(len(drawn), stands_for, np.float32)]),
        voxels=x.size, patient=patient, case=case, kind=kind, channels=channels,
    )  # fmt: skip
