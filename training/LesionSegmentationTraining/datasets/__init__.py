"""Where cases come from: case tables, published folder layouts, splits by patient, and a case as arrays."""

from .case_files import SPLITS, CaseFiles
from .case_table import cases_from_rows, read_case_table, write_case_table
from .layouts import READERS, read_layout
from .splits import check_splits, split_by_patient

__all__ = [
    "READERS",
    "SPLITS",
    "CaseFiles",
    "cases_from_rows",
    "check_splits",
    "read_case_table",
    "read_layout",
    "split_by_patient",
    "write_case_table",
]
