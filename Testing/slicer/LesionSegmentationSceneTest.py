"""Runs the scene tests inside Slicer (CTest of an extension build): on its own scene, logics and subject hierarchy."""

import pathlib
import sys

TESTING = pathlib.Path(__file__).resolve().parents[1]


def load_tests(loader, standardTests, pattern):
    """What unittest asks a module for: all tests of Testing/scene."""
    sys.path.insert(0, str(TESTING))
    return loader.discover(str(TESTING / "scene"), pattern="test_*.py", top_level_dir=str(TESTING / "scene"))
