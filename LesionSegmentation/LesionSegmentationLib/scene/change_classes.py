"""The colours of the classes of change, in the views and in the panel."""

from ..engine.lesion_changes import GONE, GROWN, NEW, SHRUNK, UNCHANGED

# More is warm, less is cold, the same is green; told apart with the common colour-vision deficiencies too.
COLOURS = {
    NEW: (0.84, 0.15, 0.10),
    GROWN: (0.95, 0.62, 0.05),
    SHRUNK: (0.34, 0.71, 0.91),
    GONE: (0.05, 0.36, 0.75),
    UNCHANGED: (0.00, 0.62, 0.45),
}
