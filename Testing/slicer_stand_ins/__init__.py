"""Stand-ins for the parts of 3D Slicer that ``slicer-core`` (PyPI) does not carry.

``slicer-core`` is Slicer's real MRML: scene, nodes, logics, displayable managers and ``slicer.util``. What it lacks
is the application: ``slicer.app``, ``slicer.modules``, ``qt``, ``ctk``, and the Python layer of scripted modules. The
files here emulate just that, so that scene code and the unmodified module file run in a plain Python environment. They
are loaded only where ``slicer.app`` is absent: inside Slicer ``boot.insideSlicer()`` is true and nothing here is used.

========================= ==================================================================================
file                      one idea
========================= ==================================================================================
boot.py                   the real MRML scene with the logics the application would have set up; no Qt
modules.py                ``slicer.modules``: module name -> object with ``.logic()``
subject_hierarchy.py      an item for every node added to the scene (in Slicer a Qt plugin does this)
views.py                  real slice and 3D views, rendered offscreen
internationalization.py   ``slicer.i18n``
scripted_module.py        ``slicer.ScriptedLoadableModule``
parameter_types.py        text <-> typed value, and the checks of ``Annotated`` parameters
parameter_node.py         ``slicer.parameterNodeWrapper``
parameter_widgets.py      ``connectGui``: one connector per widget class
qt_properties.py          PySide6 classes with PythonQt's habits: properties are attributes
qt_signals.py             PythonQt's ``connect("signal(type)", slot)``, its argument truncation, slot errors collected
qt_modules.py             assembles the modules ``qt`` and ``ctk`` from the two files above
mrml_widgets.py           widgets of Slicer and CTK by class name, as the .ui file asks for them
ui_loader.py              ``QUiLoader`` that makes those widgets and the .ui's own connections
application.py            ``slicer.app`` and loading of a module file
layout.py                 the four-up layout with the offscreen views in it
node_combo_box.py         the node selector
========================= ==================================================================================

Everything is written from the documented behaviour of Slicer 5.12; no file of Slicer is copied. A stand-in that is more
forgiving than Slicer hides mistakes, so where Slicer refuses something (``w.text()``, a new attribute on a C++ widget,
a value out of range) the stand-in refuses it too.
"""
