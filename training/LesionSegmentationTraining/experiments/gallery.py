"""A picture of made-up patients as they come out of ``prepare``: their FLAIR with the mask's outline, T1 and T2.

python -m LesionSegmentationTraining.experiments.gallery --cache synthetic.safetensors --output gallery.jpg
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np

from ..patches import Case, open_caches

BRIGHTEST = {"flair": 2.2, "t1": 2.0, "t2": 3.5}


def draw(cases: list[Case], channels: tuple[str, ...], output: Path, columns: int = 4) -> None:
    """Write a picture with one row of ``channels`` for each of ``cases``, ``columns`` patients beside each other."""
    import matplotlib

    matplotlib.use("Agg")
    from matplotlib import pyplot

    rows = -(-len(cases) // columns)
    wide = columns * len(channels)
    figure, axes = pyplot.subplots(rows, wide, figsize=(1.5 * wide, 2.0 * rows), squeeze=False, facecolor="black")
    figure.subplots_adjust(0, 0, 1, 0.985, 0.01, 0.1)
    for axis in axes.flat:
        axis.axis("off")
    for number, case in enumerate(cases):
        row, column = divmod(number, columns)
        mask = np.asarray(case.mask) > 0
        place = case.image.shape[3] * 55 // 100 if not mask.any() else int(mask.sum(axis=(0, 1)).argmax())
        for n, channel in enumerate(channels):
            axis = axes[row, column * len(channels) + n]
            picture = np.rot90(np.asarray(case.image[n, :, :, place], np.float32))
            axis.imshow(picture, cmap="gray", vmin=0, vmax=BRIGHTEST.get(channel, 2.0), interpolation="bilinear")
            if n == 0 and mask[:, :, place].any():
                axis.contour(np.rot90(mask[:, :, place]), [0.5], colors="yellow", linewidths=0.5)
        load = "no lesion" if not mask.any() else f"{mask.sum() / 1000:.1f} ml"
        axes[row, column * len(channels)].set_title(load, color="white", fontsize=7, pad=2)
    figure.savefig(output, dpi=80, facecolor="black", pil_kwargs={"quality": 80, "optimize": True})


def main() -> None:
    """Draw the first patients of a cache."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cache", type=Path, required=True)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--count", type=int, default=24)
    options = parser.parse_args()
    cache = open_caches([options.cache])
    draw([case for case in cache.cases if case.kind == "synthetic"][: options.count], cache.channels, options.output)


if __name__ == "__main__":
    main()
