"""Prints which files of a folder are skipped, as they are no recordings."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from birdsong.recordings.audio_folder import SkippedFile


def print_skipped_files(folder: Path, skipped: Iterable[SkippedFile]) -> None:
    """Print in one line, on standard error, how many files are skipped and why."""
    from birdsong.errors import one_line
    from birdsong.recordings.audio_folder import skipped_summary

    if summary := skipped_summary(skipped):
        print(one_line(f"{folder}: skipped {summary}"), file=sys.stderr)
