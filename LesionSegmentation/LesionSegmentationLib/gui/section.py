"""Putting a section's own .ui file into its place in the panel, and keeping things in their places."""

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


def keepLines(label, count):
    """Keep room for ``count`` lines of text, so that nothing below moves while the text takes one of them or all."""
    label.minimumHeight = count * label.fontMetrics().lineSpacing()
