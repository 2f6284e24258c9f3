"""The paths that the options of ``birdsong app`` give.

Streamlit runs the app as a script of its own, so the command passes them as environment variables.
"""

from __future__ import annotations

import os
from pathlib import Path


def path_setting(name: str) -> Path | None:
    """Return the path of ``bundle``, ``audio``, ``manifest``, ``images`` or ``run``, if given."""
    value = os.environ.get(f"BIRDSONG_{name.upper()}")
    return Path(value) if value else None
