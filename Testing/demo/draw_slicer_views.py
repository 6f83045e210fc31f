"""Draws a result folder in Slicer's own views: axial, sagittal, coronal and 3D, as PNG files beside the result.

    python Testing/demo/draw_slicer_views.py RESULT --flair FLAIR

The scene, its logics and its displayable managers are Slicer's (slicer-core); only the windows around them are the
tests' stand-ins. The 3D view shows the lesions alone, never the surface of a head.
"""

import argparse
import sys
from pathlib import Path

import numpy as np
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from slicer_stand_ins.boot import bootScene

SIZE = 640
COLOUR = (1.0, 0.35, 0.15)


def main() -> None:
    """Reads the arguments, draws, and names each picture written."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("result", type=Path, help="output folder of lesion-segmentation segment")
    parser.add_argument("--flair", type=Path, required=True, help="the image that was segmented")
    options = parser.parse_args()
    bootScene()
    flair = load_volume(options.flair)
    segmentation = load_segmentation(options.result / "segmentation.nii.gz", flair)
    for name, picture in pictures(flair, segmentation).items():
        path = options.result / f"slicer-{name}.png"
        Image.fromarray(picture).save(path)
        print(f"Slicer's {name} view is {path}", flush=True)


def load_volume(path: Path):
    """The image as a scalar volume node, read by Slicer, grey from its 1st to its 99.5th percentile."""
    import slicer

    node = slicer.modules.volumes.logic().AddArchetypeVolume(str(path), "FLAIR")
    if node is None:
        sys.exit(f"Slicer cannot read {path.name}.")
    values = slicer.util.arrayFromVolume(node)
    low, high = np.percentile(values[values > values.min()], [1, 99.5])
    display = node.GetDisplayNode()
    display.SetAutoWindowLevel(False)
    display.SetWindowLevelMinMax(float(low), float(high))
    return node


def load_segmentation(path: Path, flair):
    """The mask as a segmentation node on the image's grid, one segment, with its surface."""
    import slicer

    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode", "Lesions")
    node.CreateDefaultDisplayNodes()
    node.SetReferenceImageGeometryParameterFromVolumeNode(flair)
    mask = slicer.modules.volumes.logic().AddArchetypeVolume(str(path), "Mask")
    array = (slicer.util.arrayFromVolume(mask) > 0).astype(np.uint8)
    slicer.mrmlScene.RemoveNode(mask)
    if array.any():
        segment = node.GetSegmentation().AddEmptySegment("lesions", "Lesions", COLOUR)
        slicer.util.updateSegmentBinaryLabelmapFromArray(array, node, segment, flair)
        node.CreateClosedSurfaceRepresentation()
    return node


def pictures(flair, segmentation) -> dict[str, np.ndarray]:
    """Name of the view -> picture (SIZE, SIZE, 3) uint8; the slices pass through where most lesion voxels lie."""
    from slicer_stand_ins.views import SliceView, ThreeDView

    point = busiest_point(flair, segmentation)
    drawn = {}
    for orientation in ("Axial", "Sagittal", "Coronal"):
        view = SliceView(orientation, SIZE, SIZE)
        view.show(flair)
        view.jumpTo(point)
        drawn[orientation.lower()] = view.render()
    view = ThreeDView(SIZE, SIZE)
    view.resetCamera((0.6, 1.0, 0.4))
    drawn["3d"] = view.render()
    return drawn


def busiest_point(flair, segmentation) -> tuple[float, float, float]:
    """RAS of the crossing of the three slices that hold most lesion voxels; the image's middle without lesions."""
    import vtk

    import slicer

    bounds = [0.0] * 6
    flair.GetRASBounds(bounds)
    if segmentation.GetSegmentation().GetNumberOfSegments() == 0:
        return tuple((bounds[2 * axis] + bounds[2 * axis + 1]) / 2 for axis in range(3))
    segment = segmentation.GetSegmentation().GetNthSegmentID(0)
    mask = slicer.util.arrayFromSegmentBinaryLabelmap(segmentation, segment, flair) > 0  # indexed [k, j, i]
    k, j, i = (int(mask.sum(axis=tuple({0, 1, 2} - {axis})).argmax()) for axis in range(3))
    to_ras = vtk.vtkMatrix4x4()
    flair.GetIJKToRASMatrix(to_ras)
    return tuple(to_ras.MultiplyPoint((i, j, k, 1))[:3])


if __name__ == "__main__":
    main()
