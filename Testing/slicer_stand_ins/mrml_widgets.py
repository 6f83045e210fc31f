"""Stand-ins for the widgets of Slicer and CTK that a .ui file names, with the properties and signals they have there.

Only what modules touch is here: the look is Qt's, the behaviour is documented where it is more than obvious.
"""

from PySide6 import QtCore, QtGui, QtWidgets

from .node_combo_box import qMRMLNodeComboBox


class qMRMLWidget(QtWidgets.QWidget):
    """Top level of a module's .ui: passes the scene on to the widgets connected inside the .ui."""

    standsForCpp = True
    mrmlSceneChanged = QtCore.Signal(object)

    def __init__(self, parent=None):
        super().__init__(parent)
        self._scene = None

    def setMRMLScene(self, scene):
        if scene is not self._scene:
            self._scene = scene
            self.mrmlSceneChanged.emit(scene)

    def mrmlScene(self):
        return self._scene


class ctkCollapsibleButton(QtWidgets.QAbstractButton):
    """A titled box whose contents hide when its title is clicked."""

    standsForCpp = True
    contentsCollapsed = QtCore.Signal(bool)

    def __init__(self, parent=None):
        super().__init__(parent)
        self._collapsed = False
        self.setContentsMargins(6, self._titleHeight() + 4, 6, 6)
        self.setSizePolicy(QtWidgets.QSizePolicy.Policy.Expanding, QtWidgets.QSizePolicy.Policy.Preferred)
        self.clicked.connect(lambda: self.setCollapsed(not self._collapsed))

    def _titleHeight(self):
        return self.fontMetrics().height() + 8

    def isCollapsed(self):
        return self._collapsed

    def setCollapsed(self, collapsed):
        if collapsed == self._collapsed:
            return
        self._collapsed = collapsed
        for child in self.findChildren(QtWidgets.QWidget, options=QtCore.Qt.FindChildOption.FindDirectChildrenOnly):
            child.setVisible(not collapsed)
        self.contentsCollapsed.emit(collapsed)

    collapsed = QtCore.Property(bool, isCollapsed, setCollapsed)

    def hitButton(self, position):
        return position.y() < self._titleHeight()

    def sizeHint(self):
        title = QtCore.QSize(self.fontMetrics().horizontalAdvance(self.text) + 40, self._titleHeight())
        layout = self.layout()
        return title if layout is None or self._collapsed else layout.totalSizeHint().expandedTo(title)

    minimumSizeHint = sizeHint

    def paintEvent(self, event):
        painter = QtGui.QPainter(self)
        title = QtCore.QRect(0, 0, self.width, self._titleHeight())
        painter.fillRect(title, self.palette.color(QtGui.QPalette.ColorRole.Button).darker(108))
        arrow = "\u25b8 " if self._collapsed else "\u25be "
        painter.drawText(title.adjusted(8, 0, 0, 0), QtCore.Qt.AlignmentFlag.AlignVCenter, arrow + self.text)
        painter.end()


class ctkSliderWidget(QtWidgets.QWidget):
    """A slider of real numbers with a spin box beside it. The value is rounded to ``decimals``."""

    standsForCpp = True
    valueChanged = QtCore.Signal(float)
    valueIsChanging = QtCore.Signal(float)

    def __init__(self, parent=None):
        super().__init__(parent)
        self._minimum, self._maximum, self._value = 0.0, 99.0, 0.0
        self._singleStep, self._pageStep, self._decimals, self._tickInterval = 1.0, 10.0, 2, 0.0
        self._slider = QtWidgets.QSlider(QtCore.Qt.Orientation.Horizontal, self)
        self._spinBox = QtWidgets.QDoubleSpinBox(self)
        layout = QtWidgets.QHBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self._slider)
        layout.addWidget(self._spinBox)
        self._slider.valueChanged.connect(lambda step: self.setValue(self._minimum + step * self._singleStep))
        self._spinBox.valueChanged.connect(lambda value: self.setValue(value))
        self._refresh()

    def _refresh(self):
        """Bring slider and spin box to range, steps and value without their signals coming back."""
        blockers = [QtCore.QSignalBlocker(self._slider), QtCore.QSignalBlocker(self._spinBox)]
        steps = round((self._maximum - self._minimum) / self._singleStep)
        self._slider.setRange(0, steps)
        self._slider.setPageStep(max(1, round(self._pageStep / self._singleStep)))
        self._slider.setTickInterval(round(self._tickInterval / self._singleStep))
        self._slider.setValue(round((self._value - self._minimum) / self._singleStep))
        self._spinBox.setDecimals(self._decimals)
        self._spinBox.setRange(self._minimum, self._maximum)
        self._spinBox.setSingleStep(self._singleStep)
        self._spinBox.setValue(self._value)
        del blockers

    def setValue(self, value):
        value = round(min(max(float(value), self._minimum), self._maximum), self._decimals)
        changed = value != self._value
        self._value = value
        self._refresh()
        if changed:
            self.valueChanged.emit(value)

    def _set(self, name, value):
        setattr(self, name, value)
        self.setValue(self._value)

    value = QtCore.Property(float, lambda self: self._value, setValue)
    minimum = QtCore.Property(float, lambda self: self._minimum, lambda self, value: self._set("_minimum", value))
    maximum = QtCore.Property(float, lambda self: self._maximum, lambda self, value: self._set("_maximum", value))
    singleStep = QtCore.Property(
        float, lambda self: self._singleStep, lambda self, value: self._set("_singleStep", value)
    )
    pageStep = QtCore.Property(float, lambda self: self._pageStep, lambda self, value: self._set("_pageStep", value))
    decimals = QtCore.Property(int, lambda self: self._decimals, lambda self, value: self._set("_decimals", value))
    tickInterval = QtCore.Property(
        float, lambda self: self._tickInterval, lambda self, value: self._set("_tickInterval", value)
    )
    spinBoxVisible = QtCore.Property(
        bool, lambda self: not self._spinBox.isHidden(), lambda self, visible: self._spinBox.setVisible(visible)
    )
    suffix = QtCore.Property(
        str, lambda self: self._spinBox.suffix, lambda self, suffix: self._spinBox.setSuffix(suffix)
    )

    def setTickPosition(self, position):
        self._slider.setTickPosition(position)


WIDGETS = {cls.__name__: cls for cls in (qMRMLWidget, qMRMLNodeComboBox, ctkCollapsibleButton, ctkSliderWidget)}
