"""The operating curve of a result, precision over recall, as Slicer's plot nodes."""

import vtk

from ..engine.errors import InputError

ATTRIBUTE = "LesionSegmentation.OperatingCurve"  # of the nodes of the plot; its value says which of them
BALANCES = [step / 6 for step in range(-30, 31)]  # log2(beta / alpha) of the points of the curves
_CURVE_COLUMNS = ("beta", "expected recall", "expected precision", "true recall", "true precision")
_POINT_COLUMNS = ("recall", "precision")
_EXPECTED, _TRUE, _SHOWN = "Expected, every size", "True, every size", "Shown now"
# Blue and orange, which nobody confuses, and black for the place where the slider stands.
_COLOURS = {_EXPECTED: (0.0, 0.45, 0.7), _TRUE: (0.84, 0.37, 0.0), _SHOWN: (0.0, 0.0, 0.0)}


class OperatingCurvePlot:
    """A table of both curves, one of the present point, three series and a chart in ``scene``.

    One plot a scene: another result is shown in the same nodes, also in those of a scene that was opened.
    :meth:`setResult` makes the curves, :meth:`update` moves the point. The curves tell of what the settings mark
    before any smallest size or decision; the point tells of what is shown.
    """

    def __init__(self, scene):
        self._scene = scene
        self._result = None
        self.curveTable = self._tableNode("curve", _CURVE_COLUMNS)
        self.pointTable = self._tableNode("point", _POINT_COLUMNS)
        self.chartNode = self._node("chart", "vtkMRMLPlotChartNode", "Operating curve")
        self._series = {
            _EXPECTED: self._seriesNode(_EXPECTED, self.curveTable, *_CURVE_COLUMNS[1:3]),
            _TRUE: self._seriesNode(_TRUE, self.curveTable, *_CURVE_COLUMNS[3:]),
            _SHOWN: self._seriesNode(_SHOWN, self.pointTable, *_POINT_COLUMNS),
        }
        shown = self._series[_SHOWN]
        shown.SetLineStyle(shown.LineStyleNone)
        shown.SetMarkerStyle(shown.MarkerStyleCircle)
        shown.SetMarkerSize(12)
        self._layOut()

    @property
    def inScene(self):
        """False once a node was removed or the scene closed."""
        nodes = (self.curveTable, self.pointTable, self.chartNode, *self._series.values())
        return all(node.GetScene() is not None for node in nodes)

    def setResult(self, result):
        """Draw the curves of a LesionResult, the true one with its comparison; None empties the plot.

        Raises InputError, and empties the plot, where nothing is expected and nothing is known.
        """
        self._result = None
        comparison = None if result is None else result.comparison
        expected = result is not None and not result.probabilityMap.withheld
        series = [name for name, there in ((_EXPECTED, expected), (_TRUE, comparison is not None)) if there]
        _fill(self.curveTable, [] if not series else _curveRows(result, comparison, expected))
        if result is not None and series:
            self._result = result
            self.chartNode.SetTitle(f"Operating curve of {result.segmentationNode.GetName()}")
        self.chartNode.RemoveAllPlotSeriesNodeIDs()
        for name in [*series, _SHOWN]:
            self.chartNode.AddAndObservePlotSeriesNodeID(self._series[name].GetID())
        self.update()
        if result is not None and not series:
            reasons = " ".join(result.probabilityMap.withheld)
            raise InputError(f"The expected curve is withheld: {reasons} Choose a reference to see the true one.")

    def update(self):
        """Move the point to what the result shows: the expected figures, and the true ones where they are known."""
        points = []
        if self._result is not None and self._result.lesions is not None:
            if not self._result.probabilityMap.withheld:
                points.append(self._result.lesions.figures)
            if self._result.comparison is not None:
                points.append(self._result.comparison.figures)
        rows = [(point.recall, point.precision) for point in points]
        _fill(self.pointTable, [row for row in rows if None not in row])

    def _layOut(self):
        chart = self.chartNode
        chart.SetXAxisTitle("recall")
        chart.SetYAxisTitle("precision")
        chart.SetXAxisRangeAuto(False)
        chart.SetYAxisRangeAuto(False)
        chart.SetXAxisRange(0.0, 1.0)
        chart.SetYAxisRange(0.0, 1.0)
        chart.SetLegendVisibility(True)

    def _tableNode(self, key, columns):
        node = self._node(key, "vtkMRMLTableNode", f"Operating curve, {key}")
        node.RemoveAllColumns()
        for column in columns:
            array = vtk.vtkDoubleArray()
            array.SetName(column)
            node.AddColumn(array)
        return node

    def _seriesNode(self, name, tableNode, x, y):
        node = self._node(name, "vtkMRMLPlotSeriesNode", name)
        node.SetAndObserveTableNodeID(tableNode.GetID())
        node.SetXColumnName(x)
        node.SetYColumnName(y)
        node.SetPlotType(node.PlotTypeScatter)
        node.SetMarkerStyle(node.MarkerStyleNone)
        node.SetColor(*_COLOURS[name])
        return node

    def _node(self, key, className, name):
        """The node of the plot with that key, a new one where there is none."""
        for number in range(self._scene.GetNumberOfNodesByClass(className)):
            node = self._scene.GetNthNodeByClass(number, className)
            if node.GetAttribute(ATTRIBUTE) == key:
                return node
        node = self._scene.AddNewNodeByClass(className, self._scene.GenerateUniqueName(name))
        node.SetAttribute(ATTRIBUTE, key)
        return node


def _curveRows(result, comparison, expected):
    """A row of each setting that marks something; 0 where one of the curves is not known, which is not drawn then."""
    rows = []
    for balance in BALANCES:
        point = result.curve.at(1.0, 2.0**balance)
        if point.count:
            hoped = (point.figures.recall, point.figures.precision) if expected else (0.0, 0.0)
            known = comparison.truth.at(point) if comparison is not None else None
            reached = (known.recall or 0.0, known.precision) if known is not None else (0.0, 0.0)
            rows.append((1 / (1 + 2.0**-balance), *hoped, *reached))
    return rows


def _fill(tableNode, rows):
    table = tableNode.GetTable()
    table.SetNumberOfRows(len(rows))
    for number, row in enumerate(rows):
        for column, value in enumerate(row):
            table.GetColumn(column).SetValue(number, float(value))
    for column in range(table.GetNumberOfColumns()):
        table.GetColumn(column).Modified()
    table.Modified()
    tableNode.Modified()
