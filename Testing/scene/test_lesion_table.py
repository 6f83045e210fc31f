"""The lesion list as a table node."""

import csv
import dataclasses
import math
import types

import vtk

from LesionSegmentationLib.engine.lesion_csv import COLUMNS, write_lesions
from LesionSegmentationLib.engine.lesions import find_lesions
from LesionSegmentationLib.scene.lesion_table import createLesionTable, updateLesionTable
from scene.scene_case import GRIDS, SceneTestCase, blobs, curveOf


class LesionTableTest(SceneTestCase):
    def setUp(self):
        super().setUp()
        self.reference = self.addVolume(GRIDS["oblique"])
        self.node = createLesionTable(self.scene, self.reference, "Lesions")
        self.curve = curveOf(blobs(count=25), GRIDS["oblique"])

    def test_itSaysWhatTheFileSays(self):
        for beta in (0.9, 0.1, 0.5):
            lesions = find_lesions(self.curve, self.curve.at(1 - beta, beta))
            updateLesionTable(self.node, lesions)
            path = self.temporaryFolder() / "lesions.csv"
            write_lesions(path, lesions)
            with path.open(newline="") as stream:
                rows = list(csv.DictReader(stream))
            self.assertGreater(len(rows), 1)
            self.assertEqual(self.node.GetNumberOfRows(), len(rows))
            for number, row in enumerate(rows):
                for column in COLUMNS:
                    self.assertEqual(self.value(number, column), float(row[column]))

    def test_columnsHaveTypesAndUnits(self):
        self.assertEqual(
            [self.node.GetColumnName(n) for n in range(self.node.GetNumberOfColumns())], [*COLUMNS, "decision", "note"]
        )
        table = self.node.GetTable()
        self.assertEqual(table.GetColumnByName("voxels").GetDataTypeAsString(), "int")
        self.assertEqual(table.GetColumnByName("volume_ml").GetDataTypeAsString(), "double")
        self.assertEqual(self.node.GetColumnUnitLabel("volume_ml"), "mL")
        self.assertEqual(self.node.GetColumnUnitLabel("diameter_mm"), "mm")

    def test_withoutLesionsItIsEmpty(self):
        lesions = find_lesions(self.curve, self.curve.at(0.5, 0.5))
        updateLesionTable(self.node, lesions)
        updateLesionTable(self.node, find_lesions(self.curve, self.curve.at(0.5, 0.5), minimum_volume_ml=1000))
        self.assertEqual(self.node.GetNumberOfRows(), 0)

    def test_aFigureWithoutValueIsNotANumber(self):
        lesions = find_lesions(self.curve, self.curve.at(0.5, 0.5))
        rows = list(lesions.rows)
        rows[0] = dataclasses.replace(rows[0], appears_at_beta=None)
        updateLesionTable(self.node, types.SimpleNamespace(rows=rows, states=lesions.states, notes={}))
        values = [self.node.GetTable().GetValueByName(n, "appears_at_beta").ToDouble() for n in range(len(rows))]
        self.assertTrue(math.isnan(values[0]) and not any(map(math.isnan, values[1:])))

    def test_anUpdateIsHeardOnce(self):
        heard = []
        self.node.AddObserver(vtk.vtkCommand.ModifiedEvent, lambda *_: heard.append(1))
        updateLesionTable(self.node, find_lesions(self.curve, self.curve.at(0.5, 0.5)))
        self.assertEqual(len(heard), 1)

    def value(self, row, column):
        value = self.node.GetTable().GetValueByName(row, column).ToDouble()
        self.assertFalse(math.isnan(value), column)
        return value
