"""PySide6 classes with PythonQt's habits: Qt properties are attributes.

PythonQt (the binding inside Slicer) reads ``label.text`` and writes ``slider.value = 0.5``; PySide6 has
``label.text()``. :func:`install` puts a descriptor on every Qt class for each property of its meta object, so from then
on the getter call fails as it does in Slicer. Also emulated: ``name`` for ``objectName``, ``className()``, and the
refusal of new attributes on objects that belong to C++.
"""

from PySide6 import QtCore, QtGui, QtUiTools, QtWidgets

# Virtual functions that C++ looks up on the Python object: a descriptor in their place would break layouts.
VIRTUAL_PROPERTIES = {"sizeHint", "minimumSizeHint", "spacing"}


class QtProperty:
    """Descriptor that reads and writes one Qt property."""

    def __init__(self, name):
        self.name = name

    def __get__(self, instance, owner=None):
        return self if instance is None else QtCore.QObject.property(instance, self.name)

    def __set__(self, instance, value):
        if type(value).__module__ == "numpy":
            # PythonQt cannot convert numpy scalars; it would set 0 or refuse.
            raise TypeError(f"{self.name}: a plain Python value is needed, not {type(value).__name__}")
        if not QtCore.QObject.setProperty(instance, self.name, value):
            raise TypeError(f"property {self.name} of {type(instance).__name__} does not take {value!r}")


def install():
    """Give every QObject class in QtCore, QtGui and QtWidgets its properties as attributes (once a process)."""
    if isinstance(QtCore.QObject.__dict__.get("objectName"), QtProperty):
        return
    for kit in (QtCore, QtGui, QtWidgets, QtUiTools):
        for className in dir(kit):  # dir() and not vars(): PySide6 makes its classes on first access
            cls = getattr(kit, className)
            if isinstance(cls, type) and issubclass(cls, QtCore.QObject):
                _addProperties(cls)
                _refuseNewAttributes(cls)
    QtCore.QObject.name = QtProperty("objectName")
    QtCore.QObject.className = lambda self: self.metaObject().className()


def _addProperties(cls):
    meta = cls.staticMetaObject
    for index in range(meta.propertyOffset(), meta.propertyCount()):
        name = meta.property(index).name()
        if name not in VIRTUAL_PROPERTIES:
            setattr(cls, name, QtProperty(name))


def _refuseNewAttributes(cls):
    """Writing an unknown attribute of a C++ object raises, as in PythonQt.

    A subclass made in Python may hold attributes under both bindings; the stand-ins for Slicer's own widgets
    (``standsForCpp``) may hold only private ones.
    """

    def setAttribute(self, name, value):
        descriptor = getattr(type(self), name, None)
        if isinstance(descriptor, QtCore.Property):  # of a stand-in
            descriptor = QtProperty(name)
        if hasattr(descriptor, "__set__"):
            descriptor.__set__(self, value)
            return
        if type(value) is QtCore.SignalInstance:
            return  # PySide6 keeps a signal that was asked for; it makes another one as well
        if isinstance(value, QtCore.QObject) and value.objectName == name:
            return  # PySide6's loader writes the children of a form on it; PythonQt's does not
        isCpp = type(self).__module__.startswith("PySide6")
        isStandIn = getattr(type(self), "standsForCpp", False) and not name.startswith("_")
        if isCpp or isStandIn:
            raise AttributeError(
                f"{name} does not exist on {type(self).__name__}; new attributes on C++ objects are not allowed"
            )
        self.__dict__[name] = value  # the original slot of PySide6 refuses to be called from a patched class

    cls.__setattr__ = setAttribute
