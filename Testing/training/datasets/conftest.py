"""Small images in folders that are laid out as published."""

from __future__ import annotations

from pathlib import Path

import nibabel
import numpy as np
import pytest

SHAPE = (24, 26, 20)
AFFINE = np.array([[-1.0, 0, 0, 11], [0, 1, 0, -12], [0, 0, 1, -9], [0, 0, 0, 1]])


class Tree:
    """Writes small images below ``folder``: heads (a bright ball in air) and masks, each image another."""

    def __init__(self, folder: Path):
        self.folder = folder
        self.count = 0

    def file(self, path: str) -> Path:
        (self.folder / path).parent.mkdir(parents=True, exist_ok=True)
        return self.folder / path

    def save(self, path: str, array: np.ndarray, affine: np.ndarray = AFFINE) -> Path:
        nibabel.save(nibabel.Nifti1Image(array, affine), self.file(path))
        return self.folder / path

    def images(self, *paths: str) -> None:
        for path in paths:
            self.save(path, self.head())

    def masks(self, *paths: str, value: int = 1) -> None:
        for path in paths:
            self.save(path, self.lesions(value))

    def head(self, shape: tuple[int, int, int] = SHAPE) -> np.ndarray:
        self.count += 1
        grid = np.stack(np.meshgrid(*(np.arange(n) for n in shape), indexing="ij"), axis=-1)
        middle = (np.array(shape) - 1) / 2
        inside = (((grid - middle) / (middle - 1)) ** 2).sum(axis=-1) < 1
        noise = np.random.default_rng(self.count).integers(0, 20, shape)
        return (inside * 100 + noise).astype(np.float32)

    @staticmethod
    def lesions(value: int = 1, shape: tuple[int, int, int] = SHAPE) -> np.ndarray:
        """Two lesions, of 8 voxels and of 1."""
        mask = np.zeros(shape, np.uint8)
        mask[10:12, 11:13, 8:10] = value
        mask[15, 14, 12] = value
        return mask


@pytest.fixture
def tree(tmp_path) -> Tree:
    return Tree(tmp_path)
