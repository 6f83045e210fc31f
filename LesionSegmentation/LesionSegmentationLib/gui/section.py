"""Putting a section's own .ui file into its place in the panel."""

import slicer


def loadSection(place, path, ui=None):
    """Load the .ui file ``path`` into the layout of the widget ``place``; returns the section's widget.

    Its children join ``ui``, where given, by their names.
    """
    widget = slicer.util.loadUI(path)
    place.layout().addWidget(widget)
    widget.setMRMLScene(slicer.mrmlScene)
    if ui is not None:
        for name, child in vars(slicer.util.childWidgetVariables(widget)).items():
            setattr(ui, name, child)
    return widget
