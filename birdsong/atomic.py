"""Atomic writing: a file is complete or absent, even if the process is killed."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


@contextmanager
def atomic_writer(path: Path) -> Iterator[BinaryIO]:
    """Open a temporary file that replaces `path` when the block ends without an error.

    Parameters
    ----------
    path : Path
        An existing file is replaced.

    Yields
    ------
    binary file
        Open for writing.

    Raises
    ------
    OSError
        If the file cannot be written. An existing file is unchanged.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        with temporary.open("wb") as file:
            yield file
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_atomically(path: Path, content: bytes) -> None:
    """Write a whole file atomically.

    Parameters
    ----------
    path : Path
        An existing file is replaced.
    content : bytes

    Raises
    ------
    OSError
        If the file cannot be written. An existing file is unchanged.
    """
    with atomic_writer(path) as file:
        file.write(content)
