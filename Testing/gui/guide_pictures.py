"""The pictures of the user guide and of the module Sample Data, from the synthetic sample patient alone."""

import numpy as np

from gui.panel_driving import click, processEvents, waitUntil

SETTINGS = (-3.0, 0.0, 3.0)  # places of the slider in the picture of three settings
QUALITY = 88
THUMBNAIL = (260, 280)  # what Slicer's module Sample Data asks for


def sectionPictures(widget, folder):
    """Save each section of the panel, opened, as <section>.jpg."""
    ui = widget.panel.ui
    sections = {
        "study": ui.studyButton,
        "model": ui.modelButton,
        "run": ui.runPlace,
        "tune": ui.operatingPointButton,
        "lesions": ui.lesionsButton,
        "views": ui.viewsButton,
        "train": ui.trainPlace,
    }
    for name, section in sections.items():
        closed = getattr(section, "collapsed", False)
        if closed:
            section.collapsed = False
            processEvents(0.2)
        saveJpeg(section.grab().toImage(), folder / f"{name}.jpg")
        if closed:
            section.collapsed = True


def settingsPicture(widget, path):
    """Save one axial slice at three places of the slider, side by side; the slice shows most lesion of the middle."""
    import slicer

    result, ui = widget.panel.operatingPoint.result, widget.panel.ui
    view = slicer.app.layoutManager().sliceWidget("Red")
    mask = result.lesions.mask()
    fullest = int(mask.sum(axis=(0, 1)).argmax())
    middle = (*((np.array(mask.shape[:2]) - 1) / 2), fullest)
    place = result.curve.geometry.world(np.array([middle]))[0]
    view.mrmlSliceNode().JumpSliceByOffsetting(*(float(part) for part in place))
    pictures = []
    for balance in SETTINGS:
        ui.balanceSlider.value = balance
        processEvents(0.5)
        pictures.append(pixelsOf(view.grab().toImage()))
    ui.balanceSlider.value = 0.0
    processEvents(0.5)
    saveJpeg(imageOf(joined(pictures, axis=1)), path)


def followUpPictures(widget, segmentations, output):
    """Compare two segmentation nodes in the panel; save the section and the two rows of views."""
    from LesionSegmentationLib.scene.edge_letters import EdgeLetters
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
    letters = [EdgeLetters(view.renderer, view.sliceNode) for row in rows for view in row]
    saveJpeg(widget.panel.ui.followUpButton.grab().toImage(), output / "follow-up.jpg")
    picture = joined([joined([view.render() for view in row], axis=1) for row in rows], axis=0)
    for drawn in letters:
        drawn.remove()
    saveJpeg(imageOf(picture), output / "follow-up-views.jpg")


def thumbnails(volumeNode, maskPath, folder):
    """Save the thumbnails of the two samples: an axial slice, and the same with the outline of the true lesions."""
    import slicer

    from LesionSegmentationLib.scene.view_marks import ViewMarks
    from slicer_stand_ins.views import SliceView

    view = SliceView("Axial", *THUMBNAIL)
    view.show(volumeNode)
    marks = ViewMarks(lambda name: view.renderer)
    marks.put([view.sliceNode])
    view.sliceNode.SetOrientationMarkerType(view.sliceNode.OrientationMarkerTypeNone)  # small as it is
    labels = slicer.vtkMRMLVolumeArchetypeStorageNode()
    labels.SetFileName(str(maskPath))
    labelNode = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLLabelMapVolumeNode")
    labels.ReadData(labelNode)
    segmentation = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLSegmentationNode")
    segmentation.CreateDefaultDisplayNodes()
    slicer.modules.segmentations.logic().ImportLabelmapToSegmentationNode(labelNode, segmentation)
    bounds = np.zeros(6)
    segmentation.GetRASBounds(bounds)
    view.jumpTo((bounds[::2] + bounds[1::2]) / 2)
    for name, shown in (("SyntheticPatient", False), ("SyntheticPatientTrueLesions", True)):
        segmentation.SetDisplayVisibility(shown)
        imageOf(view.render()).save(str(folder / f"{name}.png"))
    marks.remove()
    for node in (segmentation, labelNode):
        slicer.mrmlScene.RemoveNode(node)


def addEarlierVisit(volumeNode, maskPath):
    """Add a made-up earlier visit: the sample patient turned a little, every third true lesion not there yet."""
    import slicer
    import vtk
    from scipy import ndimage

    mask = loadArray(maskPath)
    image = slicer.util.arrayFromVolume(volumeNode).astype(np.float32)
    labels, count = ndimage.label(mask > 0, np.ones((3, 3, 3)))
    rng = np.random.default_rng(0)
    for box, number in zip(ndimage.find_objects(labels), range(1, count + 1)):
        if number % 3 == 0:
            wide = tuple(slice(max(0, side.start - 4), side.stop + 4) for side in box)
            gone = ndimage.binary_dilation(labels[wide] == number, iterations=2)
            shell = ndimage.binary_dilation(gone, iterations=2) & ~gone & (labels[wide] == 0)
            around = image[wide][shell]
            image[wide][gone] = rng.choice(around, gone.sum())
            image[wide] = np.where(gone, ndimage.gaussian_filter(image[wide], 0.7), image[wide])
    node = slicer.util.addVolumeFromArray(image, name="Earlier FLAIR")
    matrix, turn = vtk.vtkMatrix4x4(), vtk.vtkTransform()
    volumeNode.GetIJKToRASMatrix(matrix)
    turn.RotateZ(5)
    turn.RotateX(-3)
    turn.Translate(3, -4, 2)
    turn.Concatenate(matrix)
    node.SetIJKToRASMatrix(turn.GetMatrix())
    node.CreateDefaultDisplayNodes()
    return node


def loadArray(path):
    """The voxels of an image file [k, j, i], turned as Slicer turns a volume that it reads."""
    import slicer

    storage = slicer.vtkMRMLVolumeArchetypeStorageNode()
    storage.SetFileName(str(path))
    node = slicer.mrmlScene.AddNewNodeByClass("vtkMRMLScalarVolumeNode")
    storage.ReadData(node)
    array = slicer.util.arrayFromVolume(node).copy()
    slicer.mrmlScene.RemoveNode(node)
    return array


def joined(pictures, axis):
    """Pictures below (axis 0) or beside each other; a light line keeps letters at their edges apart."""
    line = np.full_like(pictures[0], 200)[: 4 if axis == 0 else None, : 4 if axis == 1 else None]
    parts = [part for picture in pictures for part in (line, picture)][1:]
    return np.concatenate(parts, axis=axis)


def pixelsOf(image):
    """A QImage as uint8 (height, width, 3)."""
    import qt

    image = image.convertToFormat(qt.QImage.Format_RGBA8888)
    shape = (image.height(), image.width(), 4)
    return np.frombuffer(image.constBits(), np.uint8).reshape(shape)[..., :3].copy()


def imageOf(pixels):
    """uint8 (height, width, 3) as a QImage of its own."""
    import qt

    pixels = np.ascontiguousarray(pixels)
    height, width, _ = pixels.shape
    return qt.QImage(pixels.data, width, height, 3 * width, qt.QImage.Format_RGB888).copy()


def saveJpeg(image, path):
    """Save a QImage as a JPEG of a size that suits a document."""
    image.save(str(path), "JPG", QUALITY)
