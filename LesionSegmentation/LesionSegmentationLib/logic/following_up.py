"""Comparing two studies of one patient."""

import slicer
from slicer.i18n import tr as _


class FollowingUp:
    """Follow-up of results and segmentations. Mixed into LesionSegmentationLogic beside Segmenting."""

    _sideBySide = _sideBySideMarks = None

    def followUp(self, earlier, later, alpha=0.5, beta=0.5, limit=None, minimumVolumeMl=0.0, waitForCompletion=True):
        """Compare two studies of one patient: lay the heads on each other and say what became of each lesion.

        earlier, later: segmentation nodes, or LesionResults of :meth:`process`. Where this logic made them their
        probabilities are compared, with hand edits on top, at one common level for alpha and beta; other segmentations
        as they are drawn. limit: an engine.lesion_changes.ChangeLimit, what counts as a change. minimumVolumeMl: what
        is smaller at both times is left out.

        Returns a FollowUpResult, whose ``show(alpha, beta)`` gives any other setting and ``write(folder)`` the files;
        look at ``result.followUp.warning`` before you use it. Without waitForCompletion the FollowUpRun, to be polled
        and then given to :meth:`followUpResultOf`. Raises like :meth:`process`. Example::

            result = logic.followUp(slicer.util.getNode("2024 lesions"), slicer.util.getNode("2025 lesions"))
            print(result.followUp.warning or result.followUp.summary())
            logic.showSideBySide(result)
        """
        from ..engine.errors import InputError
        from ..scene.follow_up_run import FollowUpRun, studyOf

        nodes = [getattr(one, "segmentationNode", one) for one in (earlier, later)]
        if None in nodes:
            raise InputError(_("Choose the segmentation of the earlier and that of the later study."))
        if nodes[0] is nodes[1]:
            raise InputError(_("The earlier and the later segmentation are the same; choose two studies."))
        run = FollowUpRun(self.worker(), *(studyOf(node, self.resultBehind(node)) for node in nodes))
        if not waitForCompletion:
            return run
        self._waitFor(run)
        result = self.followUpResultOf(run)
        result.show(alpha, beta, limit, minimumVolumeMl)
        return result

    def followUpResultOf(self, run):
        """Put the result of a finished FollowUpRun into the scene, to be shown; returns the FollowUpResult."""
        from ..scene.follow_up_result import FollowUpResult

        return FollowUpResult(slicer.mrmlScene, run.pair, *(study.referenceNode for study in run.studies))

    def showSideBySide(self, result, ras=None):
        """Show a FollowUpResult in two linked rows of slice views, at ``ras`` (halfway space, mm) where given.

        Slicer's layout menu brings the other views back.
        """
        from ..gui.main_window_views import sliceRenderer
        from ..scene.side_by_side import SideBySide
        from ..scene.view_marks import ViewMarks

        if self._sideBySide is None or self._sideBySide.result is not result:
            self._leaveSideBySide()
            self._sideBySide = SideBySide(slicer.app.applicationLogic(), result)
            self._sideBySideMarks = ViewMarks(sliceRenderer)
        self._sideBySide.show(ras)
        self._sideBySideMarks.put(self._sideBySide.sliceNodes())

    def _leaveSideBySide(self):
        if self._sideBySide is not None:
            self._sideBySideMarks.remove()
            self._sideBySide.release()
            self._sideBySide = None
