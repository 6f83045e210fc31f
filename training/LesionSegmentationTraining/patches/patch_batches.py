"""Batches of training patches; which patches batch n holds depends on the seed, n and the process's rank only."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch

from LesionSegmentationLib.engine.bridge import to_tensor
from LesionSegmentationLib.engine.errors import InputError

from .augmentation import Augmentation, build_augmentation
from .case_cache import Case
from .sampling import Sampler
from .spatial import cut, extent, resample, source_of

WEIGHTS = ("inverse_lesion", "inverse_lesion_patch")


class PatchBatches(torch.utils.data.Dataset):
    """Item n is batch n of a run: {"image", "target", "weight" if asked for}, float32 (batch, C or 1, *patch).

    Args:
        cases: of the training split; their number is that of the sampler's.
        sampler: where patches lie, see ``sampling.build_sampler``.
        patch: voxels per axis.
        weight: None; {"name": "inverse_lesion", "clip": [lowest, highest] | None}: inverse lesion weights from the
            whole image's lesion sizes; {"name": "inverse_lesion_patch"}: Shirokikh et al. 2020, from the patch.
        augmentation: see ``augmentation.build_augmentation``.
        on_device: leave resampling and augmentation to :func:`finish`, after the batch was moved to a GPU.
        skip_broken: draw another patch in place of one of a damaged case, instead of raising InputError; such cases are
            named in a warning and counted in ``broken`` (of this process).
    """

    def __init__(
        self, cases: Sequence[Case], *, sampler: Sampler, patch: Sequence[int], batch: int, seed: int, rank: int = 0,
        weight: dict | None = None, augmentation: dict | None = None, on_device: bool = False,
        skip_broken: bool = False,
    ):  # fmt: skip
        self.cases, self.sampler, self.patch, self.batch = list(cases), sampler, tuple(patch), batch
        self.seed, self.rank, self.weight = seed, rank, _checked_weight(weight)
        self.augmentation: Augmentation = build_augmentation(augmentation)
        self.on_device, self.skip_broken = on_device, skip_broken
        self.broken: dict[str, str] = {}
        self._verified: set[int] = set()

    def __len__(self) -> int:
        # any number may be asked for; a run decides how many there are
        return 2**31 - 1

    def __getitem__(self, number: int) -> dict[str, torch.Tensor]:
        drawn = [self._draw(number, index) for index in range(self.batch)]
        size = None
        if self.on_device:
            # one size for the batch, as small as its turns allow
            bend = self.augmentation.spatial.bend_voxels
            size = np.max([extent(draw.matrix, self.patch, bend) for draw in drawn], axis=0)
        parts = [self._part(draw, size) for draw in drawn]
        batch = {key: torch.stack([part[key] for part in parts]) for key in parts[0] if key != "table"}
        if "table" in parts[0]:
            batch["table"] = torch.nn.utils.rnn.pad_sequence([part["table"] for part in parts], batch_first=True)
        return batch

    def _draw(self, number: int, index: int) -> _Draw:
        """All that is random in patch ``index`` of batch ``number``."""
        rng = np.random.default_rng([self.seed, self.rank, number, index])
        spatial = self.augmentation.spatial
        case, centre = self._place(rng, number)
        matrix, bend = spatial.draw(rng), spatial.draw_bend(rng, self.patch)
        stripped = case.brain is not None and rng.random() < self.augmentation.stripped
        return _Draw(case, centre, matrix, bend, stripped, int(rng.integers(2**32)))

    def _part(self, draw: _Draw, size: np.ndarray | None) -> dict[str, torch.Tensor]:
        """A patch; or, with a ``size``, what :func:`finish` makes one of."""
        spatial = self.augmentation.spatial
        if spatial.on_grid:
            source = cut(draw.case, draw.centre, draw.matrix, self.patch, draw.stripped)
        else:
            source = source_of(
                draw.case, draw.centre, draw.matrix, self.patch, spatial.bend_voxels, size, draw.stripped
            )
        part = {"image": source.image, "numbers": source.numbers, "seeds": torch.tensor(draw.seed)}
        if source.theta is not None:
            part["theta"] = source.theta
        if draw.bend is not None:
            part["bend"] = draw.bend
        if self.weight is not None and self.weight["name"] == "inverse_lesion":
            part["table"] = _table(draw.case, self.weight.get("clip"))
        if self.on_device:
            return part
        one = {key: value[None] for key, value in part.items()}
        return {key: value[0] for key, value in finish(one, self.patch, self.augmentation, self.weight).items()}

    def _place(self, rng: np.random.Generator, number: int) -> tuple[Case, np.ndarray]:
        for _ in range(100):
            place = self.sampler.draw(rng, number)
            case = self.cases[place.case]
            if self._is_whole(place.case):
                return case, place.centre
        raise InputError(f"All cases drawn are damaged ({', '.join(self.broken)}); prepare the cache again.")

    def _is_whole(self, index: int) -> bool:
        """Whether the case is undamaged; looked at once in every process."""
        case = self.cases[index]
        if index in self._verified:
            return True
        if case.id in self.broken:
            return False
        try:
            case.verify()
        except InputError as error:
            if not self.skip_broken:
                raise
            self.broken[case.id] = str(error)
            warnings.warn(f"Left out ({len(self.broken)} of {len(self.cases)} cases so far): {error}", stacklevel=2)
            return False
        self._verified.add(index)
        return True


@dataclass(frozen=True)
class _Draw:
    case: Case
    centre: np.ndarray
    matrix: np.ndarray
    bend: torch.Tensor | None
    stripped: bool
    seed: int


def finish(
    batch: dict[str, torch.Tensor], patch: Sequence[int], augmentation: Augmentation, weight: dict | None
) -> dict[str, torch.Tensor]:
    """Turn sources into patches, on the device they are on: the one resampling, targets, weights, augmentation."""
    image, numbers = batch["image"], batch["numbers"]
    if "theta" in batch:
        image, numbers = resample(image, numbers, batch["theta"], patch, batch.get("bend"), weight is not None)
    image = torch.stack([augmentation(one, int(seed)) for one, seed in zip(image, batch["seeds"].tolist())])
    finished = {"image": image, "target": (numbers > 0).float()}
    if weight is not None:
        finished["weight"] = _weight_map(numbers, batch.get("table"))
    return finished


def _weight_map(numbers: torch.Tensor, table: torch.Tensor | None) -> torch.Tensor:
    """Weights (B, 1, *patch) of the lesion numbers: by the case's ``table`` (B, K + 1), or from the patch itself."""
    if table is not None:
        return torch.stack([row[one.long()] for row, one in zip(table, numbers)])
    from LesionSegmentationLib.engine.bridge import to_array

    from ..losses.lesion_weights import patch_weights

    maps = [
        to_tensor(np.asarray(patch_weights(to_array(one.cpu())[0].astype(np.int64)), np.float32)) for one in numbers
    ]
    return torch.stack(maps)[:, None].to(numbers.device)


def _table(case: Case, clip: Sequence[float] | None) -> torch.Tensor:
    from ..losses.lesion_weights import weight_by_size

    weights = weight_by_size(case.sizes, int(np.prod(case.lesions.shape)), tuple(clip) if clip else None)
    return to_tensor(np.asarray(weights, np.float32))


def _checked_weight(weight: dict | None) -> dict | None:
    if weight is not None and weight.get("name") not in WEIGHTS:
        raise InputError(f"The weight '{weight.get('name')}' is unknown; the known ones are {', '.join(WEIGHTS)}.")
    return weight
