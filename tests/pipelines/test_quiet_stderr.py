"""Notes of C libraries stay off the screen; Python's messages and crashes do not."""

import subprocess
import sys

import pytest

SCRIPT = """
import os, sys
from birdsong.pipelines.quiet_stderr import quiet_stderr
quiet_stderr()
os.write(2, b"a note of a C library\\n")
print("a message for a person: \u00e9", file=sys.stderr)
"""


def run(script, **environment):
    return subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, env=environment
    )


def test_only_python_messages_are_shown():
    done = run(SCRIPT, PYTHONIOENCODING="utf-8")
    assert done.stderr == "a message for a person: \u00e9\n"
    assert done.returncode == 0


def test_a_variable_shows_the_notes():
    done = run(SCRIPT, PYTHONIOENCODING="utf-8", BIRDSONG_NATIVE_NOTES="1")
    assert "a note of a C library" in done.stderr


@pytest.mark.parametrize(
    ("crash", "shown"),
    [
        ("raise ValueError('wrong')", "ValueError: wrong"),
        ("import faulthandler; faulthandler._sigsegv()", "Segmentation fault"),
    ],
)
def test_a_crash_still_shows_where_it_happened(crash, shown):
    done = run(SCRIPT + crash, PYTHONIOENCODING="utf-8")
    assert done.returncode != 0
    assert shown in done.stderr
    assert 'File "<string>", line' in done.stderr
