"""What a volume node's grid is, in words, for tooltips."""

import numpy as np
from slicer.i18n import tr as _

from ..engine.errors import InputError
from .volumes import volumeGeometry

_OBLIQUE_DEGREES = 1.0


def geometryText(node):
    """Return size, spacing, orientation and field of view of a volume node, a line each; why not, where it has none."""
    try:
        geometry = volumeGeometry(node)
    except InputError as error:
        return str(error)
    size = geometry.shape
    return "\n".join(
        [
            _("{name}").format(name=node.GetName()),
            _("Size: {size} voxels").format(size=" x ".join(str(n) for n in size)),
            _("Spacing: {spacing} mm").format(spacing=" x ".join(f"{s:.2f}" for s in geometry.spacing)),
            _("Orientation: {orientation}").format(orientation=orientationText(geometry)),
            _("Field of view: {view} mm").format(
                view=" x ".join(f"{n * s:.0f}" for n, s in zip(size, geometry.spacing))
            ),
        ]
    )


def orientationText(geometry):
    """Return the planes of the slices and where i, j and k run to, as in "axial slices, LPS, oblique by 8 degrees"."""
    directions = geometry.affine[:3, :3] / geometry.spacing
    letters = "".join("LRPAIS"[2 * world + int(axis[world] > 0)] for axis in directions.T for world in [_main(axis)])
    # Slices lie across the axis with the largest steps; where all are alike, across the last one.
    across = int(np.flatnonzero(geometry.spacing >= geometry.spacing.max() * 0.99)[-1])
    planes = (_("sagittal slices"), _("coronal slices"), _("axial slices"))[_main(directions[:, across])]
    tilt = max(np.degrees(np.arccos(min(1.0, np.abs(axis).max()))) for axis in directions.T)
    if tilt < _OBLIQUE_DEGREES:
        return _("{planes}, {letters}").format(planes=planes, letters=letters)
    return _("{planes}, {letters}, oblique by {tilt:.0f} degrees").format(planes=planes, letters=letters, tilt=tilt)


def _main(axis):
    """The world axis that a direction is closest to."""
    return int(np.abs(axis).argmax())
