"""Letters at the edges of a slice view that say which side of the patient lies there.

Slicer itself draws none, and lets the user turn the views round (neurological convention) or tilt them. So they are
made of what the view shows at the moment, never of its name.
"""

import vtk

_LETTERS = (("R", "L"), ("A", "P"), ("S", "I"))  # towards plus and minus of the axes of RAS
_LEAST = 0.26  # sine of 15 degrees: less of an axis than this is not said
_FONT_SIZE, _COLOUR = 17, (1.0, 0.95, 0.4)
# Edge: place in the view as a share of its width and height, alignment there. Corners and the lower edge are Slicer's.
_PLACES = {
    "left": ((0.01, 0.5), "Left", "Centered"),
    "right": ((0.99, 0.5), "Right", "Centered"),
    "top": ((0.5, 0.985), "Centered", "Top"),
    "bottom": ((0.5, 0.1), "Centered", "Bottom"),
}


def sideLetters(direction):
    """Return the letters of a direction in RAS, the strongest first: "R", "PL" for one that points back and left."""
    length = sum(part * part for part in direction) ** 0.5
    parts = sorted(((abs(part) / length, axis, part > 0) for axis, part in enumerate(direction)), reverse=True)
    return "".join(_LETTERS[axis][0 if positive else 1] for share, axis, positive in parts if share >= _LEAST)


def edgeLetters(sliceNode):
    """Return {"left": "R", "right": "L", "top": "A", "bottom": "P"} of what a slice node shows now."""
    matrix = sliceNode.GetSliceToRAS()
    across, up = ([matrix.GetElement(row, column) for row in range(3)] for column in (0, 1))
    return {
        "left": sideLetters([-part for part in across]),
        "right": sideLetters(across),
        "top": sideLetters(up),
        "bottom": sideLetters([-part for part in up]),
    }


class EdgeLetters:
    """Draws the letters into a slice view until :meth:`remove`.

    ``renderer``: the vtkRenderer of the view; ``sliceNode``: its node. The view is drawn whenever its node is modified.
    """

    def __init__(self, renderer, sliceNode):
        self._renderer, self._sliceNode = renderer, sliceNode
        self._actors = {edge: _textActor(*place) for edge, place in _PLACES.items()}
        for actor in self._actors.values():
            self._renderer.AddViewProp(actor)
        self._tag = sliceNode.AddObserver(vtk.vtkCommand.ModifiedEvent, self._onModified)
        sliceNode.Modified()

    @property
    def letters(self):
        """{edge: letters} that are drawn."""
        return {edge: actor.GetInput() for edge, actor in self._actors.items()}

    def remove(self):
        """Draw them no more."""
        self._sliceNode.RemoveObserver(self._tag)
        for actor in self._actors.values():
            self._renderer.RemoveViewProp(actor)
        self._sliceNode.Modified()

    def _onModified(self, caller, event):
        for edge, letters in edgeLetters(self._sliceNode).items():
            self._actors[edge].SetInput(letters)


def _textActor(place, horizontal, vertical):
    actor = vtk.vtkTextActor()
    actor.GetPositionCoordinate().SetCoordinateSystemToNormalizedViewport()
    actor.SetPosition(*place)
    text = actor.GetTextProperty()
    getattr(text, f"SetJustificationTo{horizontal}")()
    getattr(text, f"SetVerticalJustificationTo{vertical}")()
    text.SetFontSize(_FONT_SIZE)
    text.SetBold(True)
    text.SetShadow(True)
    text.SetColor(*_COLOUR)
    return actor
