"""Files that are there whole or not at all, however a run ends."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def atomic_writer(path: Path) -> Iterator[BinaryIO]:
    """Write a file beside its place, piece by piece, and move it there at the end.

    Parameters
    ----------
    path : Path
        What is there already is replaced.

    Yields
    ------
    binary file
        Open for writing.

    Raises
    ------
    OSError
        If it cannot be written; what was there before is still there.
    """
    beside = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with beside.open("wb") as file:
            yield file
        os.replace(beside, path)
    finally:
        beside.unlink(missing_ok=True)


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
    with atomic_writer(path) as file:
        file.write(content)
