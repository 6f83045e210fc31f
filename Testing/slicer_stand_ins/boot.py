"""The real MRML scene with the logics that the Slicer application would have set up. No Qt.

The order below matters and each step mends something that fails silently without it; the comments say what.
"""

import json
import os
import sys
import tempfile

# VTK picks its window class when the first one is made: EGL renders without an X server.
os.environ.setdefault("VTK_DEFAULT_OPENGL_WINDOW", "vtkEGLRenderWindow")

import slicer
import vtk

from . import internationalization, subject_hierarchy
from .modules import Module, Modules


def insideSlicer():
    """True inside the Slicer application, where no stand-in may be used."""
    return type(getattr(slicer, "app", None)).__name__ == "qSlicerApplication"


def bootScene():
    """Return ``slicer.mrmlScene``, empty, with application logic, module logics and subject hierarchy in place.

    The first call builds the scene; a later call closes it (as "Close scene" does) and returns the same scene again,
    because VTK logics are bound to one scene for the life of a process. Inside Slicer only the closing happens.
    """
    if getattr(slicer, "mrmlScene", None) is None:
        _buildScene()
    else:
        # Singletons (views, selection, interaction) stay, as when the user closes the scene.
        slicer.mrmlScene.Clear(False)
    return slicer.mrmlScene


def _buildScene():
    _aliasKits()
    scene = slicer.vtkMRMLScene()
    slicer.mrmlScene = scene
    slicer.modules = Modules()
    internationalization.install()

    applicationLogic = slicer.vtkSlicerApplicationLogic()
    applicationLogic.SetTemporaryPath(tempfile.gettempdir())
    home = tempfile.mkdtemp(prefix="SlicerHome-")
    # Colour tables are looked for in <home>/<share>/ColorFiles. There are none here; only the folder must exist.
    os.makedirs(os.path.join(home, "share", "ColorFiles"))
    applicationLogic.SetHomeDirectory(home)
    applicationLogic.SetShareDirectory("share")
    # The application logic and the displayable managers iterate over these collections without a null check.
    applicationLogic.SetSliceLogics(vtk.vtkCollection())
    applicationLogic.SetViewLogics(vtk.vtkCollection())
    slicer.vtkMRMLSliceViewDisplayableManagerFactory.GetInstance().SetMRMLApplicationLogic(applicationLogic)
    slicer.vtkMRMLThreeDViewDisplayableManagerFactory.GetInstance().SetMRMLApplicationLogic(applicationLogic)
    slicer.modules.applicationLogic = applicationLogic

    applicationLogic.SetMRMLScene(scene)

    _addRemoteIO(scene)
    slicer.vtkMRMLSliceNode.AddDefaultSliceOrientationPresets(scene)
    subject_hierarchy.observe(scene)

    # "Colors" before any display node: SetAndObserveColorToDisplayNode looks the logic up by that name.
    colors = slicer.vtkSlicerColorLogic()
    _addLogic("colors", "Colors", colors)
    applicationLogic.SetColorLogic(colors)
    # Terminologies before segments: default terms are looked up when a segment is made.
    terminologies = slicer.vtkSlicerTerminologiesModuleLogic()
    terminologies.SetModuleShareDirectory(_writeEmptyTerminologies())
    _addLogic("terminologies", "Terminologies", terminologies)
    # Segmentations before any segment: its SetMRMLScene registers the representation converters.
    _addLogic("segmentations", "Segmentations", slicer.vtkSlicerSegmentationsModuleLogic())
    _addLogic("volumes", "Volumes", slicer.vtkSlicerVolumesLogic())
    _addLogic("subjecthierarchy", "SubjectHierarchy", slicer.vtkSlicerSubjectHierarchyModuleLogic())
    _addLogic("models", "Models", slicer.vtkSlicerModelsLogic())
    _addLogic("markups", "Markups", slicer.vtkSlicerMarkupsLogic())
    _addLogic("tables", "Tables", slicer.vtkSlicerTablesLogic())
    _addLogic("plots", "Plots", slicer.vtkSlicerPlotsLogic())
    _addLogic("volumerendering", "VolumeRendering", slicer.vtkSlicerVolumeRenderingLogic())


def _addLogic(attribute, name, logic):
    """Bind ``logic`` to scene and application, and publish it as ``slicer.modules.<attribute>.logic()``."""
    applicationLogic = slicer.modules.applicationLogic
    logic.SetMRMLApplicationLogic(applicationLogic)
    applicationLogic.SetModuleLogic(name, logic)
    logic.SetMRMLScene(slicer.mrmlScene)
    setattr(slicer.modules, attribute, Module(name, logic))


def _writeEmptyTerminologies():
    """Write the three term files that the logic insists on reading, without entries; return their folder.

    The real ones are part of the application's share folder. Tests load the project's own terms on top.
    """
    folder = tempfile.mkdtemp(prefix="SlicerTerminologies-")
    schema = "https://raw.githubusercontent.com/qiicr/dcmqi/master/doc/schemas/{}-context-schema.json#"
    segment = {"@schema": schema.format("segment"), "SegmentationCodes": {"Category": []}}
    region = {"@schema": schema.format("anatomic"), "AnatomicCodes": {"AnatomicRegion": []}}
    for name, content in (
        ("SegmentationCategoryTypeModifier-SlicerGeneralAnatomy", segment),
        ("SegmentationCategoryTypeModifier-DICOM-Master", segment),
        ("AnatomicRegionAndModifier-DICOM-Master", region),
    ):
        key = "SegmentationCategoryTypeContextName" if content is segment else "AnatomicContextName"
        with open(os.path.join(folder, f"{name}.term.json"), "w") as file:
            json.dump({key: name.split("-", 1)[1], **content}, file)
    return folder


def _addRemoteIO(scene):
    """Cache and data manager: without them reading an .mrb fails although nothing in it is remote."""
    remote = slicer.vtkMRMLRemoteIOLogic()
    remote.GetCacheManager().SetRemoteCacheDirectory(tempfile.mkdtemp(prefix="SlicerCache-"))
    remote.SetMRMLScene(scene)
    remote.AddDataIOToScene()
    dataLogic = slicer.vtkDataIOManagerLogic()
    dataLogic.SetMRMLApplicationLogic(slicer.modules.applicationLogic)
    dataLogic.SetAndObserveDataIOManager(remote.GetDataIOManager())
    slicer.modules.keepAlive += [remote, dataLogic]


def _aliasKits():
    """Slicer's VTK kits are top-level modules in the application (``import vtkSegmentationCorePython``)."""
    import slicer_core

    for kit in ("vtkITK", "vtkSegmentationCore", "vtkTeem"):
        module = sys.modules.get(f"slicer_core.{kit}") or getattr(slicer_core, kit, None)
        if module is not None:
            sys.modules.setdefault(kit, module)
            sys.modules.setdefault(f"{kit}Python", module)
