"""A probability map in the scene: its operating curve, and the segmentation node that shows one point of it."""

from ..engine.lesions import find_lesions
from ..engine.operating_curve import OperatingCurve
from .live import LiveSegment
from .segmentation import createLesionSegmentation, setProvenance


class LesionResult:
    """Shows any operating point of ``probabilityMap`` in a segmentation node beside ``referenceNode``.

    What the segment shows is at all times :attr:`lesions`: what is on the screen is what is exported.
    """

    def __init__(self, scene, referenceNode, probabilityMap):
        self.probabilityMap = probabilityMap
        self.curve = OperatingCurve.of(probabilityMap)
        self.lesions = None
        name = scene.GenerateUniqueName(f"{referenceNode.GetName()} lesions")
        self.segmentationNode = createLesionSegmentation(scene, referenceNode, name)
        self.segmentId = self.segmentationNode.GetSegmentation().GetNthSegmentID(0)
        model = probabilityMap.provenance.get("model", {})
        made = {"Model": f"{model.get('name')} {model.get('version')}", "ModelSha256": model.get("sha256")}
        setProvenance(self.segmentationNode, self.segmentId, made)
        self._live = LiveSegment(self.segmentationNode, self.segmentId, self.curve.geometry)

    @property
    def inScene(self):
        """False once the segmentation or its segment was removed or the scene closed."""
        node = self.segmentationNode
        return node.GetScene() is not None and node.GetSegmentation().GetSegment(self.segmentId) is not None

    def show(self, alpha, beta, minimumVolumeMl=0.0):
        """Show the operating point of alpha (false positives) and beta (false negatives); returns its Lesions."""
        self.lesions = find_lesions(self.curve, self.curve.at(alpha, beta), minimumVolumeMl)
        self._live.showLesions(self.lesions)
        setting = f"alpha={alpha:.6g} beta={beta:.6g} minimum_volume_ml={minimumVolumeMl:.6g}"
        setProvenance(self.segmentationNode, self.segmentId, {"Setting": setting})
        return self.lesions

    def updateSurface(self):
        """Bring the 3D surface, where one was made, to what is shown."""
        if self.segmentationNode.GetSegmentation().ContainsRepresentation("Closed surface"):
            self._live.updateSurface()
