"""The reading layout, the letters of the sides and the look of the overlay."""

import unittest

import numpy as np
import slicer
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.transform import Rotation

from LesionSegmentationLib.engine.errors import InputError
from LesionSegmentationLib.engine.probability_map import ProbabilityMap
from LesionSegmentationLib.scene.edge_letters import EdgeLetters, edgeLetters, sideLetters
from LesionSegmentationLib.scene.lesion_result import LesionResult
from LesionSegmentationLib.scene.overlay_look import OverlayLook, overlayLook, setOverlayLook
from LesionSegmentationLib.scene.reading_views import LAYOUT, ReadingViews
from LesionSegmentationLib.scene.volumes import volumeGeometry
from scene.scene_case import GRIDS, SceneTestCase, blobs
from slicer_stand_ins.boot import insideSlicer

AXES = {"R": (1, 0, 0), "L": (-1, 0, 0), "A": (0, 1, 0), "P": (0, -1, 0), "S": (0, 0, 1), "I": (0, 0, -1)}


class LettersTest(unittest.TestCase):
    def test_axesHaveOneLetter(self):
        for letter, direction in AXES.items():
            self.assertEqual(sideLetters(direction), letter)

    @given(st.tuples(*[st.floats(-1, 1)] * 3).filter(lambda v: np.linalg.norm(v) > 0.1))
    def test_theyNameTheDirectionStrongestFirst(self, direction):
        letters = sideLetters(direction)
        shares = [float(np.dot(AXES[letter], direction)) for letter in letters]
        self.assertEqual(shares, sorted(shares, reverse=True))
        self.assertAlmostEqual(shares[0], np.abs(direction).max())
        self.assertTrue(all(share > 0.25 * np.linalg.norm(direction) for share in shares))
        opposite = dict(zip("RLAPSI", "LRPAIS"))
        if len(set(np.abs(direction))) == 3:
            self.assertEqual(sideLetters([-part for part in direction]), "".join(opposite[one] for one in letters))


class EdgeTest(SceneTestCase):
    def setUp(self):
        super().setUp()
        self.node = self.scene.AddNewNodeByClass("vtkMRMLSliceNode")  # with the presets of its scene
        self.addCleanup(self.scene.RemoveNode, self.node)

    def test_theySayWhatTheViewShows(self):
        for orientation, expected in (("Axial", "RLAP"), ("Coronal", "RLSI"), ("Sagittal", "APSI")):
            self.node.SetOrientation(orientation)
            letters = edgeLetters(self.node)
            self.assertEqual("".join(letters[edge] for edge in ("left", "right", "top", "bottom")), expected)

    def test_aViewTurnedRoundSaysSo(self):
        """Neurological convention, and tilted views: the letters come from the matrix, not from a name."""
        self.node.SetOrientation("Axial")
        self.node.GetSliceToRAS().SetElement(0, 0, 1)
        self.assertEqual(edgeLetters(self.node)["left"], "L")
        turned = Rotation.from_euler("z", 30, degrees=True).as_matrix()
        for row in range(3):
            self.node.GetSliceToRAS().SetElement(row, 0, -turned[row, 0])
        self.assertEqual(edgeLetters(self.node)["left"], "RA")


class ReadingTestCase(SceneTestCase):
    def addResult(self, matrix=None, name="FLAIR"):
        """A result on a small volume, shown."""
        volume = self.addVolume(GRIDS["plain"] if matrix is None else matrix, name=name)
        made = ProbabilityMap(blobs(), volumeGeometry(volume), "calibrated", [], {"model": "test"})
        result = LesionResult(self.scene, volume, made)
        result.show(0.5, 0.5)
        return result


class OverlayLookTest(ReadingTestCase):
    def test_whatIsNotSaidStays(self):
        node = self.addResult().segmentationNode
        self.assertEqual(overlayLook(node), OverlayLook(1.0, False, True))
        self.assertEqual(setOverlayLook(node, opacity=0.5), OverlayLook(0.5, False, True))
        self.assertEqual(setOverlayLook(node, outline=True), OverlayLook(0.5, True, True))
        self.assertEqual(setOverlayLook(node, shown=False), OverlayLook(0.5, True, False))
        self.assertEqual(setOverlayLook(node, 1.0, False, True), OverlayLook(1.0, False, True))

    def test_outsideOfZeroToOneIsRefused(self):
        node = self.addResult().segmentationNode
        with self.assertRaises(ValueError):
            setOverlayLook(node, opacity=1.2)
        self.assertEqual(overlayLook(node).opacity, 1.0)


@unittest.skipIf(insideSlicer(), "draws in the stand-ins' windows; inside Slicer the views belong to the layout")
class ReadingViewsTest(ReadingTestCase):
    def setUp(self):
        from slicer_stand_ins.views import VIEW_NAMES, SliceView, ThreeDView

        super().setUp()
        self.views = {name: SliceView(orientation, 200, 160) for orientation, name in VIEW_NAMES.items()}
        self.threeD = ThreeDView(160, 160)
        self.layout = self.scene.AddNewNodeByClass("vtkMRMLLayoutNode")
        self.layout.SetViewArrangement(self.layout.SlicerLayoutConventionalView)
        self.addCleanup(self.scene.RemoveNode, self.layout)
        self.reading = ReadingViews(slicer.modules.applicationLogic, lambda name: self.views[name].renderer)
        self.addCleanup(self.reading.leave)

    def state(self):
        """All that the reading layout touches and has to put back."""
        nodes = [(view.sliceNode, view.compositeNode) for view in self.views.values()]
        kept = [self.layout.GetViewArrangement(), self.threeD.viewNode.GetRenderMode()]
        for node, composite in [*nodes, (self.threeD.viewNode, None)]:
            kept += [node.GetRulerType(), node.GetOrientationMarkerType(), node.GetOrientationMarkerSize()]
            if composite is not None:
                kept += [composite.GetBackgroundVolumeID(), composite.GetForegroundVolumeID()]
                kept += [composite.GetLinkedControl(), composite.GetHotLinkedControl(), node.GetSliceVisible()]
        return kept

    def test_theVolumeLiesBehindTheLesionsInEveryPlane(self):
        for name, matrix in GRIDS.items():
            with self.subTest(name):
                result = self.addResult(matrix)
                self.reading.show(result)
                self.assertEqual(self.layout.GetViewArrangement(), LAYOUT)
                for view in self.views.values():
                    self.assertEqual(view.compositeNode.GetBackgroundVolumeID(), result.referenceNode.GetID())
                    self.assertTrue(view.compositeNode.GetLinkedControl())
                    self.assertTrue(view.sliceNode.GetRulerType() and view.sliceNode.GetOrientationMarkerType())
                self.assertEqual(self.reading.letters()["Red"]["left"], "R")
                self.assertEqual(
                    self.reading.letters()["Yellow"], {"left": "A", "right": "P", "top": "S", "bottom": "I"}
                )
                self.assertTrue(result.segmentationNode.GetSegmentation().ContainsRepresentation("Closed surface"))

    def test_theImageIsDrawnInThreeDAsASliceOnly(self):
        """No surface and no volume rendering of it: that could be a face."""
        result = self.addResult()
        before = self.scene.GetNumberOfNodesByClass("vtkMRMLVolumeRenderingDisplayNode")
        self.reading.show(result)
        self.assertEqual(self.scene.GetNumberOfNodesByClass("vtkMRMLVolumeRenderingDisplayNode"), before)
        shown = {name: bool(view.sliceNode.GetSliceVisible()) for name, view in self.views.items()}
        self.assertEqual(shown, {"Red": True, "Green": False, "Yellow": False})
        result.segmentationNode.SetDisplayVisibility(False)
        self.threeD.resetCamera(direction=(0.0, 0.0, 1.0))
        drawn = self.threeD.render().astype(int)
        grey = np.ptp(drawn[60:100, 60:100], axis=-1) < 3
        self.assertGreater(grey.mean(), 0.9, "the slice is not in the middle of the 3D view")

    def test_leavingPutsEverythingBack(self):
        other = self.addVolume(name="other")
        for view in self.views.values():
            view.show(other)
        before = self.state()
        place = (4.0, -6.0, 9.0)
        self.reading.show(self.addResult())
        self.reading.show(self.addResult(GRIDS["oblique"]))  # another result: what is put back stays the first state
        self.views["Red"].jumpTo(place)
        self.assertNotEqual(self.state(), before)
        self.reading.leave()
        self.assertEqual(self.state(), before)
        self.assertAlmostEqual(self.views["Red"].sliceNode.GetSliceOffset(), place[2])
        self.assertEqual(self.reading.letters()["Red"], {})

    def test_whatTheUserChoseSinceStays(self):
        gone = self.addVolume(name="gone")
        self.views["Red"].show(gone)
        self.reading.show(self.addResult())
        self.layout.SetViewArrangement(self.layout.SlicerLayoutOneUpRedSliceView)
        self.scene.RemoveNode(gone)
        self.reading.leave()
        self.assertEqual(self.layout.GetViewArrangement(), self.layout.SlicerLayoutOneUpRedSliceView)
        self.assertIsNone(self.views["Red"].compositeNode.GetBackgroundVolumeID())

    def test_theReadersPlaceStaysWhenShownAgain(self):
        result = self.addResult()
        self.reading.show(result)
        self.views["Green"].sliceNode.SetFieldOfView(40, 32, 1)
        self.reading.show(result)
        self.assertAlmostEqual(self.views["Green"].sliceNode.GetFieldOfView()[0], 40)

    def test_whatIsGoneIsSaid(self):
        result = self.addResult()
        self.scene.RemoveNode(result.referenceNode)
        with self.assertRaises(InputError):
            self.reading.show(result)
        self.assertFalse(self.reading.isUp)

    def test_lettersAreDrawnAtTheEdges(self):
        result = self.addResult()
        view = self.views["Red"]
        view.show(result.referenceNode)
        result.segmentationNode.SetDisplayVisibility(False)
        plain = view.render().astype(int)
        letters = EdgeLetters(view.renderer, view.sliceNode)
        drawn = np.abs(view.render().astype(int) - plain).max(axis=-1) > 60
        self.assertTrue(drawn[60:100, :20].any() and drawn[60:100, -20:].any() and drawn[:25, 80:120].any())
        self.assertFalse(drawn[30:120, 25:175].any())
        letters.remove()
        np.testing.assert_array_equal(view.render(), plain)

    def test_hiddenAndFadedOverlays(self):
        result = self.addResult()
        self.reading.show(result)
        view = self.views["Red"]
        view.jumpTo(result.lesions.middle(result.lesions.rows[0]))
        pictures = {}
        for name, look in {"full": {}, "half": {"opacity": 0.5}, "none": {"shown": False}}.items():
            setOverlayLook(result.segmentationNode, **look)
            pictures[name] = view.render().astype(int)
        reds = {name: int((picture[..., 0] - picture[..., 2]).clip(0).sum()) for name, picture in pictures.items()}
        self.assertGreater(reds["full"], reds["half"])
        self.assertGreater(reds["half"], reds["none"])
        setOverlayLook(result.segmentationNode, opacity=1.0, shown=True)
        np.testing.assert_array_equal(view.render(), pictures["full"])
