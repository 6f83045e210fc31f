"""Draws a result folder in Slicer's own views: axial, sagittal, coronal and 3D, as PNG files beside the result.

    python Testing/demo/draw_slicer_views.py RESULT --flair FLAIR

The scene, its logics, its displayable managers and rulers are Slicer's (slicer-core); only the windows around them are
the tests' stand-ins. The 3D view shows the lesions on an axial slice, never the surface of a head.
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import vtk
from PIL import Image

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from slicer_stand_ins.boot import bootScene

SIZE = 600
LETTERS = (("L", "R"), ("P", "A"), ("I", "S"))  # where each world axis begins and ends


def main() -> None:
    """Reads the arguments, draws, and names each picture written."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("result", type=Path, help="output folder of lesion-segmentation segment")
    parser.add_argument("--flair", type=Path, required=True, help="the image that was segmented")
    options = parser.parse_args()
    scene = bootScene()
    flair = loadVolume(options.flair)
    segmentation = loadSegmentation(scene, options.result / "segmentation.nii.gz", flair)
    for name, picture in pictures(flair, segmentation, caption(options.result)).items():
        path = options.result / f"slicer-{name}.png"
        Image.fromarray(picture).save(path)
        print(f"Slicer's {name} view is {path}", flush=True)


def loadVolume(path: Path):
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


def loadSegmentation(scene, path: Path, flair):
    """The mask as the module's segmentation node, with its surface."""
    import slicer

    from LesionSegmentationLib.scene.segmentation import SEGMENT_ID, createLesionSegmentation

    node = createLesionSegmentation(scene, flair, "Lesions")
    mask = slicer.modules.volumes.logic().AddArchetypeVolume(str(path), "Mask")
    array = (slicer.util.arrayFromVolume(mask) > 0).astype(np.uint8)
    scene.RemoveNode(mask)
    slicer.util.updateSegmentBinaryLabelmapFromArray(array, node, SEGMENT_ID, flair)
    if array.any():
        node.CreateClosedSurfaceRepresentation()
    return node


def caption(result: Path) -> str:
    """The setting and what it gives, in one line."""
    summary = json.loads((result / "provenance.json").read_text(encoding="utf-8"))["summary"]
    if summary["beta"] is None:
        setting = f"threshold {summary['threshold']:.2f}"
    else:
        setting = f"alpha {summary['alpha']:.2f}, beta {summary['beta']:.2f}"
    return f"{setting}: {summary['lesions']} lesions, {summary['volume_ml']:.1f} ml"


def pictures(flair, segmentation, text: str) -> dict[str, np.ndarray]:
    """Name of the view -> picture (SIZE, SIZE, 3) uint8; the slices pass through where most lesion voxels lie."""
    from slicer_stand_ins.views import SliceView, ThreeDView

    point = busiestPoint(flair, segmentation)
    drawn = {}
    for orientation in ("Axial", "Sagittal", "Coronal"):
        view = SliceView(orientation, SIZE, SIZE)
        view.show(flair)
        view.jumpTo(point)
        addRuler(view, view.sliceNode)
        addLetters(view)
        addText(view, text, (0.02, 0.95), size=14)
        drawn[orientation.lower()] = view.render()
        view.sliceNode.SetSliceVisible(orientation == "Axial")  # in the 3D view
    view = ThreeDView(SIZE, SIZE)
    view.viewNode.SetRenderMode(view.viewNode.Orthographic)
    addRuler(view, view.viewNode)
    view.viewNode.SetOrientationMarkerType(view.viewNode.OrientationMarkerTypeCube)
    addText(view, text, (0.02, 0.95), size=14)
    view.resetCamera((0.5, 1.0, 0.7))
    drawn["3d"] = view.render()
    return drawn


def addRuler(view, viewNode):
    """Slicer's own ruler and orientation marker, which the views of the tests do without."""
    import slicer

    view.annotations = slicer.vtkMRMLDisplayableManagerGroup()
    view.annotations.SetRenderer(view.renderer)
    for name in ("vtkMRMLRulerDisplayableManager", "vtkMRMLOrientationMarkerDisplayableManager"):
        manager = getattr(slicer, name)()
        manager.SetMRMLApplicationLogic(slicer.modules.applicationLogic)
        view.annotations.AddDisplayableManager(manager)
    view.annotations.SetMRMLDisplayableNode(viewNode)
    viewNode.SetRulerType(viewNode.RulerTypeThin)


def addLetters(view):
    """R, L, A, P, S, I at the sides of a slice view, from where its own matrix says the sides point."""
    matrix = view.sliceNode.GetSliceToRAS()
    for column, places in ((0, ((0.03, 0.5), (0.97, 0.5))), (1, ((0.5, 0.09), (0.5, 0.97)))):
        direction = np.array([matrix.GetElement(row, column) for row in range(3)])
        axis = int(np.abs(direction).argmax())
        letters = LETTERS[axis] if direction[axis] > 0 else LETTERS[axis][::-1]
        for letter, place in zip(letters, places):
            addText(view, letter, place, size=22, centred=True)


def addText(view, text: str, place: tuple[float, float], size: int, centred: bool = False):
    """Write ``text`` at ``place``, a share of width and height from the lower left corner."""
    actor = vtk.vtkTextActor()
    actor.SetInput(text)
    appearance = actor.GetTextProperty()
    appearance.SetFontSize(size)
    appearance.SetColor(1, 1, 0.6)
    appearance.SetShadow(True)
    if centred:
        appearance.SetJustificationToCentered()
        appearance.SetVerticalJustificationToCentered()
    actor.GetPositionCoordinate().SetCoordinateSystemToNormalizedViewport()
    actor.SetPosition(*place)
    view.renderer.AddViewProp(actor)


def busiestPoint(flair, segmentation) -> tuple[float, float, float]:
    """RAS of the crossing of the three slices that hold most lesion voxels; the image's middle without lesions."""
    import slicer

    from LesionSegmentationLib.scene.segmentation import SEGMENT_ID

    mask = slicer.util.arrayFromSegmentBinaryLabelmap(segmentation, SEGMENT_ID, flair) > 0  # indexed [k, j, i]
    if mask.any():
        k, j, i = (int(mask.sum(axis=tuple({0, 1, 2} - {axis})).argmax()) for axis in range(3))
    else:
        k, j, i = (n // 2 for n in mask.shape)
    toRas = vtk.vtkMatrix4x4()
    flair.GetIJKToRASMatrix(toRas)
    return tuple(toRas.MultiplyPoint((i, j, k, 1))[:3])


if __name__ == "__main__":
    main()
