"""Ring 3: the panels.

Rules: imports qt, ctk, the scene and the engine; holds no computation of its own; keeps no state that belongs to the
parameter node. camelCase names, as Slicer's style guide asks.
"""
