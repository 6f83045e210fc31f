"""Real scans beside the repository; tests that need them are skipped, and say so, where they are not there."""

from pathlib import Path

import pytest

REAL_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"
needs_real_data = pytest.mark.skipif(not REAL_DATA.is_dir(), reason="no real scans beside the repository")
