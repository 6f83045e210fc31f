"""The pictures of the README and of the user guide: the module on the sample patient, with Slicer's own views.

    python Testing/gui/screenshots.py --output Resources/Screenshots [--guide docs/pictures] [--icons folder]

Writes panel.png, window.png (the middle of the slider, in the reading layout) and window-fewer-missed.png. With
--guide also what the user guide shows: every section, three settings side by side, and a follow-up against a made-up
earlier visit. With --icons the thumbnails for the module Sample Data. --flair, --t1 and --model: others than the
sample patient and the first model; --later: a later FLAIR image of the same patient for the follow-up. With
--reference, a label map of the true lesions, also tune.png and window-reference.png.
"""

import argparse
import pathlib
import sys

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
SAMPLE = REPOSITORY / "Resources" / "SamplePatient"
sys.path[:0] = [str(REPOSITORY / "Testing"), str(REPOSITORY / "LesionSegmentation")]

from gui.guide_pictures import (  # noqa: E402
    addEarlierVisit,
    followUpPictures,
    sectionPictures,
    settingsPicture,
    thumbnails,
)
from gui.panel_driving import click, processEvents, segmentAndWait  # noqa: E402
from slicer_stand_ins.application import bootApplication, loadModule  # noqa: E402


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--output", type=pathlib.Path, required=True)
    parser.add_argument("--flair", type=pathlib.Path, default=SAMPLE / "flair.nii.gz")
    parser.add_argument("--t1", type=pathlib.Path)
    parser.add_argument("--later", type=pathlib.Path)
    parser.add_argument("--reference", type=pathlib.Path)
    parser.add_argument("--model")
    parser.add_argument("--guide", type=pathlib.Path)
    parser.add_argument("--icons", type=pathlib.Path)
    arguments = parser.parse_args()
    for folder in filter(None, (arguments.output, arguments.guide, arguments.icons)):
        folder.mkdir(parents=True, exist_ok=True)

    bootApplication()
    flairNode = loadVolume(arguments.flair, "FLAIR")
    if arguments.icons:
        thumbnails(flairNode, SAMPLE / "mask.nii.gz", arguments.icons)
    if arguments.t1:
        loadVolume(arguments.t1, "T1")
    module = loadModule(REPOSITORY / "LesionSegmentation" / "LesionSegmentation.py")
    widget = module.pythonWidget()
    window = windowWithViews(widget)
    try:
        ui = widget.panel.ui
        if arguments.model:
            ui.modelSelector.currentIndex = ui.modelSelector.findData(arguments.model)
        result = segment(widget, flairNode)
        click(widget.panel.views.ui.readingButton)
        widget.logic.jumpToLesion(result, result.lesions.rows[0].id)
        processEvents(1.0)
        save(window, arguments.output / "window.png")
        save(widget.parent, arguments.output / "panel.png")
        if arguments.guide:
            sectionPictures(widget, arguments.guide)
            settingsPicture(widget, arguments.guide / "three-settings.jpg")
            widget.logic.jumpToLesion(result, result.lesions.rows[0].id)
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
        if arguments.guide or arguments.later:
            ui.balanceSlider.value = 0.0
            followUp(widget, flairNode, result, arguments)
    finally:
        module.closeWidget()
        window.close()


def segment(widget, volumeNode):
    """Choose a FLAIR volume and press Segment; returns the result."""
    widget.panel.ui.flairSelector.setCurrentNode(volumeNode)
    segmentAndWait(widget.panel.ui, widget, seconds=1800)
    if widget.panel.operatingPoint.result is None:
        raise SystemExit(widget.panel.ui.statusLabel.text)
    return widget.panel.operatingPoint.result


def followUp(widget, flairNode, result, arguments):
    """Segment the other visit, given or made up, and save the pictures of the comparison."""
    if arguments.later:
        pair = (result, segment(widget, loadVolume(arguments.later, "Later FLAIR")))
    else:
        pair = (segment(widget, addEarlierVisit(flairNode, SAMPLE / "mask.nii.gz")), result)
    followUpPictures(widget, [one.segmentationNode for one in pair], arguments.guide or arguments.output)


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


def windowWithViews(widget, width=1500, height=880):
    """The panel on the left, the four-up layout on the right, as in Slicer."""
    import qt
    import slicer

    window = qt.QWidget()
    row = qt.QHBoxLayout(window)
    panel = qt.QScrollArea()  # the panel is higher than most screens
    panel.setWidgetResizable(True)
    panel.setWidget(widget.parent)
    panel.setFixedWidth(520)
    row.addWidget(panel)
    row.addWidget(slicer.app.layoutManager().widget, 1)
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
