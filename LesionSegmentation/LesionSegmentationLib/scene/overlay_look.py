"""How the lesions lie over the image in slice views: how strong, filled or as an outline, shown or hidden."""

from typing import NamedTuple

from .segmentation import FILL_OPACITY, OUTLINE_OPACITY


class OverlayLook(NamedTuple):
    """``opacity``: 0 to 1, of the whole overlay; ``outline``: nothing but the outline; ``shown``: in slice views."""

    opacity: float
    outline: bool
    shown: bool


def overlayLook(segmentationNode):
    """Return the OverlayLook that a segmentation node has now, whoever set it; None without a display."""
    display = segmentationNode.GetDisplayNode()
    if display is None:
        return None
    opacity = min(1.0, display.GetOpacity2DOutline() / OUTLINE_OPACITY)
    return OverlayLook(opacity, not display.GetVisibility2DFill(), bool(display.GetVisibility2D()))


def setOverlayLook(segmentationNode, opacity=None, outline=None, shown=None):
    """Change the look of a segmentation in slice views; what is None stays. Returns the OverlayLook.

    Raises ValueError for an opacity outside 0 to 1. The voxels, and the surface in 3D, are not touched.
    """
    display = segmentationNode.GetDisplayNode()
    wasModifying = display.StartModify()
    if opacity is not None:
        if not 0 <= opacity <= 1:
            raise ValueError(f"The opacity of the overlay lies between 0 and 1, not at {opacity}.")
        display.SetOpacity2DFill(FILL_OPACITY * opacity)
        display.SetOpacity2DOutline(OUTLINE_OPACITY * opacity)
    if outline is not None:
        display.SetVisibility2DFill(not outline)
        display.SetVisibility2DOutline(True)
    if shown is not None:
        display.SetVisibility2D(shown)
    display.EndModify(wasModifying)
    return overlayLook(segmentationNode)
