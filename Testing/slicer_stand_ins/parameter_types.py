"""Typed values of a parameter node: text in the MRML node, Python values outside, checked on every write.

Kinds: bool, int, float, str, enum (stored by name), pathlib.Path, list of these, and MRML nodes (stored as references).
As strict as Slicer's: a value of another type is a TypeError, one outside its annotation a ValueError.
"""

import enum
import json
import pathlib
import typing

import slicer


class WithinRange:
    """``Annotated[float, WithinRange(low, high)]``, both ends allowed."""

    def __init__(self, minimum, maximum):
        self.minimum, self.maximum = minimum, maximum

    def validate(self, value):
        if not self.minimum <= value <= self.maximum:
            raise ValueError(f"{value} is not within [{self.minimum}, {self.maximum}]")


class Minimum:
    def __init__(self, minimum):
        self.minimum = minimum

    def validate(self, value):
        if value < self.minimum:
            raise ValueError(f"{value} is below {self.minimum}")


class Choice:
    """``Annotated[str, Choice(["a", "b"])]``."""

    def __init__(self, choices):
        self.choices = list(choices)

    def validate(self, value):
        if value not in self.choices:
            raise ValueError(f"{value!r} is not one of {self.choices}")


class Decimals:
    """Hint for spin boxes and sliders."""

    def __init__(self, value):
        self.value = value


class SingleStep(Decimals):
    """Hint for spin boxes and sliders."""


class Default:
    """``Annotated[float, Default(0.5)]``, the same as ``= 0.5``."""

    def __init__(self, value):
        self.value = value


_UNSET = object()


class ParameterType:
    """One member of a parameter node class: its type, its annotations, its default, and how it is kept."""

    def __init__(self, name, hint, default=_UNSET):
        self.name = name
        self.type = typing.get_args(hint)[0] if typing.get_origin(hint) is typing.Annotated else hint
        self.annotations = list(getattr(hint, "__metadata__", []))
        for annotation in self.annotations:
            if isinstance(annotation, Default):
                default = annotation.value
        self.default = self._implicitDefault() if default is _UNSET else default
        if not self.isNode:
            self.check(self.default)

    @property
    def isNode(self):
        return isinstance(self.type, type) and issubclass(self.type, slicer.vtkMRMLNode)

    def annotation(self, cls):
        """The annotation of that class, or None."""
        return next((a for a in self.annotations if type(a) is cls), None)

    def _implicitDefault(self):
        if self.isNode:
            return None
        choice = self.annotation(Choice)
        if choice:
            return choice.choices[0]
        if isinstance(self.type, type) and issubclass(self.type, enum.Enum):
            return next(iter(self.type))
        if typing.get_origin(self.type) is list:
            return []
        return self.type()

    def check(self, value):
        expected = typing.get_origin(self.type) or self.type
        if self.isNode and value is None:
            return
        if not isinstance(value, expected) or (expected is int and isinstance(value, bool)):
            raise TypeError(f"{self.name} takes {expected.__name__}, not {type(value).__name__} ({value!r})")
        for annotation in self.annotations:
            if hasattr(annotation, "validate"):
                annotation.validate(value)

    def read(self, node):
        """The value in the vtkMRMLScriptedModuleNode."""
        if self.isNode:
            return node.GetNodeReference(self.name)
        text = node.GetParameter(self.name)
        if issubclass(self.type if isinstance(self.type, type) else list, enum.Enum):
            return self.type[text]
        if self.type is pathlib.Path:
            return pathlib.Path(text)
        if self.type is str:
            return text
        return json.loads(text)

    def write(self, node, value):
        """Check the value and keep it. The node says Modified only where the text changes."""
        self.check(value)
        if self.isNode:
            node.SetNodeReferenceID(self.name, value.GetID() if value is not None else None)
        elif isinstance(value, enum.Enum):
            node.SetParameter(self.name, value.name)
        elif isinstance(value, (str, pathlib.Path)):
            node.SetParameter(self.name, str(value))
        else:
            node.SetParameter(self.name, json.dumps(value))

    def isIn(self, node):
        return self.isNode or node.GetParameterNames().__contains__(self.name)
