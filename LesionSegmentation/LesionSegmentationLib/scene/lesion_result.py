"""A probability map in the scene: its operating curve, and the segmentation node that shows one point of it."""

from dataclasses import replace

from ..engine.errors import InputError
from ..engine.lesions import find_lesions
from ..engine.operating_curve import OperatingCurve
from .live import LiveSegment
from .segmentation import PROVENANCE_TAG, SEGMENT_ID, SURFACE, createLesionSegmentation, provenanceText
from .volumes import volumeGeometry

FAR = 1e6  # a score beyond the level of every setting


class LesionResult:
    """Shows any operating point of ``probabilityMap`` in a segmentation node beside ``referenceNode``.

    ``tree``: the component tree that the worker made of the map; it is made here when left out. Raises InputError, and
    adds nothing to the scene, when the reference volume is no longer where the map lies.

    What the segment shows is at all times :attr:`lesions`, and on top of them what was painted and erased by hand.
    """

    def __init__(self, scene, referenceNode, probabilityMap, tree=None):
        if not volumeGeometry(referenceNode).same_grid(probabilityMap.geometry, 1e-2):
            raise InputError(f"{referenceNode.GetName()} changed while it was segmented; segment it again.")
        self.probabilityMap = probabilityMap
        self.curve = OperatingCurve.of(probabilityMap, tree)
        self.lesions = None
        name = scene.GenerateUniqueName(f"{referenceNode.GetName()} lesions")
        self.segmentationNode = createLesionSegmentation(scene, referenceNode, name)
        self.segmentId = SEGMENT_ID
        self._live = LiveSegment(self.segmentationNode, self.segmentId, self.curve)

    @property
    def editedVoxels(self):
        """How many voxels were painted or erased by hand; :attr:`lesions` does not count them."""
        return sum(part.size for part in self._live.edits())

    @property
    def inScene(self):
        """False once the segmentation or its segment was removed or the scene closed."""
        node = self.segmentationNode
        return node.GetScene() is not None and node.GetSegmentation().GetSegment(self.segmentId) is not None

    def show(self, alpha, beta, minimumVolumeMl=0.0):
        """Show the operating point of alpha (false positives) and beta (false negatives); returns its Lesions."""
        self.lesions = find_lesions(self.curve, self.curve.at(alpha, beta), minimumVolumeMl)
        self._live.showLesions(self.lesions)
        self._live.setTag(PROVENANCE_TAG, provenanceText(self._provenance(minimumVolumeMl)))
        return self.lesions

    def editedMap(self):
        """Return the probability map with the hand edits: what was painted is certain, what was erased impossible."""
        painted, erased = self._live.edits()
        if not (painted.size or erased.size):
            return self.probabilityMap
        made, score = self.probabilityMap, self.probabilityMap.score
        provenance = {**made.provenance, "edited_voxels": int(painted.size + erased.size)}
        if score is not None:
            score = replace(score, array=_overwritten(score.array, painted, FAR, erased, -FAR))
        array = _overwritten(made.array, painted, 1, erased, 0)
        return replace(made, array=array, provenance=provenance, score=score)

    def updateSurface(self):
        """Bring the 3D surface, where one was made, to what is shown."""
        if self.segmentationNode.GetSegmentation().ContainsRepresentation(SURFACE):
            self._live.updateSurface()

    def _provenance(self, minimumVolumeMl):
        """What made the segment and at which setting, to be kept with it in every file it is saved to."""
        point = self.lesions.point
        return {
            "model": self.probabilityMap.provenance.get("model"),
            "alpha": point.alpha,
            "beta": point.beta,
            "threshold": point.probability_threshold,
            "minimum_volume_ml": minimumVolumeMl,
            "notice": "Research use, not a medical device.",
        }


def _overwritten(array, painted, high, erased, low):
    """A copy of ``array`` with two sets of flat indices set."""
    copy = array.copy()
    copy.reshape(-1)[painted] = high
    copy.reshape(-1)[erased] = low
    return copy
