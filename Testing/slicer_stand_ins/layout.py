"""``slicer.app.layoutManager()``: Slicer's four-up layout as a Qt widget showing the offscreen views.

The names of the methods are those that ``slicer.util`` and module code use. A view draws when its displayable
managers ask for it or its slice logic changes, in the next turn of the event loop: as in Slicer, several changes give
one picture.
"""

import qt
import slicer
import vtk

from .views import VIEW_NAMES, SliceView, ThreeDView


class _ViewWidget(qt.QWidget):
    """Shows the pictures of one offscreen view and hands it its size."""

    def __init__(self, view, parent=None):
        super().__init__(parent)
        self._view = view
        self._picture = None
        self._timer = qt.QTimer(self)
        self._timer.setSingleShot(True)
        self._timer.setInterval(0)
        self._timer.timeout.connect(self.forceRender)
        self.setMinimumSize(120, 120)
        view.managers.AddObserver(vtk.vtkCommand.UpdateEvent, lambda *_: self.scheduleRender())

    def scheduleRender(self):
        self._timer.start()

    def forceRender(self):
        self._picture = self._view.render()
        self.update()

    def resizeEvent(self, event):
        self._view.resize(max(1, self.width), max(1, self.height))
        self.scheduleRender()

    def paintEvent(self, event):
        painter = qt.QPainter(self)
        if self._picture is not None:
            height, width, _ = self._picture.shape
            image = qt.QImage(self._picture.data, width, height, 3 * width, qt.QImage.Format_RGB888)
            painter.drawImage(0, 0, image)
        painter.end()


class SliceWidget(_ViewWidget):
    """Stands for qMRMLSliceWidget."""

    def __init__(self, orientation, parent=None):
        super().__init__(SliceView(orientation, 300, 300), parent)
        self._view.logic.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda *_: self.scheduleRender())

    def sliceLogic(self):
        return self._view.logic

    def mrmlSliceNode(self):
        return self._view.sliceNode

    def sliceView(self):
        return self

    def renderWindow(self):
        return self._view.renderWindow()

    def fitSliceToBackground(self):
        self._view.fit()


class ThreeDWidget(_ViewWidget):
    """Stands for qMRMLThreeDWidget."""

    def __init__(self, parent=None):
        super().__init__(ThreeDView(300, 300), parent)

    def threeDView(self):
        return self

    def mrmlViewNode(self):
        return self._view.viewNode

    def resetFocalPoint(self):
        self._view.resetCamera()
        self.scheduleRender()


class LayoutManager:
    """Red, Green, Yellow and one 3D view; ``widget`` is the whole."""

    def __init__(self):
        self._slices = {VIEW_NAMES[name]: SliceWidget(name) for name in ("Axial", "Sagittal", "Coronal")}
        self._threeD = ThreeDWidget()
        self.widget = qt.QWidget()
        grid = qt.QGridLayout(self.widget)
        grid.setContentsMargins(0, 0, 0, 0)
        for index, child in enumerate(
            (self._slices["Red"], self._threeD, self._slices["Green"], self._slices["Yellow"])
        ):
            grid.addWidget(child, index // 2, index % 2)

    def sliceViewNames(self):
        return list(self._slices)

    def mrmlSliceLogics(self):
        return slicer.modules.applicationLogic.GetSliceLogics()

    def sliceWidget(self, name):
        return self._slices.get(name)

    threeDViewCount = 1

    def threeDWidget(self, index):
        return self._threeD

    def resetSliceViews(self):
        for widget in self._slices.values():
            widget.fitSliceToBackground()

    def resetThreeDViews(self):
        self._threeD.resetFocalPoint()

    def mrmlScene(self):
        return slicer.mrmlScene
