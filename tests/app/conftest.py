"""What Streamlit's own way of testing leaves behind is cleared away."""

import sys

import pytest


@pytest.fixture(autouse=True)
def _same_main_module():
    """A script under test becomes ``__main__``; other processes would begin with it."""
    main = sys.modules["__main__"]
    yield
    sys.modules["__main__"] = main
