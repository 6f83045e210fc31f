"""Reading a result: decisions, notes, comparison with a reference, and how it is looked at."""

import slicer


class Reading:
    """What a reader does with a LesionResult. Mixed into LesionSegmentationLogic."""

    _readingViews = None

    def decideLesion(self, result, lesionId, state):
        """Keep, reject or leave open ("kept", "rejected", "undecided") a lesion of ``result.lesions.listed``.

        Returns the Lesions shown then. Example: ``logic.decideLesion(result, result.lesions.listed[0].id, "kept")``.
        """
        return result.decide(lesionId, state)

    def noteLesion(self, result, lesionId, text):
        """Write the note on a lesion; "" removes it."""
        result.setNote(lesionId, text)

    def jumpToLesion(self, result, lesionId):
        """Bring all slice views to a lesion; returns the place, RAS in mm."""
        return result.jumpTo(lesionId)

    def resetDecisions(self, result):
        """Make all lesions undecided again, without asking; notes stay. Returns the Lesions shown then."""
        return result.resetDecisions()

    def resetHandEdits(self, result):
        """Take back all that was painted and erased by hand, without asking."""
        result.resetEdits()

    def addLesionTable(self, result):
        """Write the shown lesions, with decisions and notes, into a new table of the scene; returns the table node."""
        from ..scene.lesion_table import addLesionTable

        return addLesionTable(slicer.mrmlScene, result)

    def showOperatingCurve(self, result):
        """Show precision over recall of all settings of a LesionResult in a plot view, with the present one.

        Returns the OperatingCurvePlot, whose ``update()`` follows a later setting. Raises InputError where expected
        figures are withheld and no reference was chosen.
        """
        from ..scene.operating_curve_plot import OperatingCurvePlot

        plot = OperatingCurvePlot(slicer.mrmlScene)
        plot.setResult(result)
        slicer.modules.plots.logic().ShowChartInLayout(plot.chartNode)
        return plot

    def compareWith(self, result, referenceNode):
        """Compare a LesionResult with a reference segmentation or label map of the same image, None to end it.

        Returns the ReferenceComparison: ``figures`` and ``lesionCounts`` of what is shown, ``note`` on what was done to
        the reference, ``showColours()`` for hits, misses and extra voxels, ``update()`` after a later setting. Raises
        InputError, one sentence, for a reference that cannot be used. Example::

            result.show(0.3, 0.7)
            comparison = logic.compareWith(result, slicer.util.getNode("by hand"))
            print(comparison.figures.dice, comparison.note)
        """
        return result.compareWith(referenceNode)

    def setOverlay(self, result, opacity=None, outline=None, shown=None):
        """Change how the lesions lie over the slices: opacity 0 to 1, outline alone or filled, shown or hidden.

        What is None stays. Returns the OverlayLook. Voxels and exports are not touched.
        """
        from ..scene.overlay_look import setOverlayLook

        return setOverlayLook(result.segmentationNode, opacity, outline, shown)

    def showReadingLayout(self, result):
        """Show a LesionResult in three planes and in 3D, with rulers and the letters of the sides; returns the views.

        The reference volume lies behind the lesions, the slice views are linked. Raises InputError when something of
        the result was removed from the scene. :meth:`leaveReadingLayout` puts the views back. Example::

            logic.showReadingLayout(result)
            logic.setOverlay(result, opacity=0.7, outline=True)
        """
        from ..gui.main_window_views import lookAtAll

        views = self.readingViews()
        first = not views.isUp
        views.show(result)
        if first:
            lookAtAll()
        return views

    def leaveReadingLayout(self):
        """Put layout, layers, links, rulers and markers back to what they were before the reading layout."""
        self.readingViews().leave()

    def readingViews(self):
        """Return the ReadingViews: whether they are up, what they draw, and their links."""
        from ..gui.main_window_views import sliceRenderer
        from ..scene.reading_views import ReadingViews

        if self._readingViews is None:
            self._readingViews = ReadingViews(slicer.app.applicationLogic(), sliceRenderer)
        return self._readingViews
