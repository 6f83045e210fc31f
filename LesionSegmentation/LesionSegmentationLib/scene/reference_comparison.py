"""A result beside a reference segmentation: true figures of what is shown, and where the two disagree."""

from ..engine.errors import InputError
from ..engine.true_figures import TrueFigures
from .disagreement import ATTRIBUTE, DisagreementColours
from .reference_mask import gridOf, referenceMask, stampOf

REFERENCE = "LesionSegmentation.Reference"  # the node reference of a result's segmentation to what it is compared with


class ReferenceComparison:
    """Compares what a LesionResult shows, hand edits included, with ``referenceNode`` (segmentation or label map).

    :attr:`note` says what was done to the reference to compare it. :meth:`update` follows the reference where that is
    edited, and the colours. Raises InputError, one sentence, for a reference that cannot be used.
    """

    def __init__(self, result, referenceNode):
        if referenceNode is result.segmentationNode or referenceNode.GetAttribute(ATTRIBUTE):
            raise InputError(f"{referenceNode.GetName()} comes from the result itself; choose another reference.")
        self.result, self.referenceNode = result, referenceNode
        self._colours = None
        self._read()

    @property
    def inScene(self):
        """False once the reference was removed or the scene closed."""
        return self.referenceNode.GetScene() is not None

    @property
    def figures(self):
        """The true Figures of what is shown now."""
        return self.truth.figures(self.result.lesions, *self.result.overrides)

    @property
    def lesionCounts(self):
        """How many lesions agree, see LesionCounts."""
        return self.truth.lesion_counts(self.result.lesions, *self.result.overrides)

    @property
    def coloursShown(self):
        return self._colours is not None

    def showColours(self, shown=True):
        """Show hits, misses and extra voxels in colours, or what is marked as usual."""
        if not shown and self._colours is not None:
            self._colours.release()
            self._colours = None
        elif shown and self._colours is None and self.result.lesions is not None:
            self._colours = DisagreementColours(self.result, self.truth)
            self._colours.update()

    def update(self):
        """Bring truth and colours to what is shown; returns whether the reference had been edited.

        Raises InputError where the reference cannot be used any more.
        """
        edited = stampOf(self.referenceNode) != self._stamp
        if edited:
            self._read()
        if self._colours is not None:
            self._colours.truth = self.truth
            self._colours.update()
        return edited

    def release(self):
        """Take the colours out of the scene."""
        self.showColours(False)

    def _read(self):
        result = self.result.segmentationNode
        mask, self.note = referenceMask(self.referenceNode, gridOf(result), f"the image of {result.GetName()}")
        self.truth = TrueFigures(self.result.curve, mask)
        self._stamp = stampOf(self.referenceNode)


def keepReference(segmentationNode, referenceNode):
    """Keep the choice of a reference (None: no choice) with the segmentation node of a result."""
    segmentationNode.SetNodeReferenceID(REFERENCE, None if referenceNode is None else referenceNode.GetID())


def keptReference(segmentationNode):
    """Return the reference that was chosen for a result, also in an earlier session; None where there is none."""
    return segmentationNode.GetNodeReference(REFERENCE)
