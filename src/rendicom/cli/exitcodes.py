"""Exit codes of the process."""

from __future__ import annotations

OK = 0
"""Success."""
FAILED = 1
"""Some inputs gave no picture; the others are written."""
USAGE = 2
"""The command line is invalid; nothing was written."""
INTERRUPTED = 130
"""Stopped by Ctrl-C; no picture is left half written."""
