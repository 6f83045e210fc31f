"""Real slice and 3D views, rendered offscreen.

``vtkMRMLSliceLogic`` blends the layers and the displayable managers draw segmentations, exactly as in Slicer. Only
the window round them is replaced: Slicer's (Qt and CTK's light box) by an image mapper in an offscreen VTK window. A
pixel of :meth:`SliceView.render` is therefore what a Slicer slice view of the same size would show.
"""

import numpy as np
import slicer
import vtk
from vtk.util.numpy_support import vtk_to_numpy

SLICE_MANAGERS = (
    "vtkMRMLModelSliceDisplayableManager",
    "vtkMRMLSegmentationsDisplayableManager2D",
    "vtkMRMLCrosshairDisplayableManager",
    "vtkMRMLOrientationMarkerDisplayableManager",
    "vtkMRMLRulerDisplayableManager",
)
THREE_D_MANAGERS = (
    "vtkMRMLCameraDisplayableManager",
    "vtkMRMLViewDisplayableManager",
    "vtkMRMLModelDisplayableManager",
    "vtkMRMLSegmentationsDisplayableManager3D",
    "vtkMRMLOrientationMarkerDisplayableManager",
    "vtkMRMLRulerDisplayableManager",
)
VIEW_NAMES = {"Axial": "Red", "Sagittal": "Yellow", "Coronal": "Green"}


class _View:
    """An offscreen window with one renderer and the displayable managers of a view node."""

    def __init__(self, width, height):
        self.renderer = vtk.vtkRenderer()
        self.window = vtk.vtkRenderWindow()
        self.window.SetOffScreenRendering(1)
        self.window.SetMultiSamples(0)
        self.window.SetSize(width, height)
        self.window.AddRenderer(self.renderer)
        self.interactor = vtk.vtkGenericRenderWindowInteractor()
        self.interactor.SetRenderWindow(self.window)
        self.renderRequested = False

    def _addManagers(self, viewNode, names, factory):
        self.managers = slicer.vtkMRMLDisplayableManagerGroup()
        self.managers.SetRenderer(self.renderer)
        for name in names:
            manager = getattr(slicer, name)()
            manager.SetMRMLApplicationLogic(factory.GetMRMLApplicationLogic())
            self.managers.AddDisplayableManager(manager)
        self.managers.SetMRMLDisplayableNode(viewNode)
        # The group does not draw: it asks its view to. A test can see that it was asked.
        self.managers.AddObserver(vtk.vtkCommand.UpdateEvent, self._onRenderRequested)

    def _onRenderRequested(self, caller, event):
        self.renderRequested = True

    def renderWindow(self):
        """The window with the renderer in it, as a view of the application gives it."""
        return self.window

    def resize(self, width, height):
        """Set the size of the view in pixels."""
        self.window.SetSize(width, height)

    def render(self):
        """Draw and return the picture: uint8 (height, width, 3), first row on top, RGB."""
        self.renderRequested = False
        self.window.Render()
        grab = vtk.vtkWindowToImageFilter()
        grab.SetInput(self.window)
        grab.ReadFrontBufferOff()
        grab.Update()
        image = grab.GetOutput()
        width, height, _ = image.GetDimensions()
        pixels = vtk_to_numpy(image.GetPointData().GetScalars()).reshape(height, width, -1)
        return np.ascontiguousarray(pixels[::-1, :, :3])


class SliceView(_View):
    """A slice view, as a quarter of Slicer's four-up layout.

    ``orientation`` is "Axial", "Sagittal" or "Coronal" (a slice orientation preset). Example::

        view = SliceView("Axial", 400, 400)
        view.show(flairNode)
        view.jumpTo((0.0, 12.0, -3.0))
        picture = view.render()
    """

    def __init__(self, orientation="Axial", width=400, height=400, name=None):
        super().__init__(width, height)
        self.name = name or VIEW_NAMES[orientation]
        self.orientation = orientation
        self.logic = _sliceLogic(self.name)

        self.mapper = vtk.vtkImageMapper()
        self.mapper.SetColorWindow(255)
        self.mapper.SetColorLevel(127.5)
        self.imageActor = vtk.vtkActor2D()
        self.imageActor.SetMapper(self.mapper)
        self.imageActor.GetProperty().SetDisplayLocationToBackground()
        self.imageActor.SetVisibility(False)
        self.renderer.AddViewProp(self.imageActor)

        self.sliceNode.SetOrientation(orientation)
        self._addManagers(
            self.sliceNode, SLICE_MANAGERS, slicer.vtkMRMLSliceViewDisplayableManagerFactory.GetInstance()
        )
        self.resize(width, height)

    @property
    def sliceNode(self):
        """The vtkMRMLSliceNode (asked for each time: closing the scene may replace it)."""
        return self.logic.GetSliceNode()

    @property
    def compositeNode(self):
        """The vtkMRMLSliceCompositeNode, which names the volumes shown."""
        return self.logic.GetSliceCompositeNode()

    def resize(self, width, height):
        super().resize(width, height)
        self.logic.ResizeSliceNode(width, height)

    def show(self, volumeNode, fit=True):
        """Show a volume (or None) in the background layer and fit the view to it."""
        self.compositeNode.SetBackgroundVolumeID(volumeNode.GetID() if volumeNode else None)
        if volumeNode and fit:
            self.fit()

    def fit(self):
        """Set field of view and position to the background volume."""
        width, height = self.window.GetSize()
        self.logic.FitSliceToBackground(width, height)

    def jumpTo(self, ras):
        """Move the slice plane through the point ``ras`` (mm) without panning."""
        self.sliceNode.JumpSliceByOffsetting(*(float(value) for value in ras))

    def pixelOf(self, ras):
        """Return (row, column) of a world point (RAS mm) in the picture of :meth:`render`, as floats."""
        toXY = vtk.vtkMatrix4x4()
        vtk.vtkMatrix4x4.Invert(self.sliceNode.GetXYToRAS(), toXY)
        x, y, _, _ = toXY.MultiplyPoint([*(float(value) for value in ras), 1.0])
        return self.window.GetSize()[1] - 1 - y, x

    def worldOfPixels(self):
        """Return the RAS position (mm) of every pixel centre of :meth:`render`: float64 (height, width, 3)."""
        width, height = self.window.GetSize()
        matrix = self.sliceNode.GetXYToRAS()
        xyToRas = np.array([[matrix.GetElement(r, c) for c in range(4)] for r in range(3)])
        rows, columns = np.mgrid[0:height, 0:width]
        xy = np.stack([columns, height - 1 - rows, np.zeros_like(rows), np.ones_like(rows)], axis=-1)
        return xy @ xyToRas.T

    def render(self):
        connection = self.logic.GetImageDataConnection()
        self.imageActor.SetVisibility(connection is not None)
        if connection is not None:
            self.mapper.SetInputConnection(connection)
        return super().render()


class ThreeDView(_View):
    """Slicer's 3D view: surfaces of segmentations and models.

    ``resetCamera()`` looks at everything shown from the front.
    """

    def __init__(self, width=400, height=400, name="1"):
        super().__init__(width, height)
        self.logic = _viewLogic(name)
        self.viewNode = slicer.mrmlScene.GetSingletonNode(name, "vtkMRMLViewNode")
        self._addManagers(
            self.viewNode, THREE_D_MANAGERS, slicer.vtkMRMLThreeDViewDisplayableManagerFactory.GetInstance()
        )
        self.viewNode.SetBoxVisible(False)
        self.viewNode.SetAxisLabelsVisible(False)

    def resetCamera(self, direction=(0.0, 1.0, 0.0)):
        """Frame what is visible, looking from ``direction`` (RAS; default from the front of the head)."""
        self.render()  # displayable managers make their actors while drawing
        camera = self.renderer.GetActiveCamera()
        camera.SetFocalPoint(0, 0, 0)
        camera.SetPosition(*direction)
        camera.SetViewUp(0, 0, 1)
        self.renderer.ResetCamera()
        self.renderer.ResetCameraClippingRange()


def _sliceLogic(name):
    """The slice logic of that view name: one in a process, as view nodes are singletons of the scene.

    A second SliceView of the same name is a second window on the same slice (the last one made sets its size).
    """
    applicationLogic = slicer.modules.applicationLogic
    logic = applicationLogic.GetSliceLogicByLayoutName(name)
    if logic is None:
        logic = slicer.vtkMRMLSliceLogic()
        logic.SetMRMLApplicationLogic(applicationLogic)
        logic.SetMRMLScene(slicer.mrmlScene)
        logic.AddSliceNode(name)  # makes the composite node too
        applicationLogic.GetSliceLogics().AddItem(logic)
    return logic


def _viewLogic(name):
    """The 3D view logic of that view name, as for slices."""
    applicationLogic = slicer.modules.applicationLogic
    logic = applicationLogic.GetViewLogicByLayoutName(name)
    if logic is None:
        logic = slicer.vtkMRMLViewLogic()
        logic.SetMRMLApplicationLogic(applicationLogic)
        logic.SetMRMLScene(slicer.mrmlScene)
        logic.AddViewNode(name)
        applicationLogic.GetViewLogics().AddItem(logic)
    return logic
