"""Ring 2: MRML nodes in, MRML nodes out.

Rules: imports slicer, vtk and the engine, never qt or ctk; takes the scene and the nodes as arguments instead of
looking for them; opens no dialog. camelCase names, as Slicer's style guide asks.
"""
