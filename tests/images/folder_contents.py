"""A folder as data, to compare it with another."""

from pathlib import Path


def contents(folder: Path) -> dict[str, bytes | None]:
    """Everything below a folder by its relative path: the bytes of a file, None for a folder."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes() if path.is_file() else None
        for path in folder.rglob("*")
    }
