"""Keeps what C libraries write to standard error off the screen.

libmpg123 reports each odd frame of an MP3, TensorFlow each step of its start: notes that are no
use to a person, and that no setting of theirs turns off. Python's standard error stays as it is,
and a crash inside a library still shows where it happened.
"""

from __future__ import annotations

import faulthandler
import os
import sys

SHOW = "BIRDSONG_NATIVE_NOTES"
"""Environment variable: set to anything, it leaves the notes on the screen."""


def quiet_stderr() -> None:
    """Send the process's file descriptor 2 nowhere, and Python's standard error where it went.

    For commands only: it changes the whole process, and the processes that it starts.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if os.environ.get(SHOW):
        return
    sys.stderr.flush()
    terminal = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)
    sys.stderr = open(  # noqa: SIM115  # open as long as the process is
        terminal, "w", buffering=1, encoding=sys.stderr.encoding, errors=sys.stderr.errors
    )
    faulthandler.enable(sys.stderr)
