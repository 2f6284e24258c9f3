"""Hides what C libraries write to standard error.

libmpg123 reports each odd frame of an MP3, and TensorFlow each step of its start. No setting of
theirs turns these notes off. Python's standard error stays as it is, and a crash inside a library
still prints a traceback.
"""

from __future__ import annotations

import faulthandler
import os
import sys

SHOW_VARIABLE = "BIRDSONG_NATIVE_NOTES"
"""Environment variable; any value leaves the notes visible."""


def quiet_stderr() -> None:
    """Redirect file descriptor 2 to the null device, but not Python's `sys.stderr`.

    For commands only: this changes the whole process, and the processes that it starts.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    if os.environ.get(SHOW_VARIABLE):
        return
    sys.stderr.flush()
    terminal = os.dup(2)
    null_device = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null_device, 2)
    os.close(null_device)
    sys.stderr = open(  # noqa: SIM115  # stays open until the process ends
        terminal, "w", buffering=1, encoding=sys.stderr.encoding, errors=sys.stderr.errors
    )
    faulthandler.enable(sys.stderr)
