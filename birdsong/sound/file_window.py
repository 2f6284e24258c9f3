"""A part of a file as a file of its own."""

from __future__ import annotations

import io
from typing import BinaryIO


class FileWindow(io.RawIOBase):
    """Some bytes, then a range of another file's; read only.

    Parameters
    ----------
    file : binary file
        One that can seek; closed with the window.
    start, end : int
        The range, in bytes.
    head : bytes, optional
        What comes before it, as in a header that replaces the file's own.
    """

    def __init__(self, file: BinaryIO, start: int, end: int, *, head: bytes = b"") -> None:
        self._file, self._start, self._head = file, start, head
        self._size = len(head) + max(0, end - start)
        self._at = 0

    def readable(self) -> bool:
        """Tell that it can be read."""
        return True

    def seekable(self) -> bool:
        """Tell that it can seek."""
        return True

    def tell(self) -> int:
        """Return the place of the next byte."""
        return self._at

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Go to a place; one before the first byte is the first byte."""
        origin = {io.SEEK_SET: 0, io.SEEK_CUR: self._at, io.SEEK_END: self._size}[whence]
        self._at = max(0, origin + offset)
        return self._at

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        """Fill a buffer as far as there are bytes, and return how many there were."""
        n_wanted = min(len(buffer), max(0, self._size - self._at))
        n_head = max(0, min(n_wanted, len(self._head) - self._at))
        content = self._head[self._at : self._at + n_head]
        if n_wanted > n_head:
            self._file.seek(self._start + self._at + n_head - len(self._head))
            content += self._file.read(n_wanted - n_head)
        buffer[: len(content)] = content
        self._at += len(content)
        return len(content)

    def close(self) -> None:
        """Close the file that it is a window of."""
        if not self.closed:
            self._file.close()
        super().close()
