"""``slicer.modules``: in the application an attribute per loaded module, in lower case."""


class Module:
    """Stands for a ``qSlicerAbstractCoreModule``: code outside the module asks it for name, path and logic only."""

    def __init__(self, name, logic=None, path=""):
        self.name = name
        self.path = path
        self._logic = logic

    def logic(self):
        return self._logic


class Modules:
    """Attribute access as in the application, where a module that is not loaded is an AttributeError."""

    def __init__(self):
        self.applicationLogic = None
        self.keepAlive = []  # VTK objects that the application itself would own
