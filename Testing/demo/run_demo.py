"""The whole job on one patient, as ``make demo`` shows it: segmentation, tables, report, and Slicer's own views.

python Testing/demo/run_demo.py [--output demo-output] [--flair F [--t1 F]]

Without --flair (or the variable DEMO_FLAIR): the synthetic sample patient of the repository.
"""

import argparse
import os
import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parents[2]
SAMPLE = REPOSITORY / "Resources" / "SamplePatient"
DRAW = Path(__file__).with_name("draw_slicer_views.py")


def main() -> int:
    arguments = parse()
    flair, t1 = study(arguments)
    output = Path(arguments.output).absolute()
    images = ["--flair", flair, *(["--t1", t1] if t1 else [])]
    steps = [
        ("Segmenting", ["-m", "LesionSegmentationLib.cli", "segment", *images, "--output", output]),
        ("Making the report", ["-m", "LesionSegmentationLib.cli", "report", output, "--flair", flair]),
        ("Drawing Slicer's views", [DRAW, output, "--flair", flair]),
    ]
    for title, command in steps:
        print(f"\n== {title}", flush=True)
        code = subprocess.run([sys.executable, *map(str, command)], cwd=REPOSITORY).returncode
        if code:
            print(f"The demo stopped: '{title}' failed.", file=sys.stderr)
            return code
    print(f"\nAll is in {output}. Look first at:")
    for path, words in (
        (output / "report.html", "the report, in any browser"),
        (output / "slicer-*.png", "Slicer's own slice views and 3D view"),
        (output / "segmentation.nii.gz", "the segmentation on the grid of the FLAIR image"),
        (output / "lesions.csv", "the lesion table"),
    ):
        print(f"  {path}  ({words})")
    return 0


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--output", default=REPOSITORY / "demo-output", help="folder that receives everything")
    parser.add_argument("--flair", default=os.environ.get("DEMO_FLAIR"), help="FLAIR image of your own")
    parser.add_argument("--t1", default=os.environ.get("DEMO_T1"), help="T1-weighted image to go with it")
    return parser.parse_args()


def study(arguments: argparse.Namespace) -> tuple[Path, Path | None]:
    """The images to use: those that were named, else the sample patient."""
    if arguments.flair:
        return Path(arguments.flair).absolute(), Path(arguments.t1).absolute() if arguments.t1 else None
    t1 = SAMPLE / "t1.nii.gz"
    return SAMPLE / "flair.nii.gz", t1 if t1.is_file() else None


if __name__ == "__main__":
    sys.exit(main())
