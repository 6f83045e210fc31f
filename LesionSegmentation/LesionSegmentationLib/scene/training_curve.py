"""The loss curve of a training run as Slicer's plot nodes, brought up to date while the run goes on."""

import math
from pathlib import Path

import vtk

_COLUMNS = ("step", "loss", "smoothed loss")
_STEPS = 20.0  # over which the smoothed curve forgets


class TrainingCurve:
    """A table, two plot series and a chart in ``scene`` that show the ``curve.csv`` of a run.

    :meth:`update` reads what was added to the file; when a run that was interrupted has dropped rows, all of it.
    """

    def __init__(self, scene, path):
        self.path = Path(path)
        self._read, self._file, self._header, self._smoothed = 0, None, None, math.nan
        self.tableNode = scene.AddNewNodeByClass("vtkMRMLTableNode", scene.GenerateUniqueName("Training curve"))
        self.chartNode = scene.AddNewNodeByClass("vtkMRMLPlotChartNode", scene.GenerateUniqueName("Training loss"))
        for column in _COLUMNS:
            array = vtk.vtkDoubleArray()
            array.SetName(column)
            self.tableNode.AddColumn(array)
        for column, colour in ((_COLUMNS[1], (0.7, 0.7, 0.7)), (_COLUMNS[2], (0.85, 0.35, 0.1))):
            series = scene.AddNewNodeByClass("vtkMRMLPlotSeriesNode", scene.GenerateUniqueName(column))
            series.SetAndObserveTableNodeID(self.tableNode.GetID())
            series.SetXColumnName(_COLUMNS[0])
            series.SetYColumnName(column)
            series.SetPlotType(series.PlotTypeScatter)
            series.SetMarkerStyle(series.MarkerStyleNone)
            series.SetColor(*colour)
            self.chartNode.AddAndObservePlotSeriesNodeID(series.GetID())
        self.chartNode.SetTitle("Training loss")
        self.chartNode.SetXAxisTitle("step")
        self.chartNode.SetYAxisTitle("loss")

    @property
    def inScene(self):
        """False once the nodes were removed or the scene closed."""
        return self.tableNode.GetScene() is not None and self.chartNode.GetScene() is not None

    @property
    def steps(self):
        """How many steps are shown."""
        return self.tableNode.GetTable().GetNumberOfRows()

    def update(self):
        """Show what the file holds now; returns whether anything changed."""
        try:
            found = self.path.stat()
        except OSError:
            return False
        if found.st_ino != self._file or found.st_size < self._read:  # a run that goes on writes another file
            self._clear()
            self._file = found.st_ino
        if found.st_size == self._read:
            return False
        with self.path.open("rb") as stream:
            stream.seek(self._read)
            text = stream.read()
        whole = text[: text.rfind(b"\n") + 1]  # the last line may be half written
        self._read += len(whole)
        self._add(whole.decode("utf-8", "replace").splitlines())
        return True

    def _clear(self):
        self._read, self._header, self._smoothed = 0, None, math.nan
        self.tableNode.GetTable().SetNumberOfRows(0)

    def _add(self, lines):
        table = self.tableNode.GetTable()
        columns = [table.GetColumnByName(column) for column in _COLUMNS]
        for line in lines:
            cells = line.split(",")
            if self._header is None:
                self._header = cells
                continue
            row = dict(zip(self._header, cells))
            try:
                step, loss = float(row["step"]), float(row["loss"])
            except (KeyError, ValueError):
                continue
            known = math.isfinite(self._smoothed)
            self._smoothed = self._smoothed + (loss - self._smoothed) / _STEPS if known else loss
            for column, value in zip(columns, (step, loss, self._smoothed)):
                column.InsertNextValue(value)
        table.Modified()
        self.tableNode.Modified()
