"""Published tables of all birds, if they are beside the project."""

from collections.abc import Callable
from pathlib import Path

import pytest

SHARED_TAXONOMY = Path(__file__).resolve().parents[2].parent / "shared" / "taxonomy"


@pytest.fixture
def shared_table() -> Callable[[str], Path]:
    """Find a table by name; skip the test if it is missing."""

    def find(name: str) -> Path:
        if not (SHARED_TAXONOMY / name).is_file():
            pytest.skip(f"no {name} beside the project")
        return SHARED_TAXONOMY / name

    return find
