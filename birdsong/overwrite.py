"""Protect existing files: without ``--replace`` no command loses one.

A command that would overwrite a file stops before it changes anything, and says which file is in
the way and how to go on. Writing the same content again is allowed.
"""

from __future__ import annotations

import filecmp
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from birdsong.errors import DatasetError, OverwriteError

REPLACE = "--replace"
"""The command option that allows existing files to be replaced."""


def check_absent(paths: Iterable[Path], *, replace: bool, option: str = "--out") -> None:
    """Check, before any work starts, that none of the output files exists.

    Parameters
    ----------
    paths : iterable of Path
        Files that will be written.
    replace : bool
        Whether existing files may be replaced.
    option : str
        Command option that sets the output path, for the message.

    Raises
    ------
    OverwriteError
        If one of them exists and `replace` is false.
    """
    if not replace:
        _refuse([path for path in paths if os.path.lexists(path)], "already exists", option)


def check_same_content(path: Path, content: bytes, *, replace: bool, option: str = "--out") -> None:
    """Check that an output file is absent or already has the same content.

    Parameters
    ----------
    path : Path
    content : bytes
        Content that will be written.
    replace : bool
        Whether different content may be replaced.
    option : str
        Command option that sets the output path, for the message.

    Raises
    ------
    OverwriteError
        If it has different content and `replace` is false.
    """
    if replace or not os.path.lexists(path):
        return
    try:
        is_same = path.read_bytes() == content
    except OSError:
        is_same = False
    if not is_same:
        _refuse([path], "already exists with different content", option)


@contextmanager
def staged_files(folder: Path, *, replace: bool, option: str = "--out") -> Iterator[Path]:
    """Collect new files in a temporary folder and move them all at the end.

    Parameters
    ----------
    folder : Path
        Target folder. It is created if missing, and removed again if it stays empty. Its other
        files stay.
    replace : bool
        Whether existing files with different content may be replaced.
    option : str
        Command option that sets the output path, for the message.

    Yields
    ------
    Path
        Temporary folder to write into. Its files are moved when the block ends without an error.

    Raises
    ------
    OverwriteError
        If an existing file has different content and `replace` is false. Nothing is changed
        then.
    DatasetError
        If the folder cannot be created.
    """
    is_new = not folder.exists()
    staged = folder / f".{os.getpid()}.part"
    try:
        staged.mkdir(parents=True)
    except OSError as error:
        raise DatasetError(f"{folder}: cannot be written into ({error.strerror})") from error
    try:
        yield staged
        files = sorted(path.relative_to(staged) for path in staged.rglob("*") if path.is_file())
        if not replace:
            changed = [folder / file for file in files if _differs(folder / file, staged / file)]
            _refuse(changed, "already exists with different content", option)
        for file in files:
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            os.replace(staged / file, folder / file)
    finally:
        shutil.rmtree(staged, ignore_errors=True)
        if is_new:
            with suppress(OSError):  # the folder is not empty
                folder.rmdir()


def _differs(existing: Path, new: Path) -> bool:
    try:
        return os.path.lexists(existing) and not filecmp.cmp(existing, new, shallow=False)
    except OSError:
        return True


def _refuse(existing: list[Path], problem: str, option: str) -> None:
    """Raise `OverwriteError` if there are existing files."""
    if existing:
        more = f" (and {len(existing) - 1} more)" if len(existing) > 1 else ""
        raise OverwriteError(
            f"{existing[0]}{more}: {problem}; nothing was changed: name another {option}, "
            f"or add {REPLACE} to overwrite"
        )
