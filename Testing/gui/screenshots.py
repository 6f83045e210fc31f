"""The pictures of the README: the module on the sample patient, in a window with Slicer's own views.

    python Testing/gui/screenshots.py --output Resources/Screenshots [--flair file] [--t1 file] [--model name]

Writes panel.png, window.png (the middle of the slider) and window-fewer-missed.png; with --reference, a label map of
the true lesions, also tune.png and window-reference.png; with --later, a FLAIR image of the same patient, also
follow-up.png, the section that compares both, and follow-up-views.png, the two rows of views.
"""

import argparse
import pathlib
import sys

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
SAMPLE = REPOSITORY / "Resources" / "SamplePatient"
sys.path[:0] = [str(REPOSITORY / "Testing"), str(REPOSITORY / "LesionSegmentation")]

from gui.panel_driving import click, processEvents, segmentAndWait, waitUntil  # noqa: E402
from slicer_stand_ins.application import bootApplication, loadModule  # noqa: E402


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=pathlib.Path, required=True)
    parser.add_argument("--flair", type=pathlib.Path, default=SAMPLE / "flair.nii.gz")
    parser.add_argument("--t1", type=pathlib.Path)
    parser.add_argument("--later", type=pathlib.Path)
    parser.add_argument("--reference", type=pathlib.Path)
    parser.add_argument("--model")
    arguments = parser.parse_args()
    arguments.output.mkdir(parents=True, exist_ok=True)

    bootApplication()
    flairNode = loadVolume(arguments.flair, "FLAIR")
    if arguments.t1:
        loadVolume(arguments.t1, "T1")
    widget = loadModule(REPOSITORY / "LesionSegmentation" / "LesionSegmentation.py").pythonWidget()
    window = windowWithViews(widget)
    try:
        ui = widget.panel.ui
        if arguments.model:
            ui.modelSelector.currentIndex = ui.modelSelector.findData(arguments.model)
        ui.flairSelector.setCurrentNode(flairNode)
        segmentAndWait(ui, widget, seconds=1800)
        result = widget.panel.operatingPoint.result
        if result is None:
            raise SystemExit(ui.statusLabel.text)
        showSurface(result)
        save(window, arguments.output / "window.png")
        save(widget.parent, arguments.output / "panel.png")
        ui.balanceSlider.value = 2.5
        processEvents(1.0)
        save(window, arguments.output / "window-fewer-missed.png")
        if arguments.reference:
            ui.comparedSelector.setCurrentNode(
                loadVolume(arguments.reference, "Reference", "vtkMRMLLabelMapVolumeNode")
            )
            processEvents(1.0)
            save(ui.operatingPointButton, arguments.output / "tune.png")
            save(window, arguments.output / "window-reference.png")
            ui.comparedSelector.setCurrentNode(None)
        if arguments.later:
            ui.balanceSlider.value = 0.0
            ui.flairSelector.setCurrentNode(loadVolume(arguments.later, "Later FLAIR"))
            segmentAndWait(ui, widget, seconds=1800)
            later = widget.panel.operatingPoint.result
            followUpPictures(widget, (result.segmentationNode, later.segmentationNode), arguments.output)
    finally:
        widget.cleanup()


def followUpPictures(widget, segmentations, output):
    """Compare two segmentation nodes in the panel; save the section and the two rows of views."""
    import numpy as np
    import qt

    from LesionSegmentationLib.scene.side_by_side import ORIENTATIONS, TIMES, viewName
    from slicer_stand_ins.views import SliceView

    # The application's layout makes these views; the stand-in for it has four views and no more.
    rows = [[SliceView(name, 360, 360, name=viewName(time, name)) for name in ORIENTATIONS] for time in TIMES]
    section = widget.panel.followUp
    widget.panel.ui.followUpButton.collapsed = False
    section.ui.earlierSelector.setCurrentNode(segmentations[0])
    section.ui.laterSelector.setCurrentNode(segmentations[1])
    click(section.ui.compareButton)
    waitUntil(lambda: not section.running, "the comparison to end", seconds=600)
    if section.result is None:
        raise SystemExit(section.ui.followUpStatusLabel.text)
    if section.result.followUp.changes:
        widget.logic.showSideBySide(section.result, section.result.followUp.changes[0].centroid_ras)
    processEvents(0.5)
    save(widget.panel.ui.followUpButton, output / "follow-up.png")
    picture = np.ascontiguousarray(np.vstack([np.hstack([view.render() for view in row]) for row in rows]))
    height, width, _ = picture.shape
    qt.QImage(picture.data, width, height, 3 * width, qt.QImage.Format_RGB888).save(str(output / "follow-up-views.png"))


def loadVolume(path, name, className="vtkMRMLScalarVolumeNode"):
    """Load an image file as the application would, without its IO manager."""
    import slicer

    storage = slicer.vtkMRMLVolumeArchetypeStorageNode()
    storage.SetFileName(str(path))
    node = slicer.mrmlScene.AddNewNodeByClass(className, name)
    if not storage.ReadData(node):
        raise SystemExit(f"{path} cannot be read.")
    node.CreateDefaultDisplayNodes()
    return node


def windowWithViews(widget, width=1440, height=880):
    """The panel on the left, the four-up layout on the right, as in Slicer."""
    import qt
    import slicer

    window = qt.QWidget()
    row = qt.QHBoxLayout(window)
    row.addWidget(widget.parent)
    row.addWidget(slicer.app.layoutManager().widget, 1)
    widget.parent.setFixedWidth(430)
    window.resize(width, height)
    window.show()
    processEvents()
    return window


def showSurface(result):
    """Show the lesions in the 3D view and look at them."""
    import slicer

    result.segmentationNode.CreateClosedSurfaceRepresentation()
    slicer.app.layoutManager().resetThreeDViews()
    processEvents(0.5)


def save(widget, path):
    """Save a picture of a widget; returns it as QImage."""
    image = widget.grab().toImage()
    image.save(str(path))
    return image


if __name__ == "__main__":
    main()
