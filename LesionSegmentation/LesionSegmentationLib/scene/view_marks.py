"""What a picture of a patient needs to be read: which side is which, and how large things are."""

import slicer

from .edge_letters import EdgeLetters

_VIEW = slicer.vtkMRMLAbstractViewNode
_KEPT = ("OrientationMarkerType", "OrientationMarkerSize", "RulerType")
_KEPT_3D = (*_KEPT, "RenderMode")


class ViewMarks:
    """Slicer's ruler and orientation marker in views, and letters at the edges of slice views.

    ``rendererOf(name)``: the vtkRenderer of the slice view of a layout name, None where there is no such view: then
    there are no letters.
    """

    def __init__(self, rendererOf):
        self._rendererOf = rendererOf
        self._before = {}  # view node: what it showed
        self._letters = {}  # slice node: EdgeLetters

    def put(self, viewNodes):
        """Mark these slice and 3D views, in addition to those that are marked already."""
        for node in viewNodes:
            flat = node.IsA("vtkMRMLSliceNode")
            if node not in self._before:
                self._before[node] = {name: getattr(node, f"Get{name}")() for name in (_KEPT if flat else _KEPT_3D)}
            node.SetOrientationMarkerType(_VIEW.OrientationMarkerTypeAxes)
            node.SetOrientationMarkerSize(_VIEW.OrientationMarkerSizeSmall)
            node.SetRulerType(_VIEW.RulerTypeThin)
            if not flat:
                node.SetRenderMode(slicer.vtkMRMLViewNode.Orthographic)  # in perspective there is no one scale
            renderer = self._rendererOf(node.GetLayoutName()) if flat else None
            if renderer is not None and node not in self._letters:
                self._letters[node] = EdgeLetters(renderer, node)

    def lettersOf(self, viewNode):
        """{edge: letters} that are drawn in the view of a slice node, {} for none."""
        return self._letters[viewNode].letters if viewNode in self._letters else {}

    def remove(self):
        """Take the marks away; ruler and orientation marker are as they were before."""
        for letters in self._letters.values():
            letters.remove()
        for node, before in self._before.items():
            for name, value in before.items():
                getattr(node, f"Set{name}")(value)
        self._letters, self._before = {}, {}
