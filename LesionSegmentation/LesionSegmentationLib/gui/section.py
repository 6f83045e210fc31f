"""Putting a section's own .ui file into its place in the panel."""

import slicer


def loadSection(ui, path, place):
    """Load the .ui file ``path`` into the layout of the widget ``place``; its children join ``ui`` by their names.

    Returns the section's widget.
    """
    widget = slicer.util.loadUI(path)
    place.layout().addWidget(widget)
    widget.setMRMLScene(slicer.mrmlScene)
    for name, child in vars(slicer.util.childWidgetVariables(widget)).items():
        setattr(ui, name, child)
    return widget
