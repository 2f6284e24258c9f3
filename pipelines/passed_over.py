"""What a folder holds beside recordings, told on standard error."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from birdsong.recordings.audio_folder import SkippedFile


def say_passed_over(folder: Path, passed_over: Iterable[SkippedFile]) -> None:
    """Say in a line how many files of a folder are passed over, and why."""
    from birdsong.errors import one_line
    from birdsong.recordings.audio_folder import skipped_summary

    if summary := skipped_summary(passed_over):
        print(one_line(f"{folder}: passed over {summary}"), file=sys.stderr)
