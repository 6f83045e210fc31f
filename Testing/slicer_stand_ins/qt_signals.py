"""PythonQt's signals on PySide6 objects.

Emulated: ``w.connect("clicked(bool)", f)`` beside ``w.clicked.connect(f)``; a slot gets at most as many arguments as
its code object names (defaults included, so ``lambda x=w: ...`` is overwritten by the signal's argument); functions
with ``*args`` and callables that are not functions get all. Qt swallows what a slot raises under both bindings, so
every slot is wrapped and its traceback kept in :data:`ERRORS`, which the tests require to be empty.
"""

import traceback

import shiboken6
from PySide6 import QtCore

ERRORS = []  # tracebacks of slots since the last reset, as text

_connections = {}  # (address of sender, signature) -> [(slot, wrapper)]


def install():
    """Make signals and ``connect`` of all QObjects answer as in PythonQt (once a process)."""
    original = QtCore.QObject.__getattribute__
    if original.__name__ == "getAttribute":
        return

    def getAttribute(self, name):
        if name == "connect":
            return lambda signature, *receiver: connect(self, signature, _slotOf(receiver))
        if name == "disconnect":
            return lambda signature, *receiver: disconnect(self, signature, _slotOf(receiver))
        value = original(self, name)
        if type(value) is QtCore.SignalInstance:
            return BoundSignal(self, name, value)
        return value

    # Signals and connect() are answered before any descriptor of the class is asked, so this is the one place.
    QtCore.QObject.__getattribute__ = getAttribute
    QtCore.QTimer.singleShot = staticmethod(_singleShot)


class BoundSignal:
    """``widget.signal`` as PythonQt has it: connect, disconnect, emit, and a call emits too."""

    def __init__(self, sender, name, instance):
        self._sender, self._name, self._instance = sender, name, instance

    def connect(self, *receiver):
        return connect(self._sender, self._name, _slotOf(receiver))

    def disconnect(self, *receiver):
        return disconnect(self._sender, self._name, _slotOf(receiver))

    def emit(self, *arguments):
        self._instance.emit(*arguments)

    __call__ = emit


def connect(sender, signature, slot):
    """Connect ``slot`` (a callable) to the signal "name" or "name(type, ...)" of ``sender``; True when done."""
    if isinstance(slot, BoundSignal):
        slot = slot.emit
    signature = _findSignal(sender, signature)
    wrapper = _wrapper(slot, signature)
    key = _key(sender, signature)
    if key not in _connections:
        address = key[0]
        QtCore.QObject.__dict__["destroyed"].__get__(sender, type(sender)).connect(lambda: _forget(address))
    _connections.setdefault(key, []).append((slot, wrapper))
    _qtConnect(sender, QtCore.SIGNAL(signature), wrapper)
    return True


def disconnect(sender, signature, slot):
    """Undo the first such connection; False when there is none."""
    signature = _findSignal(sender, signature)
    entries = _connections.get(_key(sender, signature), [])
    for index, (known, wrapper) in enumerate(entries):
        if known == slot:
            del entries[index]
            return bool(_qtDisconnect(sender, QtCore.SIGNAL(signature), wrapper))
    return False


_qtConnect = QtCore.QObject.connect
_qtDisconnect = QtCore.QObject.disconnect


def _key(sender, signature):
    return shiboken6.getCppPointer(sender)[0], signature


def _forget(address):
    for key in [key for key in _connections if key[0] == address]:
        del _connections[key]


def _slotOf(receiver):
    """``(callable,)`` or ``(object, "method(type)")`` -> callable."""
    if len(receiver) == 1:
        return receiver[0]
    target, name = receiver
    return getattr(target, name.split("(")[0])


def _findSignal(sender, signature):
    """Return the full signature of the sender's signal.

    A signal of a stand-in carries Python objects where Slicer's carries ``vtkMRMLNode*``, so where the exact signature
    is not known the name and the number of arguments decide. Without a signature the longest one is taken: the others
    are Qt's copies for default arguments.
    """
    name, _, types = str(QtCore.QMetaObject.normalizedSignature(signature), "ascii").partition("(")
    wanted = None if not types else [text for text in types.rstrip(")").split(",") if text]
    meta = sender.metaObject()
    known = []
    for index in range(meta.methodCount()):
        method = meta.method(index)
        if method.methodType() == QtCore.QMetaMethod.MethodType.Signal and bytes(method.name()).decode() == name:
            known.append((bytes(method.methodSignature()).decode(), method.parameterCount()))
    for candidate, _ in sorted(known, key=lambda item: -item[1]):
        if wanted is None or candidate == f"{name}({','.join(wanted)})":
            return candidate
    for candidate, count in known:
        if count == len(wanted):
            return candidate
    raise AttributeError(f"{type(sender).__name__} has no signal {signature}")


def _wrapper(slot, signature):
    """A function of exactly the signal's arguments: PySide6 looks at the arity to choose what it passes."""
    inside = signature[signature.index("(") + 1 : -1]
    count = len(inside.split(",")) if inside else 0
    taken = _argumentsTaken(slot)

    def call(*arguments):
        try:
            slot(*(arguments if taken is None else arguments[:taken]))
        except BaseException:  # Qt would swallow it, whatever it is
            ERRORS.append(traceback.format_exc())

    return (
        lambda: call(),
        lambda a: call(a),
        lambda a, b: call(a, b),
        lambda a, b, c: call(a, b, c),
        lambda a, b, c, d: call(a, b, c, d),
    )[count]


def _argumentsTaken(slot):
    """How many arguments PythonQt passes to this callable; None means all."""
    function = getattr(slot, "__func__", slot)
    code = getattr(function, "__code__", None)
    if code is None or code.co_flags & 0x04:  # not a Python function, or one with *args
        return None
    return code.co_argcount - (1 if hasattr(slot, "__func__") else 0)


_qtSingleShot = QtCore.QTimer.singleShot


def _singleShot(milliseconds, slot):
    """``qt.QTimer.singleShot(ms, f)`` with the slot's exceptions kept."""
    _qtSingleShot(int(milliseconds), _wrapper(slot, "timeout()"))
