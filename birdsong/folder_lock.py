"""Lock a folder, so that only one run at a time writes into it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from birdsong.errors import DatasetError

try:
    import fcntl
except ImportError:  # Windows cannot lock folders
    fcntl = None  # type: ignore[assignment]


@contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Keep other runs out of a folder while this run writes into it.

    The operating system releases the lock when the process ends, for whatever reason. No lock file
    is written. Folders that cannot be locked, such as some network drives, stay unlocked.

    Parameters
    ----------
    folder : Path
        Created if it is missing, and removed again if it stays empty.

    Raises
    ------
    DatasetError
        If another run holds the lock, or the folder cannot be created.
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
            with suppress(OSError):  # the folder is not empty
                folder.rmdir()


@contextmanager
def report_write_errors(folder: Path) -> Iterator[None]:
    """Turn an `OSError`, such as a full disk, into an error that says how to go on.

    Raises
    ------
    DatasetError
        If the block raises an `OSError`.
    """
    try:
        yield
    except OSError as error:
        raise DatasetError(
            f"{folder}: cannot be written ({error}); fix that and run the same command again "
            "to resume"
        ) from error


def _lock(descriptor: int, folder: Path) -> None:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError as error:
        raise DatasetError(
            f"{folder}: another run is writing into it; wait until it ends, or name another folder"
        ) from error
    except OSError:
        pass  # this drive has no locks
