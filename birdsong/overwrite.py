"""What is there already is kept, unless the same is written again, or replacing it is asked for.

A command that writes where something lies stops before it changes anything, and says what lies
there and how to go on. One rule for all commands, so that a person learns it once: without
``--replace`` nothing is lost.
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
"""The option that says that what is there may go."""


def check_absent(paths: Iterable[Path], *, replace: bool, option: str = "--out") -> None:
    """See that nothing lies where something will be written, before any work is done for it.

    Parameters
    ----------
    paths : iterable of Path
        What will be written, whatever its content.
    replace : bool
        Whether what lies there may be replaced.
    option : str
        The command's option that names another place.

    Raises
    ------
    OverwriteError
        If one of them exists, and must not be replaced.
    """
    if not replace:
        _refuse([path for path in paths if os.path.lexists(path)], "is there already", option)


def check_same_content(path: Path, content: bytes, *, replace: bool, option: str = "--out") -> None:
    """See that a file that will be written is not there, or holds the same already.

    Parameters
    ----------
    path : Path
    content : bytes
        What will be written.
    replace : bool
        Whether another content may be replaced.
    option : str
        The command's option that names another place.

    Raises
    ------
    OverwriteError
        If it holds anything else, and must not be replaced.
    """
    if replace or not os.path.lexists(path):
        return
    try:
        is_same = path.read_bytes() == content
    except OSError:
        is_same = False
    if not is_same:
        _refuse([path], "is there already and holds something else", option)


@contextmanager
def staged_files(folder: Path, *, replace: bool, option: str = "--out") -> Iterator[Path]:
    """Write files into a folder all at once, and only where that loses nothing.

    Parameters
    ----------
    folder : Path
        Made if need be, and taken away again if nothing comes into it. What else is in it stays.
    replace : bool
        Whether files of the same names with another content may be replaced.
    option : str
        The command's option that names another place.

    Yields
    ------
    Path
        A folder to write them into. They are moved when the block ends without an error.

    Raises
    ------
    OverwriteError
        If a file of the same name holds anything else, and must not be replaced. Nothing was
        changed then.
    DatasetError
        If the folder cannot be made.
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
            others = [folder / file for file in files if _is_other(folder / file, staged / file)]
            _refuse(others, "is there already and holds something else", option)
        for file in files:
            (folder / file).parent.mkdir(parents=True, exist_ok=True)
            os.replace(staged / file, folder / file)
    finally:
        shutil.rmtree(staged, ignore_errors=True)
        if is_new:
            with suppress(OSError):  # something is in it
                folder.rmdir()


def _is_other(there: Path, new: Path) -> bool:
    try:
        return os.path.lexists(there) and not filecmp.cmp(there, new, shallow=False)
    except OSError:
        return True


def _refuse(there: list[Path], state: str, option: str) -> None:
    if there:
        more = f" (and {len(there) - 1} more)" if len(there) > 1 else ""
        raise OverwriteError(
            f"{there[0]}{more}: {state}; nothing was changed: name another {option}, "
            f"or add {REPLACE} to overwrite"
        )
