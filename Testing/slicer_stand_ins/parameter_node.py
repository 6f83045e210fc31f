"""``slicer.parameterNodeWrapper``: a class whose annotated members live in a vtkMRMLScriptedModuleNode."""

import contextlib
import sys
import types
import typing

import slicer

from . import parameter_types, parameter_widgets
from .parameter_types import ParameterType


def parameterNodeWrapper(cls):
    """Class decorator. Each annotated member becomes a property that reads and writes the MRML node."""
    hints = typing.get_type_hints(cls, include_extras=True)
    members = [
        ParameterType(name, hint, *([vars(cls)[name]] if name in vars(cls) else [])) for name, hint in hints.items()
    ]
    body = {
        key: value for key, value in vars(cls).items() if key not in hints and key not in ("__dict__", "__weakref__")
    }
    wrapped = type(cls.__name__, (_ParameterNode,), body)
    wrapped._members = {member.name: member for member in members}
    for member in members:
        setattr(wrapped, member.name, _property(member))
    return wrapped


def _property(member):
    return property(
        lambda self: member.read(self.parameterNode),
        lambda self, value: member.write(self.parameterNode, value),
    )


class _ParameterNode:
    """Base of every wrapped class. Unknown VTK methods (AddObserver, GetID, ...) go to the MRML node."""

    _members = {}

    def __init__(self, parameterNode, prefix=None):
        object.__setattr__(self, "parameterNode", parameterNode)
        object.__setattr__(self, "_bindings", {})
        for member in self._members.values():
            if not member.isIn(parameterNode):
                member.write(parameterNode, member.default)

    def __setattr__(self, name, value):
        if name not in self._members:
            raise AttributeError(f"{type(self).__name__} has no parameter {name}")
        object.__setattr__(self, name, value)

    def __getattr__(self, name):
        if name.startswith("_"):
            raise AttributeError(name)
        return getattr(self.parameterNode, name)

    def __eq__(self, other):
        return isinstance(other, _ParameterNode) and other.parameterNode is self.parameterNode

    __hash__ = None

    def default(self, name):
        """An object whose ``value`` is the default of that parameter."""
        return parameter_types.Default(self._members[name].default)

    def isParameter(self, name):
        return name in self._members

    def StartModify(self):
        return self.parameterNode.StartModify()

    def EndModify(self, wasModifying):
        return self.parameterNode.EndModify(wasModifying)

    def connectGui(self, gui):
        """Bind every widget of ``gui`` with a property SlicerParameterName; returns a tag for :meth:`disconnectGui`."""
        mapping = {}
        for widget in vars(gui).values():
            name = widget.property("SlicerParameterName")
            if name:
                mapping[name] = widget
        return self.connectParametersToGui(mapping)

    def connectParametersToGui(self, mapping):
        """The same with an explicit {parameter name: widget}."""
        for name in mapping:
            if name not in self._members:
                raise ValueError(f"the .ui binds a parameter {name} that {type(self).__name__} does not have")
        binding = parameter_widgets.Binding(
            self.parameterNode, {widget: self._members[name] for name, widget in mapping.items()}
        )
        tag = 1 + max(self._bindings, default=0)
        self._bindings[tag] = binding
        return tag

    def disconnectGui(self, tag):
        self._bindings.pop(tag).release()


@contextlib.contextmanager
def blockParameterModified(parameterNode):
    wasModifying = parameterNode.StartModify()
    try:
        yield
    finally:
        parameterNode.EndModify(wasModifying)


def install():
    """Publish the module as ``slicer.parameterNodeWrapper``."""
    name = "slicer.parameterNodeWrapper"
    if name in sys.modules:
        return
    module = types.ModuleType(name, __doc__)
    module.parameterNodeWrapper = parameterNodeWrapper
    for public in ("WithinRange", "Minimum", "Choice", "Decimals", "SingleStep", "Default"):
        setattr(module, public, getattr(parameter_types, public))
    sys.modules[name] = module
    slicer.parameterNodeWrapper = module
