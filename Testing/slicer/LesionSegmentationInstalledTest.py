"""Runs inside Slicer (CTest of an extension build): is the module there with all that it needs beside it?"""

import pathlib
import unittest

import slicer


class LesionSegmentationInstalledTest(unittest.TestCase):
    """What an incomplete CMake list would break."""

    def setUp(self):
        slicer.mrmlScene.Clear()

    def test_module_is_loaded(self):
        self.assertTrue(hasattr(slicer.modules, "lesionsegmentation"))
        self.assertIsNotNone(slicer.modules.lesionsegmentation.widgetRepresentation())

    def test_package_lies_beside_the_module(self):
        import LesionSegmentationLib

        module = pathlib.Path(slicer.modules.lesionsegmentation.path)
        package = pathlib.Path(LesionSegmentationLib.__file__)
        self.assertEqual(package.parent.parent, module.parent)

    def test_resources_lie_beside_the_module(self):
        resources = pathlib.Path(slicer.modules.lesionsegmentation.path).parent / "Resources"
        self.assertTrue((resources / "UI" / "LesionSegmentation.ui").is_file())
        self.assertTrue(list((resources / "Models").glob("*/bundle.json")))

    def test_engine_can_be_imported_where_torch_is_installed(self):
        try:
            import safetensors  # noqa: F401
            import torch  # noqa: F401
        except ImportError:
            self.skipTest("torch or safetensors is not installed in this Slicer")
        from LesionSegmentationLib.engine import process  # noqa: F401
