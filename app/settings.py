"""What ``birdsong app`` was told to show.

Streamlit runs the page as a script of its own, so that the command tells it by environment
variables what it was given.
"""

from __future__ import annotations

import os
from pathlib import Path


def named(what: str) -> Path | None:
    """Return what was named: the ``bundle``, ``audio``, ``manifest``, ``images`` or ``run``."""
    given = os.environ.get(f"BIRDSONG_{what.upper()}")
    return Path(given) if given else None
