"""A probability map in the scene: its operating curve, and the segmentation node that shows one point of it."""

from dataclasses import replace
from functools import cached_property

import numpy as np
import slicer.util

from ..engine.decisions import REJECTED, UNDECIDED, Decision
from ..engine.errors import InputError
from ..engine.lesions import find_lesions
from ..engine.midplane import find_midplane
from ..engine.operating_curve import OperatingCurve
from .disagreement import drawAsUsual
from .lesion_views import jumpTo
from .live import LiveSegment
from .reference_comparison import ReferenceComparison, keepReference, keptReference
from .result_nodes import storedDecisions, storeDecisions, storedMap, storeMap
from .segmentation import (
    PROVENANCE_TAG,
    SEGMENT_ID,
    SURFACE,
    createLesionSegmentation,
    provenanceText,
    readProvenance,
)
from .volumes import volumeGeometry

FAR = 1e6  # a score beyond the level of every setting
MOST_SENSITIVE = 2.0**5  # beta / alpha at the end of the slider
RUNGS = 9  # settings at which a rejected lesion is looked at as it grows
# What a setting is made of, by the names in the provenance.
_SETTING = ("alpha", "beta", "minimum_volume_ml", "minimum_diameter_mm", "minimum_voxels")


class LesionResult:
    """Shows any operating point of ``probabilityMap`` in a segmentation node beside ``referenceNode``.

    ``tree``: the component tree that the worker made of the map; it is made here when left out. Raises InputError, and
    adds nothing to the scene, when the reference volume is no longer where the map lies.

    What the segment shows is at all times :attr:`lesions`, and on top of them what was painted and erased by hand. All
    that it takes to go on (map, setting, decisions, notes) is kept with the segmentation node, see :meth:`stored`.
    """

    def __init__(self, scene, referenceNode, probabilityMap, tree=None):
        if not volumeGeometry(referenceNode).same_grid(probabilityMap.geometry, 1e-2):
            raise InputError(f"{referenceNode.GetName()} changed while it was segmented; segment it again.")
        name = scene.GenerateUniqueName(f"{referenceNode.GetName()} lesions")
        node = createLesionSegmentation(scene, referenceNode, name)
        storeMap(scene, node, referenceNode, probabilityMap)
        self._begin(node, probabilityMap, OperatingCurve.of(probabilityMap, tree), storedDecisions(node))
        self._live = LiveSegment(node, self.segmentId, self.curve)

    @classmethod
    def stored(cls, segmentationNode):
        """Return the result that a segmentation node of the scene shows, ready to be slid again.

        Its setting, decisions and notes are as they were, and what the segment holds beyond its lesions counts as
        edited by hand. Raises InputError, one sentence, when the node is none of a result or something was removed.
        """
        probabilityMap, decisions = storedMap(segmentationNode), storedDecisions(segmentationNode)
        setting = readProvenance(segmentationNode)
        self = cls.__new__(cls)
        self._begin(segmentationNode, probabilityMap, OperatingCurve.of(probabilityMap), decisions)
        if setting is not None:
            self._find(*(setting.get(key, 0) for key in _SETTING))
        self._live = LiveSegment(segmentationNode, self.segmentId, self.curve, self.lesions)
        drawAsUsual(segmentationNode, self.segmentId)
        return self

    def _begin(self, segmentationNode, probabilityMap, curve, decisions):
        self.segmentationNode, self.segmentId = segmentationNode, SEGMENT_ID
        self.probabilityMap, self.curve, self.decisions = probabilityMap, curve, decisions
        self.lesions = None
        self.setting = None  # (alpha, beta, smallest volume in ml, smallest diameter in mm, smallest number of voxels)
        self.comparison = None  # the ReferenceComparison, where a reference was chosen

    @property
    def editedVoxels(self):
        """How many voxels were painted or erased by hand; :attr:`lesions` does not count them."""
        return sum(part.size for part in self._live.edits())

    @property
    def overrides(self):
        """Flat C-order indices of what was painted beyond :attr:`lesions`, and of what was erased from them."""
        return self._live.overrides()

    @property
    def shownVoxels(self):
        """Flat C-order indices of the voxels in the segment, hand edits included; unsorted."""
        self._live.edits()
        return self._live.shown

    @property
    def inScene(self):
        """False once the segmentation or its segment was removed or the scene closed."""
        node = self.segmentationNode
        return node.GetScene() is not None and node.GetSegmentation().GetSegment(self.segmentId) is not None

    @property
    def referenceNode(self):
        """The volume that was segmented, None once it was removed."""
        return self.segmentationNode.GetNodeReference(self.segmentationNode.GetReferenceImageGeometryReferenceRole())

    @property
    def keptReference(self):
        """The node that this result was last compared with, None for none."""
        return keptReference(self.segmentationNode)

    def show(self, alpha, beta, minimumVolumeMl=0.0, minimumDiameterMm=0.0, minimumVoxels=0):
        """Show the operating point of alpha (false positives) and beta (false negatives); returns its Lesions.

        Components below any of the sizes are not listed; rejected lesions are listed and not shown.
        """
        self._find(alpha, beta, minimumVolumeMl, minimumDiameterMm, minimumVoxels)
        self._live.showLesions(self.lesions, {PROVENANCE_TAG: provenanceText(self._provenance())})
        return self.lesions

    def compareWith(self, referenceNode):
        """Compare what is shown with a reference segmentation (or label map), None for none any more.

        Returns the ReferenceComparison, which is :attr:`comparison` from now on; the choice is kept with the
        segmentation node. Raises InputError, one sentence, for a reference that cannot be used: then there is none.
        """
        if self.comparison is not None:
            self.comparison.release()
            self.comparison = None
        keepReference(self.segmentationNode, None)
        if referenceNode is not None:
            self.comparison = ReferenceComparison(self, referenceNode)
            keepReference(self.segmentationNode, referenceNode)
        return self.comparison

    def editedMap(self):
        """Return the probability map as read: what was painted is certain, what was erased or rejected impossible.

        Of a rejected lesion this is all that it grows into between the present setting and the most sensitive one.
        """
        painted, erased = self._live.edits()
        rejected = np.setdiff1d(self._rejectedVoxels(), painted)
        if not (painted.size or erased.size or rejected.size):
            return self.probabilityMap
        made, score = self.probabilityMap, self.probabilityMap.score
        provenance = {
            **made.provenance,
            "edited_voxels": int(painted.size + erased.size),
            "rejected_voxels": int(rejected.size),
        }
        erased = np.union1d(erased, rejected)
        if score is not None:
            score = replace(score, array=_overwritten(score.array, painted, FAR, erased, -FAR))
        array = _overwritten(made.array, painted, 1, erased, 0)
        return replace(made, array=array, provenance=provenance, score=score)

    def decide(self, lesionId, state):
        """Take a decision ("kept", "rejected", "undecided") on a listed lesion; returns the Lesions shown then.

        A rejected lesion stays out at every setting, with what it splits into and what it grows into, until it meets
        another lesion: see the engine's ``decisions``. Raises InputError for a lesion that is not listed now.
        """
        lesion = self.lesion(lesionId)
        self.decisions.decide(Decision(lesion.peak, self.lesions.point.count, state))
        return self._decided()

    def setNote(self, lesionId, text):
        """Write a note on a listed lesion; it replaces what :attr:`lesions` says of it. "" removes it."""
        lesion = self.lesion(lesionId)
        for peak in [peak for peak in self.decisions.notes if self.lesions.holding(peak) == lesion]:
            self.decisions.set_note(peak, "")
        self.decisions.set_note(lesion.peak, text)
        self._decided()

    def resetDecisions(self):
        """Forget all decisions on lesions, notes stay; returns the Lesions shown then."""
        self.decisions.clear()
        return self._decided()

    def resetEdits(self):
        """Forget what was painted and erased by hand."""
        self._live.resetEdits()

    def lesion(self, lesionId):
        """Return the listed lesion of that id. Raises InputError where there is none."""
        found = self.lesions.listed.with_id(lesionId) if self.lesions is not None else None
        if found is None:
            raise InputError(f"There is no lesion {lesionId} in the list at this setting.")
        return found

    def isUndecided(self, lesionId):
        """Whether a listed lesion has yet to be decided on."""
        return self.lesions.states[lesionId].startswith(UNDECIDED)

    def side(self, lesion):
        """On which side of the patient a lesion lies: "left", "right", "middle", None where the image does not tell."""
        return None if self._midplane is None else self._midplane.side(lesion.centroid_ras)

    def jumpTo(self, lesionId):
        """Bring all slice views to a listed lesion; returns the place, RAS in mm, a voxel of the lesion."""
        place = self.lesions.middle(self.lesion(lesionId))
        jumpTo(self.segmentationNode.GetScene(), place)
        return place

    def updateSurface(self):
        """Bring the 3D surface, where one was made, to what is shown."""
        if self.segmentationNode.GetSegmentation().ContainsRepresentation(SURFACE):
            self._live.updateSurface()

    @cached_property
    def _midplane(self):
        node = self.referenceNode
        if node is None or node.GetImageData() is None:
            return None
        return find_midplane(slicer.util.arrayFromVolume(node).transpose(2, 1, 0), volumeGeometry(node))

    def _find(self, *setting):
        self.lesions = self._lesionsAt(*setting)
        self.setting = setting

    def _lesionsAt(self, alpha, beta, minimumVolumeMl, minimumDiameterMm, minimumVoxels):
        return find_lesions(
            self.curve,
            self.curve.at(alpha, beta),
            minimumVolumeMl,
            minimumVoxels,
            minimumDiameterMm,
            self.decisions,
        )

    def _rejectedVoxels(self):
        """Flat C-order indices of what rejected lesions hold at the present setting and at more sensitive ones."""
        found = [np.zeros(0, np.int64)]
        if self.setting is not None and len(self.decisions):
            alpha, beta, *sizes = self.setting
            for rho in np.geomspace(max(beta / alpha, MOST_SENSITIVE / 1e3), MOST_SENSITIVE, RUNGS):
                lesions = self._lesionsAt(1 / (1 + rho), rho / (1 + rho), *sizes)
                rejected = [lesion for lesion in lesions.listed if lesions.states[lesion.id] == REJECTED]
                found += [lesions.voxels_of(lesion) for lesion in rejected]
        return np.unique(np.concatenate(found))

    def _decided(self):
        storeDecisions(self.segmentationNode, self.decisions)
        return self.show(*self.setting)

    def _provenance(self):
        """What made the segment and at which setting, to be kept with it in every file it is saved to."""
        return {
            "model": self.probabilityMap.provenance.get("model"),
            **dict(zip(_SETTING, self.setting)),
            "threshold": self.lesions.point.probability_threshold,
            "rejected_lesions": len(self.lesions.listed) - len(self.lesions),
            "notice": "Research use, not a medical device.",
        }


def _overwritten(array, painted, high, erased, low):
    """A copy of ``array`` with two sets of flat indices set."""
    copy = array.copy()
    copy.reshape(-1)[painted] = high
    copy.reshape(-1)[erased] = low
    return copy
