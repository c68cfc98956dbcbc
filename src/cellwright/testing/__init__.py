"""What users run on their own cells: `check_cell`, `assert_close`. Floor 6."""

from cellwright.testing.check import CheckError, Report, Tolerance, assert_close, check_backend, check_cell

__all__ = ["CheckError", "Report", "Tolerance", "assert_close", "check_backend", "check_cell"]
