"""What several tests of images look at."""

import threading

import pytest


@pytest.fixture
def feeding_threads():
    """What tells which threads feed or read, besides those of other tests."""
    others = set(threading.enumerate())
    return lambda: [
        thread.name
        for thread in set(threading.enumerate()) - others
        if thread.name.startswith("birdsong-feed")
    ]
