"""Folders that one run at a time writes into."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from birdsong.errors import DatasetError

try:
    import fcntl
except ImportError:  # Windows has no such lock on folders
    fcntl = None  # type: ignore[assignment]


@contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Keep other runs out of a folder while this one writes into it.

    The system lets go of the folder when the process ends, however it ends. Nothing is written for
    it. Where folders cannot be locked, as on some network drives, nobody is kept out.

    Parameters
    ----------
    folder : Path
        Made if need be, and taken away again if nothing was written into it.

    Raises
    ------
    DatasetError
        If another run writes into it, or it cannot be made.
    """
    is_new = not folder.exists()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(folder, os.O_RDONLY) if fcntl else -1
    except OSError as error:
        raise DatasetError(f"{folder}: cannot be written into ({error.strerror})") from error
    try:
        if fcntl:
            _lock(descriptor, folder)
        yield
    finally:
        if fcntl:
            os.close(descriptor)
        if is_new:
            with suppress(OSError):  # something is in it
                folder.rmdir()


@contextmanager
def report_write_errors(folder: Path) -> Iterator[None]:
    """Say what to do where a folder cannot be written, as when the disk is full.

    Raises
    ------
    DatasetError
    """
    try:
        yield
    except OSError as error:
        raise DatasetError(
            f"{folder}: cannot be written ({error}); when that is mended, the same command goes on"
        ) from error


def _lock(descriptor: int, folder: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise DatasetError(
            f"{folder}: another run is writing into it; wait until it ends, or name another folder"
        ) from error
    except OSError:
        pass  # no locks on this drive
