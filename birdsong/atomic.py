"""Files that are there whole or not at all, however a run ends."""

import os
from pathlib import Path


def write_atomically(path: Path, content: bytes) -> None:
    """Write a file beside its place and move it there.

    Parameters
    ----------
    path : Path
        What is there already is replaced.
    content : bytes

    Raises
    ------
    OSError
        If it cannot be written; what was there before is still there.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        beside.write_bytes(content)
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)
