"""The views of Slicer's main window, by their layout names."""

import slicer


def sliceRenderer(name):
    """Return the vtkRenderer of the slice view of a layout name; None where there is none, as without a main window."""
    layoutManager = slicer.app.layoutManager()
    widget = None if layoutManager is None else layoutManager.sliceWidget(name)
    return None if widget is None else widget.sliceView().renderWindow().GetRenderers().GetFirstRenderer()


def lookAtAll():
    """Let the 3D views look at everything that is in them."""
    layoutManager = slicer.app.layoutManager()
    if layoutManager is not None:
        layoutManager.resetThreeDViews()
